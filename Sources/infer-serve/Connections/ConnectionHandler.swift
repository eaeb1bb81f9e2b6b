import HTTPTypes
import InferCore
import InferText
import NIOCore
import NIOHTTP1
import NIOSSL

/// Sits next to the HTTP parser and sees to it that no client holds a connection: refuses what the layers above are not
/// to see, closes behind the last answer, and closes when a client neither sends nor reads.
///
/// An answer that is given before its request has come whole is the last one of its connection.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// An outbound event: refuse the request that is being read.
  struct Refusal: Sendable { let error: APIError }
  /// An outbound event: the body is about to be read of a request whose client waits to be told that it may send it.
  struct Proceed: Sendable {}

  private let rules: ConnectionRules
  private let ticket: ConnectionTicket
  private var progress = ConnectionProgress()
  /// The target of the request that was read last.
  private var target = ""
  /// Noted are bytes that the client has sent, or has taken of what was written.
  private let timer: IdleTimer
  /// Bytes that waited for the client when that was last looked at.
  private var waitingBytes = 0
  /// Whether the client will send nothing more.
  private var inputIsClosed = false
  /// Whether the response that is being written consists of chunks.
  private var writesChunks = false
  /// The place of the encoder of responses, which is nearer to the socket.
  private var encoder: ChannelHandlerContext?

  init(rules: ConnectionRules, ticket: ConnectionTicket) {
    self.rules = rules
    self.ticket = ticket
    timer = IdleTimer(rules.idleTimeout)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    encoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
    timer.start(on: context.eventLoop) { [self] in mayGoOn(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    encoder = nil
    timer.cancel()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer.cancel()
    context.fireChannelInactive()
  }

  // MARK: Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var part = unwrapInboundIn(data)
    timer.note()
    guard progress.read(part) else { return }
    if case .head(var head) = part {
      head.uri = rules.rootPath.removed(from: head.uri)
      part = .head(head)
      target = head.uri
      if let refusal = rules.refusal(of: head, ticket) { return refuse(refusal, context) }
      ticket.note(.busy)
      if !ticket.isRegular { progress.closeAfterThis() }
    }
    context.fireChannelRead(wrapInboundOut(part))
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent {
      inputIsClosed = true
      progress.noMoreRequests()
      let isEncrypted = (try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)) != nil
      switch progress.stage {
      // Who ends encryption has ended, as all clients of HTTP do it: none goes on to read.
      case .unanswered where isEncrypted, .answering where isEncrypted, .events where isEncrypted:
        return context.close(promise: nil)
      case .idle: return context.close(promise: nil)
      case .unanswered: ClosedClientProbe.addToHead(of: context.pipeline)
      case .events: context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ServerSentEvents.keepAlive))), promise: nil)
      case .reading, .answering, .closing: break
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What comes after the fault is not parsed any more, and reported again and again.
    if progress.stage == .closing { return }
    // A fault within a body is for the endpoint that reads it.
    guard let error = error as? HTTPParserError, progress.hasAnsweredAll else { return context.fireErrorCaught(error) }
    refuse(error == .headerOverflow ? .headerTooLarge : .malformed("\(error)"), context)
  }

  // MARK: Responses

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard progress.stage != .closing else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var head) where head.status.code >= 200:
      if progress.begin(head) { head.headers.replaceOrAdd(name: "connection", value: "close") }
      writesChunks =
        head.version == .http1_1 && head.status.mayHaveResponseBody && !head.headers.contains(name: "content-length")
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      writesChunks = false
      timer.note()
      guard progress.end() else {
        if progress.stage == .idle { ticket.note(.idle) }
        return context.write(data, promise: promise)
      }
      finish(context, data, promise)
    case .head, .body: context.write(data, promise: promise)
    }
  }

  /// Writes a part of a response's body as one piece of bytes, where it is a chunk of HTTP/1.1; returns `false` where not.
  func write(chunk bytes: ByteBuffer) -> Bool {
    guard writesChunks, progress.stage != .closing, let encoder else { return false }
    var chunk = encoder.channel.allocator.buffer(capacity: bytes.readableBytes + 16)
    chunk.writeString(String(bytes.readableBytes, radix: 16))
    chunk.writeStaticString("\r\n")
    chunk.writeImmutableBuffer(bytes)
    chunk.writeStaticString("\r\n")
    encoder.writeAndFlush(NIOAny(IOData.byteBuffer(chunk)), promise: nil)
    return true
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    if event is Proceed { return proceed(context, promise) }
    guard let refusal = event as? Refusal else { return context.triggerUserOutboundEvent(event, promise: promise) }
    promise?.succeed()
    switch progress.stage {
    case .reading, .unanswered: refuse(refusal.error, context)
    case .idle, .answering, .events: context.close(promise: nil)
    case .closing: break
    }
  }

  private func proceed(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
    // Who has sent it all the same waits for nothing.
    guard progress.stage == .reading else {
      promise?.succeed()
      return
    }
    let head = HTTPResponseHead(version: .http1_1, status: .continue)
    context.writeAndFlush(wrapOutboundOut(.head(head)), promise: promise)
  }

  /// The layers above close their side behind an answer; here that waits until the answer is written.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .output else { return context.close(mode: mode, promise: promise) }
    if progress.stage == .closing { promise?.succeed() } else { context.close(promise: promise) }
  }

  private func refuse(_ refusal: APIError, _ context: ChannelHandlerContext) {
    rules.note(refusal, ticket)
    progress.refuse()
    let form = ErrorForm(target: target)
    let body = ByteBuffer(string: refusal.json(in: form).serialized() + "\n")
    var headers: HTTPHeaders = [
      "content-type": "application/json", "content-length": "\(body.readableBytes)", "connection": "close",
    ]
    if let seconds = refusal.retryAfter { headers.add(name: "retry-after", value: "\(seconds)") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: refusal.status(in: form)), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    finish(context, wrapOutboundOut(HTTPServerResponsePart.end(nil)), nil)
    context.flush()
  }

  /// Writes the end of the connection's last answer, and closes behind it: closing at once would throw the answer away
  /// when the client is still sending.
  private func finish(_ context: ChannelHandlerContext, _ end: NIOAny, _ promise: EventLoopPromise<Void>?) {
    ticket.note(.closing)
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.cascade(to: promise)
    written.futureResult.assumeIsolated().whenComplete { [self] result in
      guard case .success = result, !inputIsClosed else { return context.close(promise: nil) }
      timer.cancel()
      LingeringClose.begin(context)
    }
    context.write(end, promise: written)
  }

  // MARK: Time

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    timer.note()
    context.fireChannelWritabilityChanged()
  }

  /// Returns whether a client that has done nothing for a time may go on, and ends its connection where it may not.
  private func mayGoOn(_ context: ChannelHandlerContext) -> Bool {
    let waiting = Self.waitingBytes(context)
    if waiting > 0 {
      // Who has taken anything since this was last looked at may go on.
      if waitingBytes > 0, waiting >= waitingBytes {
        rules.noteStalledReader(ticket, bytes: waiting)
        context.close(promise: nil)
        return false
      }
    } else {
      switch progress.stage {
      case .idle, .closing:
        context.close(promise: nil)
        return false
      case .reading:
        refuse(.requestIncomplete(after: rules.idleTimeout), context)
        return false
      case .unanswered, .answering, .events: break
      }
    }
    waitingBytes = waiting
    return true
  }

  /// Bytes that are written and that the client has not taken.
  private static func waitingBytes(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
