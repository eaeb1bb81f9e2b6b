/// Finds the largest values of a row without sorting it.
///
/// Values are ordered from large to small and, where equal, from low to high index: a total order, so that every
/// cut is unique. Memory is kept from use to use.
struct Selection {
  /// A value of a row and its place, packed so that a larger rank is nearer to the front of the order.
  struct Rank: Comparable {
    private let bits: UInt64

    init(_ value: Float, at index: Int) {
      // Adding zero makes −0 equal to 0. Positive floats order as their bits do, negative ones the other way round.
      let pattern = (value + 0).bitPattern
      let ordered = pattern & 0x8000_0000 == 0 ? pattern | 0x8000_0000 : ~pattern
      bits = UInt64(ordered) << 32 | UInt64(~UInt32(truncatingIfNeeded: index))
    }

    var index: Int { Int(~UInt32(truncatingIfNeeded: bits)) }

    var value: Float {
      let ordered = UInt32(bits >> 32)
      return Float(bitPattern: ordered & 0x8000_0000 != 0 ? ordered & 0x7FFF_FFFF : ~ordered)
    }

    static func < (a: Rank, b: Rank) -> Bool { a.bits < b.bits }
  }

  /// The values that were gathered last.
  private(set) var ranks: [Rank] = []
  /// The sum of the weights in each range of sizes.
  private var masses = [Double](repeating: 0, count: RowReduction.sizeCount)

  /// The gathered value that is last in the order.
  private var least: Rank? { ranks.min() }

  /// Gathers the first `count` values of the order, in no order. O(row), a few times `count` of memory.
  mutating func gatherLargest(_ count: Int, of row: Span<Float>) {
    ranks.removeAll(keepingCapacity: true)
    guard count > 0 else { return }
    let capacity = max(4 * count, 256)
    var floor = -Float.infinity
    var next = 0
    while let i = RowReduction.index(of: floor.nextUp...(.infinity), in: row, from: next) {
      next = i + 1
      ranks.append(Rank(row[i], at: i))
      guard ranks.count == capacity else { continue }
      keepFirst(count)
      // An equal value further on comes later in the order.
      floor = ranks.min()?.value ?? floor
    }
    keepFirst(count)
  }

  /// Gathers all values of a range, in order of index.
  private mutating func gather(_ range: ClosedRange<Float>, of row: Span<Float>) {
    ranks.removeAll(keepingCapacity: true)
    var next = 0
    while let i = RowReduction.index(of: range, in: row, from: next) {
      next = i + 1
      ranks.append(Rank(row[i], at: i))
    }
  }

  /// The value at which the gathered values, summed up in order, first reach `sum`; the last one if they never do.
  private mutating func leastReaching(_ sum: Double) -> Rank? {
    var range = 0..<ranks.count
    var missing = sum
    while range.count > 1 {
      let middle = partition(range)
      var mass = 0.0
      for rank in ranks[range.lowerBound...middle] { mass += Double(rank.value) }
      let before = mass - Double(ranks[middle].value)
      if before >= missing {
        range = range.lowerBound..<middle
      } else if mass >= missing {
        return ranks[middle]
      } else if middle + 1 < range.upperBound {
        missing -= mass
        range = middle + 1..<range.upperBound
      } else {
        return ranks[middle]
      }
    }
    return range.first.map { ranks[$0] }
  }

