import NIOCore
import NIOHTTP2
import NIOSSL

/// Sits behind the parser of a connection of HTTP/2, and sees to it that no client holds the connection: closes it when
/// there are no streams for a time, when nothing is read of what is written, and behind a fault of the protocol.
///
/// Streams have rules of their own: ``StreamHandler``.
final class HTTP2ConnectionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias InboundOut = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let rules: ConnectionRules
  private let ticket: ConnectionTicket
  private var streams = 0
  private var lastStream = HTTP2StreamID.rootStream
  private var isEnding = false
  /// Noted are streams that are opened or closed.
  private let timer: IdleTimer
  /// Bytes that waited for the client when that was last looked at.
  private var waitingBytes = 0
  private var context: ChannelHandlerContext?

  init(rules: ConnectionRules, ticket: ConnectionTicket) {
    self.rules = rules
    self.ticket = ticket
    timer = IdleTimer(rules.idleTimeout)
  }

  /// The bounds of a connection.
  static let configuration: NIOHTTP2Handler.Configuration = {
    var configuration = NIOHTTP2Handler.Configuration()
    configuration.connection.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: maximumStreams),
      HTTP2Setting(parameter: .maxHeaderListSize, value: ConnectionRules.headerLimit),
      // Nothing is pushed, and no frame is larger than the least that is allowed.
      HTTP2Setting(parameter: .maxFrameSize, value: 1 << 14),
    ]
    // Fields in more frames than they need, streams that are opened to be reset, and frames that ask for answers.
    configuration.connection.maximumSequentialContinuationFrames = 5
    configuration.connection.maximumBufferedControlFrames = 1000
    configuration.connection.controlFrameRateLimit.maximumCount = 200
    configuration.connection.controlFrameRateLimit.windowLength = .seconds(30)
    configuration.stream.streamResetFrameRateLimit.maximumCount = 200
    configuration.stream.streamResetFrameRateLimit.windowLength = .seconds(30)
    configuration.stream.streamErrorRateLimit.maximumCount = 200
    configuration.stream.streamErrorRateLimit.windowLength = .seconds(30)
    return configuration
  }()
  /// Streams that may be open at the same time.
  static let maximumStreams = 100

  /// Notes a stream that a client has opened.
  func open(_ stream: any Channel) {
    streams += 1
    let id = try? stream.syncOptions?.getOption(HTTP2StreamChannelOptions.streamID)
    lastStream = max(lastStream, id ?? .rootStream)
    timer.note()
    ticket.note(.busy)
    stream.closeFuture.assumeIsolated().whenComplete { [self] _ in
      streams -= 1
      timer.note()
      guard streams == 0 else { return }
      ticket.note(.idle)
      // What the last one wrote goes first.
      if isEnding, let context { context.eventLoop.assumeIsolated().execute { context.close(promise: nil) } }
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    timer.start(on: context.eventLoop) { [self] in mayGoOn(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    timer.cancel()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer.cancel()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    // A client that sends nothing more cannot say that it reads.
    case ChannelEvent.inputClosed: context.close(promise: nil)
    case is ChannelShouldQuiesceEvent: end(context)
    default: break
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard !Self.isOfOneStream(error) else { return }
    if !Self.isEnd(error) { rules.note(fault: error, ticket) }
    // The parser has written why.
    context.flush()
    context.close(promise: nil)
  }

  /// Whether an error is the end of a connection that its client has broken off, as most clients of HTTP/2 do.
  private static func isEnd(_ error: any Error) -> Bool {
    if case NIOSSLError.uncleanShutdown = error { return true }
    return error is IOError || error is ChannelError
  }

  /// Whether an error ends one stream alone.
  private static func isOfOneStream(_ error: any Error) -> Bool {
    switch error {
    case is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.MissingPseudoHeader, is NIOHTTP2Errors.DuplicatePseudoHeader,
      is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader, is NIOHTTP2Errors.UnknownPseudoHeader,
      is NIOHTTP2Errors.UnsupportedPseudoHeader, is NIOHTTP2Errors.InvalidPseudoHeaders,
      is NIOHTTP2Errors.InvalidPseudoHeaderValue, is NIOHTTP2Errors.MissingHostHeader,
      is NIOHTTP2Errors.DuplicateHostHeader, is NIOHTTP2Errors.EmptyPathHeader,
      is NIOHTTP2Errors.ForbiddenHeaderField, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName,
      is NIOHTTP2Errors.TrailersWithoutEndStream, is NIOHTTP2Errors.ContentLengthViolated,
      is NIOHTTP2Errors.ContentLengthHeadersMismatch, is NIOHTTP2Errors.ContentLengthHeaderNegative,
      is NIOHTTP2Errors.ContentLengthHeaderMalformedValue, is NIOHTTP2Errors.StreamClosed:
      true
    default: false
    }
  }

  /// Tells the client to open no more streams, and closes when those that are open are over.
  private func end(_ context: ChannelHandlerContext) {
    guard !isEnding else { return }
    isEnding = true
    let frame = HTTP2Frame(
      streamID: .rootStream, payload: .goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil))
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    if streams == 0 { context.close(promise: nil) }
  }

  // MARK: Time

  /// Returns whether a client that has done nothing for a time may go on, and ends its connection where it may not at once.
  private func mayGoOn(_ context: ChannelHandlerContext) -> Bool {
    let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    if waiting > 0, waitingBytes > 0, waiting >= waitingBytes {
      rules.noteStalledReader(ticket, bytes: waiting)
      context.close(promise: nil)
      return false
    }
    waitingBytes = waiting
    if streams == 0, waiting == 0 { end(context) }
    return true
  }
}
