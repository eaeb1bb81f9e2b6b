/// Byte-pair encoding: a piece starts as single characters, and the pair that was learned first is joined until none
/// is left.
struct BytePairModel: Sendable {
  struct Merge: Sendable {
    let rank: Int32
    let result: Int32
  }

  let vocabulary: Vocabulary
  /// By `pair(left, right)`.
  let merges: [UInt64: Merge]
  /// Stands for characters that are not in the vocabulary; without it they are dropped.
  let unknown: Int32?
  /// A run of unknown characters is one unknown token.
  let fusesUnknown: Bool
  /// The tokens `<0x00>` … `<0xFF>` for characters that are not in the vocabulary; empty when not used.
  let byteTokens: [Int32]
  /// A piece that is itself a token is taken whole, also where merging would not arrive at it.
  let ignoresMerges: Bool

  static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Appends the tokens of one piece, given as UTF-8.
  /// - Complexity: O(n log n) for n characters.
  func encode(_ piece: ArraySlice<UInt8>, into ids: inout [Int32], _ scratch: inout MergeQueue) {
    if ignoresMerges, let id = vocabulary.id(of: piece) {
      ids.append(id)
      return
    }
    scratch.reset()
    appendCharacters(of: piece, to: &scratch.symbols)
    scratch.mergeAll { merges[Self.pair($0, $1)] }
    scratch.forEachSymbol { ids.append($0) }
  }

  private func appendCharacters(of piece: ArraySlice<UInt8>, to symbols: inout [Int32]) {
    var position = piece.startIndex
    var previousIsUnknown = false
    while position < piece.endIndex {
      var end = position + 1
      while end < piece.endIndex, piece[end] & 0xC0 == 0x80 { end += 1 }
      let character = piece[position..<end]
      position = end
      if let id = vocabulary.id(of: character) {
        symbols.append(id)
        previousIsUnknown = false
      } else if !byteTokens.isEmpty {
        symbols.append(contentsOf: character.map { byteTokens[Int($0)] })
        previousIsUnknown = false
      } else if let unknown {
        if !(fusesUnknown && previousIsUnknown) { symbols.append(unknown) }
        previousIsUnknown = true
      }
    }
  }
}

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

  /// Joins pairs until `merge` knows none of those that are left.
  mutating func mergeAll(_ merge: (Int32, Int32) -> BytePairModel.Merge?) {
    let count = Int32(symbols.count)
    for position in 0..<count {
      next.append(position + 1 < count ? position + 1 : -1)
      previous.append(position - 1)
    }
    for position in 0..<count { offer(position, merge) }
    while let candidate = popSmallest() {
      let left = Int(candidate & 0xFFFF_FFFF)
      guard symbols[left] >= 0, next[left] >= 0 else { continue }
      let right = Int(next[left])
      guard let joined = merge(symbols[left], symbols[right]), UInt64(joined.rank) == candidate >> 32 else { continue }
      symbols[left] = joined.result
      symbols[right] = -1
      next[left] = next[right]
      if next[left] >= 0 { previous[Int(next[left])] = Int32(left) }
      offer(Int32(left), merge)
      offer(previous[left], merge)
    }
  }

  /// Queues the pair that starts at `position`, if there is one and it can be joined.
  private mutating func offer(_ position: Int32, _ merge: (Int32, Int32) -> BytePairModel.Merge?) {
    guard position >= 0, next[Int(position)] >= 0 else { return }
    guard let joined = merge(symbols[Int(position)], symbols[Int(next[Int(position)])]) else { return }
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

  func forEachSymbol(_ body: (Int32) -> Void) {
    for symbol in symbols where symbol >= 0 { body(symbol) }
  }
}