  /// Drops all but the first `count` gathered values (quickselect: Hoare, "Algorithm 65: Find", 1961).
  private mutating func keepFirst(_ count: Int) {
    guard ranks.count > count else { return }
    var range = 0..<ranks.count
    while range.count > 1 {
      let middle = partition(range)
      if middle == count { break }
      range = middle < count ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    ranks.removeLast(ranks.count - count)
  }

  /// Moves the values that are ordered before a pivot to its front, and returns the index at which the pivot came to
  /// stand. Expected to split the range well whatever its order: the pivot's place is scrambled, though the same for the
  /// same range.
  private mutating func partition(_ range: Range<Int>) -> Int {
    let scrambled = UInt64(range.count) &* 0x9E37_79B9_7F4A_7C15
    let pivotIndex = range.lowerBound + Int(scrambled >> 32) % range.count
    let last = range.upperBound - 1
    ranks.swapAt(pivotIndex, last)
    let pivot = ranks[last]
    var front = range.lowerBound
    for i in range.lowerBound..<last where ranks[i] > pivot {
      ranks.swapAt(i, front)
      front += 1
    }
    ranks.swapAt(front, last)
    return front
  }
}

extension Selection {
  /// Top-k: keeps the `count` most likely tokens (lowest ids first on ties) and sets the weights of others to 0.
  ///
  /// Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", 2018.
  mutating func keepTop(_ count: Int, of weights: inout MutableSpan<Float>, _ sums: inout WeightSums) {
    guard count < weights.count else { return }
    gatherLargest(count, of: weights.span)
    guard let least else { return }
    sums.cut(&weights, below: least.value, behind: least.index)
  }

  /// Top-p: keeps the shortest list of most likely tokens (lowest ids first on ties) whose probabilities sum to `mass`, and
  /// sets the weights of others to 0. The largest weight is 1.
  ///
  /// Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020. Probabilities are those of the given weights,
  /// so that top-p of top-k is a part of what top-k left. The most likely token is kept whatever the mass.
  ///
  /// Sums of weights by size tell in which narrow range the list ends; only the weights of that range are ordered.
  mutating func keepTop(mass: Float, of weights: inout MutableSpan<Float>, _ sums: inout WeightSums) {
    let total = sums.total
    // All tokens below this weight together do not make up the part that is cut off, so none of them is kept.
    let floor = min(Float((1 - Double(mass)) * total / Double(weights.count)), 0.5)
    var missing = Double(max(mass, .leastNormalMagnitude)) * total
    var sizes = floor.nextUp.bitPattern...Float(1).bitPattern
    while true {
      let shift = max(0, Self.bitWidth(sizes.count - 1) - Self.bitWidth(RowReduction.sizeCount - 1))
      RowReduction.sumBySize(weights.span, sizes, step: shift, into: &masses)
      guard let bucket = bucketReaching(&missing) else { return }
      let low = sizes.lowerBound + UInt32(bucket) << UInt32(shift)
      sizes = low...min(low + (1 << UInt32(shift) - 1), sizes.upperBound)
      // None of the range is smaller than its least, which bounds their number.
      if shift == 0 || masses[bucket] <= Double(Float(bitPattern: low)) * Self.fewWeights { break }
    }
    gather(Float(bitPattern: sizes.lowerBound)...Float(bitPattern: sizes.upperBound), of: weights.span)
    guard let least = sizes.count == 1 ? firstReaching(missing) : leastReaching(missing) else { return }
    sums.cut(&weights, below: least.value, behind: least.index)
  }

  /// The number of weights that are ordered rather than told apart further.
  private static let fewWeights = 2048.0

  private static func bitWidth(_ value: Int) -> Int { Int.bitWidth - value.leadingZeroBitCount }

  /// The bucket in which the masses, summed up from the largest weights on, first reach `sum`, from which those before it
  /// are taken. The last one, and any sum, if they never do; `nil` without masses.
  private func bucketReaching(_ sum: inout Double) -> Int? {
    var last: Int?
    for bucket in masses.indices.reversed() where masses[bucket] > 0 {
      if masses[bucket] >= sum { return bucket }
      sum -= masses[bucket]
      last = bucket
    }
    sum = .infinity
    return last
  }

  /// The place at which gathered values that are equal, summed up in order of index, first reach `sum`; the last one if they
  /// never do.
  private func firstReaching(_ sum: Double) -> Rank? {
    guard let first = ranks.first else { return nil }
    let count = (sum / Double(first.value)).rounded(.up)
    return ranks[count < Double(ranks.count) ? max(0, Int(count) - 1) : ranks.count - 1]
  }
}
