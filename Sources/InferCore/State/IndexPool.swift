/// Bookkeeping of pages or slots: how many hold each of the indices `0 ..< count`. Holds no bytes; those are the
/// `StateStore`'s.
///
/// The system backs the memory of an index when it is first written, and until it is asked to take it back: an index counts
/// as backed from when it is first taken until ``release()``.
struct IndexPool {
  /// The number of indices, free or taken.
  let count: Int
  /// The free indices that are backed, as a stack: the one given back last is taken next, so that a quiet server touches
  /// few pages.
  private var free: [Int32] = []
  /// The free indices that are not backed, as a stack.
  private var unbacked: [Int32]
  /// The number of holders of each index.
  private var holders: [Int32]
  /// `true` where one of the holders keeps the index only for as long as nobody needs it.
  private var isKept: [Bool]
  /// The number of indices that nobody else holds.
  private(set) var idleCount = 0

  /// A pool of which everything is free and nothing is backed.
  init(count: Int) {
    precondition(count >= 0 && count <= Int(Int32.max), "a pool of \(count)")
    self.count = count
    unbacked = (0..<Int32(count)).reversed()
    free.reserveCapacity(count)
    holders = Array(repeating: 0, count: count)
    isKept = Array(repeating: false, count: count)
  }

  var freeCount: Int { free.count + unbacked.count }
  var takenCount: Int { count - freeCount }
  /// The number of indices that are backed, free or taken.
  var backedCount: Int { count - unbacked.count }
  /// The number of free indices that are backed, which are taken before others.
  var freeBackedCount: Int { free.count }

  /// The number of holders of an index; 0 when it is free. O(1).
  func holderCount(_ index: Int32) -> Int { Int(holders[Int(index)]) }

  /// A free index, taken by one holder; `nil` when there is none. O(1).
  mutating func take() -> Int32? {
    guard let index = free.popLast() ?? unbacked.popLast() else { return nil }
    holders[Int(index)] = 1
    return index
  }

  /// A free index that is no longer backed from now on; `nil` when no free one is. O(1).
  mutating func release() -> Int32? {
    guard let index = free.popLast() else { return nil }
    unbacked.append(index)
    return index
  }

  /// Adds a holder to a taken index. O(1).
  mutating func share(_ index: Int32) {
    checkIsTaken(index)
    if isIdle(index) { idleCount -= 1 }
    holders[Int(index)] += 1
  }

  /// Removes a holder; the index is free when that was the last. O(1).
  mutating func give(_ index: Int32) {
    checkIsTaken(index)
    holders[Int(index)] -= 1
    precondition(holders[Int(index)] > 0 || !isKept[Int(index)], "index \(index) is kept and not given up")
    if holders[Int(index)] == 0 { free.append(index) }
    if isIdle(index) { idleCount += 1 }
  }

  /// Makes one holder of a taken index one that keeps it only for as long as nobody needs it. O(1).
  mutating func keep(_ index: Int32) {
    checkIsTaken(index)
    precondition(!isKept[Int(index)], "index \(index) is kept twice")
    isKept[Int(index)] = true
    if isIdle(index) { idleCount += 1 }
  }

  /// Gives up an index that is kept. O(1).
  mutating func giveUp(_ index: Int32) {
    precondition(isKept[Int(index)], "index \(index) is not kept")
    if isIdle(index) { idleCount -= 1 }
    isKept[Int(index)] = false
    give(index)
  }

  /// `true` when an index is kept and held by nobody else. O(1).
  func isIdle(_ index: Int32) -> Bool { isKept[Int(index)] && holders[Int(index)] == 1 }

  /// `true` when a taken index has one holder, beside one that keeps it only for as long as nobody needs it. O(1).
  func isHeldOnce(_ index: Int32) -> Bool { holders[Int(index)] == (isKept[Int(index)] ? 2 : 1) }

  private func checkIsTaken(_ index: Int32) {
    precondition(index >= 0 && index < count && holders[Int(index)] > 0, "index \(index) of \(count) is not taken")
  }
}
