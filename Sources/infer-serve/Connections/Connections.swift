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
    var activity = Activity.idle
    var since = ContinuousClock.now
  }

  private struct State {
    var entries: [Int: Entry] = [:]
    var nextID = 0
    var regular = 0
    var byNetwork: [String: Int] = [:]
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
  func open(_ channel: any Channel) -> ConnectionTicket {
    let origin = ConnectionOrigin(channel.remoteAddress)
    let (id, evicted) = state.withLock { state in
      state.nextID += 1
      let id = state.nextID
      state.entries[id] = Entry(
        channel: channel, origin: origin, isExempt: origin.isLoopback && !limits.includesLoopback)
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
      state.entries[id]?.activity = activity
      state.entries[id]?.since = .now
    }
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
      guard let entry = state.entries.removeValue(forKey: id), entry.isRegular else { return }
      state.regular -= 1
      let count = state.byNetwork[entry.origin.network, default: 1] - 1
      state.byNetwork[entry.origin.network] = count > 0 ? count : nil
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

  /// Notes what the connection is at.
  func note(_ activity: Connections.Activity) { connections.note(activity, id) }
}
