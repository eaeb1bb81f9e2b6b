import InferCore
import NIOCore

/// All open connections, and which of them have to go when there are too many.
///
/// Beyond the limits a few connections more are taken, so that the server's health can be asked for and others are told
/// why they have to wait. Connections at which nothing happens make room for new ones.
final class Connections: Sendable {
  /// The stage of a connection.
  enum Activity: Sendable {
    /// No request is under way.
    case idle
    /// A request is being answered.
    case busy
    /// The last answer is written.
    case closing
    /// Closed, to make room for another.
    case evicted
  }

  private struct Entry {
    let channel: any Channel
    let origin: ConnectionOrigin
    let isExempt: Bool
    var isRegular = false
    /// The client of a proxy whose request is being answered, as limits count it.
    var client: String?
    var activity = Activity.idle
    var since = ContinuousClock.now
  }

  private struct State {
    var entries: [Int: Entry] = [:]
    var nextID = 0
    var regular = 0
    var byNetwork: [String: Int] = [:]

    /// Takes one from a network's count.
    mutating func forget(_ network: String) {
      let count = byNetwork[network, default: 1] - 1
      byNetwork[network] = count > 0 ? count : nil
    }
  }

  /// How many connections there may be.
  let limits: ConnectionLimits
  private let state = Monitor(State())

  /// How long nothing must have happened at a connection that makes room for a new one.
  private static let patience = Duration.milliseconds(500)

  init(limits: ConnectionLimits) { self.limits = limits }

  /// Connections that are open.
  var count: Int { state.withLock { $0.entries.count } }

  /// Takes a connection in. If there are too many, one at which nothing happens is closed.
  ///
  /// - Parameter isProxy: `true` for a connection that many clients share, whose number from an address has no limit.
  func open(_ channel: any Channel, from origin: ConnectionOrigin, isProxy: Bool = false) -> ConnectionTicket {
    let (id, evicted) = state.withLock { state in
      state.nextID += 1
      let id = state.nextID
      state.entries[id] = Entry(
        channel: channel, origin: origin, isExempt: isProxy || isExempt(origin))
      return (id, admit(id, &state) ? nil : makeRoom(for: origin, &state))
    }
    // The place of what is closed is free a little later, and until then the new connection is beyond the limit.
    evicted?.close(promise: nil)
    channel.closeFuture.whenComplete { [self] _ in forget(id) }
    return ConnectionTicket(connections: self, id: id, origin: origin)
  }

  /// Closes connections at which nothing happens, because descriptors have run out.
  func evict(_ count: Int) {
    for _ in 0..<count {
      state.withLock { evict(among: { _ in true }, patience: .zero, &$0) }?.close(promise: nil)
    }
  }

  fileprivate func note(_ activity: Activity, _ id: Int) {
    state.withLock { state in
      guard state.entries[id]?.activity != .evicted else { return }
      if activity != .busy { release(id, &state) }
      state.entries[id]?.activity = activity
      state.entries[id]?.since = .now
    }
  }

  /// Counts a proxy's connection as a client's until the answer is over. Returns `false` where the client has as many.
  fileprivate func attribute(_ id: Int, to client: ConnectionOrigin) -> Bool {
    state.withLock { state in
      release(id, &state)
      guard !isExempt(client) else { return true }
      let count = state.byNetwork[client.network, default: 0]
      guard count < limits.perAddress else { return false }
      state.byNetwork[client.network] = count + 1
      state.entries[id]?.client = client.network
      return true
    }
  }

  private func isExempt(_ origin: ConnectionOrigin) -> Bool { origin.isLoopback && !limits.includesLoopback }

  /// Counts a connection as its client's no more.
  private func release(_ id: Int, _ state: inout State) {
    guard let client = state.entries[id]?.client.take() else { return }
    state.forget(client)
  }

  fileprivate func isRegular(_ id: Int) -> Bool {
    state.withLock { $0.entries[id]?.isRegular == true || admit(id, &$0) }
  }

  private func admit(_ id: Int, _ state: inout State) -> Bool {
    guard let entry = state.entries[id], state.regular < limits.total else { return false }
    let count = state.byNetwork[entry.origin.network, default: 0]
    guard entry.isExempt || count < limits.perAddress else { return false }
    state.entries[id]?.isRegular = true
    state.byNetwork[entry.origin.network] = count + 1
    state.regular += 1
    return true
  }

  private func forget(_ id: Int) {
    state.withLock { state in
      release(id, &state)
      guard let entry = state.entries.removeValue(forKey: id), entry.isRegular else { return }
      state.regular -= 1
      state.forget(entry.origin.network)
    }
  }

  /// The connection to close for one from `origin` that is beyond the limits.
  private func makeRoom(for origin: ConnectionOrigin, _ state: inout State) -> (any Channel)? {
    let isFull = state.regular >= limits.total
    let idle = evict(
      among: { $0.isRegular && (isFull || $0.origin.network == origin.network) }, patience: Self.patience, &state)
    if let idle { return idle }
    guard state.entries.count - state.regular > limits.reserve else { return nil }
    return evict(among: { !$0.isRegular }, patience: .zero, &state)
  }

  /// The connection at which nothing has happened for the longest. O(connections).
  private func evict(
    among isCandidate: (Entry) -> Bool, patience: Duration, _ state: inout State
  ) -> (any Channel)? {
    let now = ContinuousClock.now
    let idle = state.entries.filter { _, entry in
      (entry.activity == .idle || entry.activity == .closing) && isCandidate(entry) && now - entry.since >= patience
    }
    guard let (id, entry) = idle.min(by: { $0.value.since < $1.value.since }) else { return nil }
    state.entries[id]?.activity = .evicted
    return entry.channel
  }
}

/// A connection's place among all.
struct ConnectionTicket: Sendable {
  fileprivate let connections: Connections
  fileprivate let id: Int
  /// The connection's origin.
  let origin: ConnectionOrigin

  /// Whether it is within the limits, now if it was not before.
  var isRegular: Bool { connections.isRegular(id) }

  /// Counts it as a client's of a proxy until the answer is over. Returns `false` where the client has as many.
  func attribute(to client: ConnectionOrigin) -> Bool { connections.attribute(id, to: client) }

  /// Notes what the connection is at.
  func note(_ activity: Connections.Activity) { connections.note(activity, id) }
}
