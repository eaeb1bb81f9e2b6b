import NIOCore

/// Closes a connection whose client may still be sending: the own side first, and all once the client has closed its
/// own, or has sent for long enough.
///
/// A connection that is closed with bytes unread is reset, and a reset takes away what the client has not read: the
/// answer that told it to stop.
final class LingeringClose: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  /// The time for reading on.
  private static let time = TimeAmount.seconds(10)
  /// How long the client may be silent meanwhile.
  private static let silence = TimeAmount.seconds(3)
  /// Bytes that are read and thrown away at most.
  private static let byteLimit = 64 << 20

  private var bytes = 0
  private let start = NIODeadline.now()
  private var lastSeen = NIODeadline.now()
  private var timer: Scheduled<Void>?

  /// Takes over a connection that has nothing more to say.
  static func begin(_ context: ChannelHandlerContext) {
    guard context.channel.isActive else { return }
    do {
      let handler = LingeringClose()
      try context.pipeline.syncOperations.addHandler(handler, position: .first)
      context.close(mode: .output, promise: nil)
      context.channel.read()
    } catch {
      context.close(promise: nil)
    }
  }

  func handlerAdded(context: ChannelHandlerContext) { startTimer(context) }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += unwrapInboundIn(data).readableBytes
    if bytes > Self.byteLimit { return context.close(promise: nil) }
    lastSeen = .now()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Nobody above asks for more.
    context.read()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  private func startTimer(_ context: ChannelHandlerContext) {
    let end = min(start + Self.time, lastSeen + Self.silence)
    guard NIODeadline.now() < end else { return context.close(promise: nil) }
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) { [self] in startTimer(context) }
  }
}
