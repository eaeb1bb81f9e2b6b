import InferCore
import NIOCore
import NIOHTTP1

/// Tells when the client of a connection is gone.
///
/// A client that has only closed its own side is still there to read; see ``ClosedClientProbe``.
final class ClientConnection: Sendable {
  private struct State {
    var isClosed = false
    var nextID = 0
    var actions: [Int: @Sendable () -> Void] = [:]
  }
  private let state = Monitor(State())

  /// Calls `action` once when the client goes, at once if it has gone; until the registration is removed.
  func whenClosed(_ action: @escaping @Sendable () -> Void) -> Registration {
    let id: Int? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.nextID += 1
      state.actions[state.nextID] = action
      return state.nextID
    }
    if id == nil { action() }
    return Registration(connection: self, id: id)
  }

  /// A pending call of ``whenClosed(_:)``.
  struct Registration: Sendable {
    fileprivate let connection: ClientConnection
    fileprivate let id: Int?

    /// Forgets the action.
    func remove() {
      guard let id else { return }
      connection.state.withLock { $0.actions[id] = nil }
    }
  }

  /// The client is gone.
  func close() {
    let actions = state.withLock { state in
      state.isClosed = true
      defer { state.actions = [:] }
      return state.actions.values.map { $0 }
    }
    for action in actions { action() }
  }
}

/// Sits in a connection's pipeline and feeds its ``ClientConnection``.
final class DisconnectHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny

  let connection = ClientConnection()
  private let rules: ConnectionRules?

  /// - Parameter rules: The rules of a connection of HTTP/1; `nil` for a stream, which has them elsewhere.
  init(_ rules: ConnectionRules? = nil) { self.rules = rules }

  /// The server's library lets handlers be added behind its own only; this one brings those before them.
  func handlerAdded(context: ChannelHandlerContext) {
    guard let rules else { return }
    let pipeline = context.pipeline.syncOperations
    do {
      let ticket = try pipeline.handler(type: VersionHandler.self).ticket
      let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      try pipeline.addHandlers(
        [ConnectionHandler(rules: rules, ticket: ticket), OldClientHandler()], position: .after(parser))
    } catch { context.fireErrorCaught(error) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.close()
    context.fireChannelInactive()
  }

  /// The connection whose pipeline belongs to `channel`; `nil` when the client is gone and the pipeline with it.
  static func connection(of channel: any Channel) async -> ClientConnection? {
    try? await channel.eventLoop.submit {
      try channel.pipeline.syncOperations.handler(type: DisconnectHandler.self).connection
    }.get()
  }
}
