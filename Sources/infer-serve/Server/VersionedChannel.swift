import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import NIOSSL

/// Sets connections up for the version of HTTP that they speak, behind TLS where there is a certificate: each with the one
/// that is in force when it comes.
struct VersionedChannel: ServerChildChannel {
  let base: HTTP1Channel
  let certificates: TLSCertificates?
  let rules: ConnectionRules

  /// A connection that is set up when its version is known.
  struct Value: ServerChildChannelValue {
    fileprivate let setUp: EventLoopFuture<Connection>
    let channel: any Channel
  }

  /// Requests of a connection, one after another, or side by side in streams.
  fileprivate enum Connection: Sendable {
    case one(HTTP1Channel.Value)
    case two(NIOHTTP2Handler.AsyncStreamMultiplexer<HTTP1Channel.Value>)
  }

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      if let certificates { try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context)) }
      let ticket = rules.open(channel)
      let promise = channel.eventLoop.makePromise(of: Connection.self)
      try pipeline.addHandler(
        VersionHandler(rules: rules, ticket: ticket, isEncrypted: certificates != nil) { version in
          switch version {
          case .one: base.setup(channel: channel, logger: logger).map { .one($0) }.cascade(to: promise)
          case .two: promise.succeed(.two(try setUpStreams(channel, ticket)))
          }
        } fail: {
          promise.fail($0)
        })
      return Value(setUp: promise.futureResult, channel: channel)
    }
  }

  private func setUpStreams(
    _ channel: any Channel, _ ticket: ConnectionTicket
  ) throws -> NIOHTTP2Handler.AsyncStreamMultiplexer<HTTP1Channel.Value> {
    let handler = HTTP2ConnectionHandler(rules: rules, ticket: ticket)
    let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    let pipeline = channel.pipeline.syncOperations
    let streams = try pipeline.configureAsyncHTTP2Pipeline(
      mode: .server, configuration: HTTP2ConnectionHandler.configuration
    ) { [rules] stream in
      stream.eventLoop.makeCompletedFuture {
        bound.value.open(stream)
        try stream.pipeline.syncOperations.addHandlers([
          HTTP2FramePayloadToHTTPServerCodec(), StreamHandler(rules: rules, ticket: rules.open(stream)),
          DisconnectHandler(),
        ])
        return try HTTP1Channel.Value(wrappingChannelSynchronously: stream)
      }
    }
    try pipeline.addHandler(handler)
    return streams
  }

  func handle(value: Value, logger: Logger) async {
    // A connection that ends before it says its version has asked for nothing.
    guard let connection = try? await value.setUp.get() else { return }
    switch connection {
    case .one(let requests): await base.handle(value: requests, logger: logger)
    case .two(let streams):
      await withTaskCancellationHandler {
        await withDiscardingTaskGroup { group in
          do {
            for try await stream in streams.inbound {
              group.addTask { await base.handle(value: stream, logger: logger) }
            }
          } catch {
            // The connection has broken off, of which each stream hears as well.
          }
        }
      } onCancel: {
        value.channel.close(promise: nil)
      }
    }
  }
}
