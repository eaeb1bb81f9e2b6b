import Foundation
import HybridBlocks
import InferCore
import Logging
import ServiceLifecycle
import UnixSignals

/// The server's life: listen, load, serve, drain.
///
/// Everything that happens is an event of one loop. A first SIGTERM or SIGINT drains: nothing new is taken, what runs
/// is finished. A second one ends the process at once.
final class ServeLifecycle: Service {
  private enum Event: Sendable {
    case listening(ListeningAddress)
    case loaded
    case signal
    case drained
  }

  private let state: ServerState
  private let drainLimit: Duration
  private let logger: Logger
  private let listeners: Int
  private let announce: @Sendable ([ListeningAddress]) -> Void
  private let manager = ServiceManager()
  private let events: AsyncStream<Event>
  private let post: AsyncStream<Event>.Continuation

  /// - Parameters:
  ///   - listeners: The number of addresses that the server listens on.
  ///   - announce: Called when requests are taken.
  init(
    state: ServerState, drainLimit: Duration, logger: Logger, listeners: Int = 1,
    announce: @escaping @Sendable ([ListeningAddress]) -> Void
  ) {
    self.listeners = listeners
    self.state = state
    self.drainLimit = drainLimit
    self.logger = logger
    self.announce = announce
    (events, post) = AsyncStream.makeStream()
  }

  /// A listener is up.
  func listening(_ address: ListeningAddress) { post.yield(.listening(address)) }

  /// A first signal drains, a second one ends the process: with the exit code that shells have for signals, 128 and its
  /// number, if that cuts responses off.
  func signal(_ number: Int32 = SIGTERM) {
    if case .draining = state.phase {
      let cut = state.responses.count
      logger.warning("stopped", metadata: ["cut_responses": "\(cut)"])
      LineWriter.standardError.flush(patience: .milliseconds(200))
      // Not exit(3): it takes libraries apart while the engine's threads still compute in them.
      _exit(cut > 0 ? 128 + number : 0)
    }
    post.yield(.signal)
    state.phase = .draining
  }

  /// Returns when the server has nothing left to do; throws when there is no model that could be loaded.
  func run() async throws {
    var addresses: [ListeningAddress] = []
    for await event in events {
      switch event {
      case .listening(let address):
        addresses.append(address)
        logger.info("listening", metadata: address.metadata)
        if addresses.count == listeners { startLoading() }
      case .loaded:
        if let error = state.models.failure { throw error }
        if state.becomeReady() {
          announce(addresses)
          manager?.tellReady("serving \(state.models.names.joined(separator: ", "))")
        }
      case .signal:
        manager?.tellStopping()
        logger.notice("draining", metadata: ["limit_s": "\(drainLimit.components.seconds)"])
        startDraining()
      case .drained:
        return
      }
    }
  }

  private func startLoading() {
    let (models, post) = (state.models, post)
    Task {
      await models.loadAtStart()
      post.yield(.loaded)
      await models.unloadIdle()
    }
  }

  private func startDraining() {
    let (limit, post, models, responses) = (drainLimit, post, state.models, state.responses)
    Task {
      let deadline = ContinuousClock.now + limit
      await models.drain(within: limit)
      // What is generated has still to reach clients.
      try? await responses.wait(until: deadline)
      post.yield(.drained)
    }
  }
}
