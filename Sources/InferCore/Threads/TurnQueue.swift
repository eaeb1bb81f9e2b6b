/// Whose turn it is with what only one of several can use at a time: stride scheduling (Waldspurger & Weihl, MIT/LCS/TM-528,
/// 1995).
///
/// Each share has a clock, which runs slower the greater its weight is, and only while it has the turn. The one that waits
/// with the least time is next, and keeps the turn until another waits with less. A share that comes back from a rest has
/// gained nothing by it.
struct TurnQueue {
  private struct Share {
    var weight: Double
    var time = 0.0
    var isWaiting = false
  }

  private var shares: [Share?] = []
  /// The least time of those that have work, or of the last that had.
  private var time = 0.0
  /// The share that has the turn.
  private(set) var holder: Int?

  /// Adds a share and returns its number. Numbers of removed ones are used again.
  mutating func add(weight: Double) -> Int {
    precondition(weight > 0 && weight.isFinite, "a share of weight \(weight)")
    let share = Share(weight: weight, time: time)
    if let free = shares.firstIndex(where: { $0 == nil }) {
      shares[free] = share
      return free
    }
    shares.append(share)
    return shares.count - 1
  }

  /// Removes a share, which must not have the turn.
  mutating func remove(_ index: Int) {
    precondition(holder != index, "share \(index) is removed in its turn")
    shares[index] = nil
  }

  /// Has a share wait for its turn, unless it has it.
  mutating func wait(_ index: Int) {
    guard holder != index, var share = shares[index], !share.isWaiting else { return }
    share.time = max(share.time, time)
    share.isWaiting = true
    shares[index] = share
  }

  /// Gives a share that waits the turn if it is next, and returns whether it has it.
  mutating func take(_ index: Int) -> Bool {
    if holder == index { return true }
    guard holder == nil, next == index else { return false }
    shares[index]?.isWaiting = false
    holder = index
    return true
  }

  /// Counts the time that the holder has used, and takes the turn from it if another one with less waits. Returns whether
  /// it did.
  mutating func use(seconds: Double) -> Bool {
    guard let index = holder, var share = shares[index] else { return false }
    share.time += max(seconds, 0) / share.weight
    shares[index] = share
    let other = next.flatMap { shares[$0]?.time } ?? .infinity
    time = max(time, min(share.time, other))
    guard other < share.time else { return false }
    holder = nil
    return true
  }

  /// Takes the turn from a share that has no use for it. Returns whether it had it.
  mutating func rest(_ index: Int) -> Bool {
    guard holder == index else { return false }
    holder = nil
    return true
  }

  /// The share that waits with the least time.
  private var next: Int? {
    var next: Int?
    var least = Double.infinity
    for (index, share) in shares.enumerated() {
      guard let share, share.isWaiting, share.time < least else { continue }
      (next, least) = (index, share.time)
    }
    return next
  }
}
