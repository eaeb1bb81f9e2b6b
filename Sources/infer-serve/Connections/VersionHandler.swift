import InferCore
import NIOCore
import NIOSSL
import NIOTLS

/// Finds out which version of HTTP a connection speaks, and has it set up for that: with TLS its client chooses while they
/// agree on encryption (ALPN), without it a client of HTTP/2 begins with a preface that no other version has.
///
/// Holds the connection's place among all from the beginning, and closes one that does not say.
final class VersionHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// A version of HTTP.
  enum Version: Sendable { case one, two }

  /// The preface of HTTP/2.
  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// The connection's place among all.
  let ticket: ConnectionTicket
  private let rules: ConnectionRules
  private let isEncrypted: Bool
  /// Sets the connection up for a version, at once.
  private let setUp: (Version) throws -> Void
  /// Called when there will be no version.
  private let fail: (any Error) -> Void
  private var buffer = ByteBuffer()
  private var isDecided = false
  private var timer: Scheduled<Void>?

  init(
    rules: ConnectionRules, ticket: ConnectionTicket, isEncrypted: Bool, setUp: @escaping (Version) throws -> Void,
    fail: @escaping (any Error) -> Void
  ) {
    (self.rules, self.ticket, self.isEncrypted) = (rules, ticket, isEncrypted)
    (self.setUp, self.fail) = (setUp, fail)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(rules.idleTimeout)) {
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    giveUp(ChannelError.ioOnClosedChannel)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    giveUp(ChannelError.ioOnClosedChannel)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDecided else { return context.fireChannelRead(data) }
    var part = unwrapInboundIn(data)
    buffer.writeBuffer(&part)
    guard !isEncrypted else { return }
    let seen = buffer.readableBytesView.prefix(Self.preface.count)
    guard seen.elementsEqual(Self.preface.prefix(seen.count)) else { return decide(.one, context) }
    if seen.count == Self.preface.count { decide(.two, context) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard !isDecided else { return context.fireUserInboundEventTriggered(event) }
    switch event {
    case TLSUserEvent.handshakeCompleted(let name): decide(name == "h2" ? .two : .one, context)
    case ChannelEvent.inputClosed where buffer.readableBytes > 0 && !isEncrypted:
      // What there is may still be answered.
      decide(.one, context)
      context.fireUserInboundEventTriggered(event)
    case ChannelEvent.inputClosed, is ChannelShouldQuiesceEvent: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !isDecided else { return context.fireErrorCaught(error) }
    if case NIOSSLError.handshakeFailed = error { rules.note(error, ticket) }
    context.close(promise: nil)
  }

  private func decide(_ version: Version, _ context: ChannelHandlerContext) {
    isDecided = true
    timer?.cancel()
    do { try setUp(version) } catch {
      fail(error)
      return context.close(promise: nil)
    }
    if buffer.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(buffer))
      context.fireChannelReadComplete()
    }
    buffer = ByteBuffer()
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  private func giveUp(_ error: any Error) {
    guard !isDecided else { return }
    isDecided = true
    fail(error)
  }
}
