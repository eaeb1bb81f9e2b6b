import HTTPTypes
import InferCore
import NIOCore
import NIOHTTP1

/// Sits next to the HTTP parser and sees to what the layers above are not told: requests that are no HTTP, which get
/// an error object, and clients of HTTP/1.0, which know neither chunks nor connections that stay open.
final class ProtocolHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Requests whose head has come and whose response has not been written whole.
  private var unanswered = 0
  /// Whether the last request is of HTTP/1.0; there is no other after it.
  private var isOld = false
  private var hasRefused = false

  /// Adds a handler to a pipeline that has a parser.
  static func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
    let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    try pipeline.addHandler(ProtocolHandler(), position: .after(parser))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
    unanswered += 1
    isOld = head.version != .http1_1
    if isOld { head.headers.replaceOrAdd(name: "connection", value: "close") }
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where isOld:
      // Without a length, the end of the connection is then the end of the body.
      head.version = .http1_0
      head.headers.replaceOrAdd(name: "connection", value: "close")
      return context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end: unanswered -= 1
    case .head, .body: break
    }
    context.write(data, promise: promise)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What comes after the fault is not parsed any more, and reported again and again.
    if hasRefused { return }
    // A fault within a body is for the endpoint that reads it.
    guard let error = error as? HTTPParserError, unanswered == 0 else { return context.fireErrorCaught(error) }
    hasRefused = true
    let refusal = error == .headerOverflow ? APIError.headerTooLarge : .malformed("\(error)")
    let body = ByteBuffer(string: refusal.json.serialized() + "\n")
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: refusal.status),
      headers: [
        "content-type": "application/json", "content-length": "\(body.readableBytes)", "connection": "close",
      ])
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    // Half of it: closing all would throw the response away when the client is still sending.
    context.close(mode: .output, promise: nil)
  }
}
