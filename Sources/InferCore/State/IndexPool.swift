/// Bookkeeping of pages or slots: which of the indices `0 ..< count` are free. Holds no bytes; those are the
/// ``StateStore``'s.
struct IndexPool {
  /// The number of indices, free or taken.
  let count: Int
  /// The free indices as a stack: the one given back last is taken next, so that a quiet server touches few pages.
  private var free: [Int32]
  private var isTaken: [Bool]

  /// A pool of which everything is free.
  init(count: Int) {
    precondition(count >= 0 && count <= Int(Int32.max), "a pool of \(count)")
    self.count = count
    free = (0..<Int32(count)).reversed()
    isTaken = Array(repeating: false, count: count)
  }

  var freeCount: Int { free.count }
  var takenCount: Int { count - free.count }

  /// A free index, taken; `nil` when there is none. O(1).
  mutating func take() -> Int32? {
    guard let index = free.popLast() else { return nil }
    isTaken[Int(index)] = true
    return index
  }

  /// Gives an index back. O(1).
  mutating func give(_ index: Int32) {
    precondition(index >= 0 && index < count && isTaken[Int(index)], "index \(index) of \(count) is not taken")
    isTaken[Int(index)] = false
    free.append(index)
  }
}
