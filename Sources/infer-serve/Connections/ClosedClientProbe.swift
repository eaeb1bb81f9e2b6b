import NIOCore

/// Finds out whether a client that has closed its side of the connection is still there to read.
///
/// A program that has ended and one that only has nothing more to send look the same, until something is written: the
/// system of the first answers that with a reset. So the first byte of the answer, which is the same for all answers of
/// HTTP/1, is written at once, and the rest when it is there.
final class ClosedClientProbe: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private var hasRest = true

  /// Probes, when nothing of the answer has been written.
  static func addToHead(of pipeline: ChannelPipeline) {
    // A pipeline that takes no handlers is being taken down.
    try? pipeline.syncOperations.addHandler(ClosedClientProbe(), position: .first)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer(string: "H"))), promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard hasRest, case .byteBuffer(var buffer) = unwrapOutboundIn(data), buffer.readableBytes > 0 else {
      return context.write(data, promise: promise)
    }
    hasRest = false
    buffer.moveReaderIndex(forwardBy: 1)
    context.write(wrapOutboundOut(.byteBuffer(buffer)), promise: promise)
  }
}
