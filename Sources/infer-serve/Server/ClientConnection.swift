import NIOCore
import Synchronization

/// Tells when the client of a connection is gone.
///
/// A client that closes its side of the connection before it has its answer is taken to have given up, also when it
/// could still read: that is all a server without a running write ever sees of a closed socket.
final class ClientConnection: Sendable {
  private struct State {
    var isClosed = false
    var nextID = 0
    var actions: [Int: @Sendable () -> Void] = [:]
  }
  private let state = Mutex(State())

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

  /// The server's library lets handlers be added behind its own only; this one brings the one before them.
  func handlerAdded(context: ChannelHandlerContext) {
    do { try ProtocolHandler.add(to: context.pipeline.syncOperations) } catch { context.fireErrorCaught(error) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { connection.close() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.close()
    context.fireChannelInactive()
  }

  /// The connection whose pipeline belongs to `channel`.
  static func connection(of channel: any Channel) async throws -> ClientConnection {
    try await channel.eventLoop.submit {
      try channel.pipeline.syncOperations.handler(type: DisconnectHandler.self).connection
    }.get()
  }
}
