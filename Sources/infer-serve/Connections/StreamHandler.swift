import HTTPTypes
import InferCore
import InferText
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2

/// Holds a stream of HTTP/2 to the rules that ``ConnectionHandler`` holds a connection of HTTP/1 to: refuses what the layers
/// above are not to see, and ends the stream when its client neither sends nor reads. The other streams of the connection go
/// on.
///
/// A stream counts as a connection of its client.
final class StreamHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// Bytes that are written at a time, so that a client is seen to take a part of what is much.
  private static let pieceBytes = 16 << 10

  private let rules: ConnectionRules
  private let ticket: ConnectionTicket
  private var target = ""
  private var requestIsWhole = false
  private var responseHasBegun = false
  private var responseIsOver = false
  /// Noted are bytes that the client has sent, or has taken of what was written.
  private let timer: IdleTimer
  /// Bytes that are written and that the client has not taken.
  private var waitingBytes = 0

  init(rules: ConnectionRules, ticket: ConnectionTicket) {
    self.rules = rules
    self.ticket = ticket
    timer = IdleTimer(rules.idleTimeout)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    timer.start(on: context.eventLoop) { [self] in mayGoOn(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    timer.cancel()
    context.fireChannelInactive()
  }

  // MARK: The request

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var part = unwrapInboundIn(data)
    timer.note()
    switch part {
    case .head(var head):
      target = rules.rootPath.removed(from: head.path ?? "/")
      head.path = target
      if let refusal = refusal(of: head) { return refuse(refusal, context) }
      ticket.note(.busy)
      part = .head(head)
    case .body: break
    case .end: requestIsWhole = true
    }
    // Who has been answered need not go on, and is told so.
    if !responseIsOver { context.fireChannelRead(wrapInboundOut(part)) }
  }

  private func refusal(of head: HTTPRequest) -> APIError? {
    guard head.headerFields.count <= ConnectionRules.fieldLimit else { return .headerTooLarge }
    var fields = HTTPHeaders(head.headerFields.map { ($0.name.rawName, $0.value) })
    if let authority = head.authority { fields.replaceOrAdd(name: "host", value: authority) }
    let plain = HTTPRequestHead(
      version: .http2, method: NIOHTTP1.HTTPMethod(rawValue: head.method.rawValue), uri: target, headers: fields)
    return rules.refusal(of: plain, ticket)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Fields that are none; a stream that is closed has nobody to tell.
    guard target.isEmpty, !responseHasBegun, !(error is NIOHTTP2Errors.StreamClosed) else {
      return context.fireErrorCaught(error)
    }
    refuse(.malformed("\(error)"), context)
  }

  // MARK: The response

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !responseIsOver else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(let head):
      if head.status.code >= 200 { responseHasBegun = true }
      context.write(data, promise: promise)
    case .body(let bytes): write(bytes, context, promise)
    case .end: finish(context, data, promise)
    }
  }

  private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    var rest = bytes
    repeat {
      let count = min(Self.pieceBytes, rest.readableBytes)
      guard let piece = rest.readSlice(length: count) else { return }
      waitingBytes += count
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.assumeIsolated().whenComplete { [self] _ in
        waitingBytes -= count
        timer.note()
      }
      if rest.readableBytes == 0 { written.futureResult.cascade(to: promise) }
      context.write(wrapOutboundOut(.body(piece)), promise: written)
    } while rest.readableBytes > 0
  }

  /// Writes the end of the response. A request that has not come whole is not read any further.
  private func finish(_ context: ChannelHandlerContext, _ end: NIOAny, _ promise: EventLoopPromise<Void>?) {
    responseIsOver = true
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.cascade(to: promise)
    written.futureResult.assumeIsolated().whenSuccess { [self] in
      guard !requestIsWhole else { return }
      context.triggerUserOutboundEvent(NIOHTTP2FramePayloadToHTTPEvent.reset(code: .noError), promise: nil)
    }
    context.write(end, promise: written)
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    switch event {
    case is ConnectionHandler.Proceed:
      promise?.succeed()
      // Who has sent it all the same waits for nothing.
      guard !requestIsWhole, !responseHasBegun else { return }
      context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    case let refusal as ConnectionHandler.Refusal:
      promise?.succeed()
      if responseHasBegun { context.close(promise: nil) } else { refuse(refusal.error, context) }
    default: context.triggerUserOutboundEvent(event, promise: promise)
    }
  }

  private func refuse(_ refusal: APIError, _ context: ChannelHandlerContext) {
    rules.note(refusal, ticket)
    let form = ErrorForm(target: target)
    let body = ByteBuffer(string: refusal.json(in: form).serialized() + "\n")
    var head = HTTPResponse(status: HTTPResponse.Status(code: refusal.status(in: form)))
    head.headerFields = [.contentType: "application/json", .contentLength: "\(body.readableBytes)"]
    if let seconds = refusal.retryAfter { head.headerFields[.retryAfter] = "\(seconds)" }
    responseHasBegun = true
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    write(body, context, nil)
    finish(context, wrapOutboundOut(.end(nil)), nil)
    context.flush()
  }

  // MARK: Time

  /// Returns whether a client that has done nothing for a time may go on, and ends its stream where it may not.
  private func mayGoOn(_ context: ChannelHandlerContext) -> Bool {
    if waitingBytes > 0 {
      rules.noteStalledReader(ticket, bytes: waitingBytes)
      context.close(promise: nil)
    } else if responseIsOver {
      context.close(promise: nil)
    } else if !requestIsWhole, !responseHasBegun {
      refuse(.requestIncomplete(after: rules.idleTimeout), context)
    } else {
      return true
    }
    return false
  }
}
