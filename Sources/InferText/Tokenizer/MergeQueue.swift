/// The symbols of a piece as a linked list, and its mergeable pairs in a heap ordered by rank, then by position.
/// Kept between pieces so that a text costs a handful of allocations.
struct MergeQueue {
  var symbols: [Int32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  /// `rank << 32 | position`, smallest first. An entry is stale when the pair at its position has another rank by now.
  private var heap: [UInt64] = []

  mutating func reset() {
    symbols.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
  }

  /// Joins pairs until `merges` knows none of those that are left.
  /// - Complexity: O(n log n) for n symbols.
  mutating func mergeAll(_ merges: MergeTable) {
    let count = Int32(symbols.count)
    for position in 0..<count {
      next.append(position + 1 < count ? position + 1 : -1)
      previous.append(position - 1)
    }
    for position in 0..<count { offer(position, merges) }
    while let candidate = popSmallest() {
      let left = Int(candidate & 0xFFFF_FFFF)
      guard symbols[left] >= 0, next[left] >= 0 else { continue }
      let right = Int(next[left])
      guard let joined = merges[symbols[left], symbols[right]], UInt64(joined.rank) == candidate >> 32 else { continue }
      symbols[left] = joined.result
      symbols[right] = -1
      next[left] = next[right]
      if next[left] >= 0 { previous[Int(next[left])] = Int32(left) }
      offer(Int32(left), merges)
      offer(previous[left], merges)
    }
  }

  /// Queues the pair that starts at `position`, if there is one and it can be joined.
  private mutating func offer(_ position: Int32, _ merges: MergeTable) {
    guard position >= 0, next[Int(position)] >= 0 else { return }
    guard let joined = merges[symbols[Int(position)], symbols[Int(next[Int(position)])]] else { return }
    heap.append(UInt64(joined.rank) << 32 | UInt64(position))
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2] > heap[child] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func popSmallest() -> UInt64? {
    guard let smallest = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return smallest }
    heap[0] = last
    var parent = 0
    while 2 * parent + 1 < heap.count {
      var child = 2 * parent + 1
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < heap[parent] else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return smallest
  }

  func appendSymbols(to ids: inout [Int32]) {
    for symbol in symbols where symbol >= 0 { ids.append(symbol) }
  }
}
