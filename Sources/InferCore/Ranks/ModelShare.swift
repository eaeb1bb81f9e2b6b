internal import InferText

/// The part of a model that one rank computes, of several that compute it together.
///
/// All that a layer has several of, such as heads, experts and inner columns, is dealt out in consecutive ranges, or experts
/// by their rows, so that a rank has whole ones and keeps their state. The lowest ranks have one more where they cannot be equal.
public struct ModelShare: Sendable, Hashable {
  /// The rank's number, within `0 ..< count`.
  public let rank: Int
  /// The number of ranks that have the same layers.
  public let count: Int
  /// The number of the own stage, which has some consecutive layers, within `0 ..< stages`.
  package var stage = 0
  /// The number of stages.
  package var stages = 1
  /// The rows of each expert by which experts are dealt out; `nil` for consecutive ones.
  public var expertLoads: ExpertLoads?

  /// The share of a rank.
  ///
  /// - Precondition: `rank` is one of `count` ranks.
  public init(rank: Int, of count: Int) {
    precondition(rank >= 0 && rank < count, "rank \(rank) of \(count)")
    self.rank = rank
    self.count = count
  }

  /// The whole model, of one rank that is alone.
  public static let whole = ModelShare(rank: 0, of: 1)

  /// `true` for the share that is the whole model.
  public var isWhole: Bool { count == 1 && stages == 1 }

  /// `true` where several ranks have shares of the same layers.
  package var dividesLayers: Bool { count > 1 }

  /// `true` for a rank that embeds tokens.
  package var isFirstStage: Bool { stage == 0 }

  /// `true` for a rank that computes logits.
  package var isLastStage: Bool { stage == stages - 1 }

  /// The share of another rank.
  public func of(_ rank: Int) -> ModelShare {
    var share = ModelShare(rank: rank, of: count)
    share.expertLoads = expertLoads
    (share.stage, share.stages) = (stage, stages)
    return share
  }

  /// The rank's part of `total` equal things: whole units, the last of which may be smaller. It is empty for some ranks if
  /// there are more of them than units.
  ///
  /// - Complexity: O(1)
  public func range(of total: Int, by unit: Int = 1) -> Range<Int> {
    precondition(total >= 0 && unit > 0, "\(total) by \(unit)")
    let units = (total + unit - 1) / unit
    let (each, rest) = units.quotientAndRemainder(dividingBy: count)
    let first = rank * each + min(rank, rest)
    return min(first * unit, total)..<min((first + each + (rank < rest ? 1 : 0)) * unit, total)
  }

  /// The rank's part of `total` columns or rows of weights. `nil` if there are fewer pieces of `width` than ranks.
  ///
  /// Quantised weights are in blocks of 32 to 256 columns, which are not taken apart. So the part consists of the largest
  /// pieces up to 256 with which the largest part is at most an eighth larger than it could be.
  ///
  /// - Parameters:
  ///   - total: the number of columns.
  ///   - width: the number of columns that stay together, such as those of a head.
  public func columns(of total: Int, width: Int = 1) -> Range<Int>? {
    precondition(width > 0 && total % width == 0, "\(total) columns by \(width)")
    let units = [256, 128, 64, 32, 16, 1].map { width / greatestCommonDivisor(width, $0) * $0 }
      .filter { total / $0 >= count }
    func largestPart(_ unit: Int) -> Int { ((total + unit - 1) / unit + count - 1) / count * unit }
    guard let best = units.map(largestPart).min() else { return nil }
    return units.first { largestPart($0) <= best + best / 8 }.map { range(of: total, by: $0) }
  }

  /// The rank's part of heads that share others, as query heads share key heads: consecutive heads, and those that they
  /// share. Where there are fewer shared ones than ranks, several ranks have the same. `nil` where heads cannot be dealt
  /// out in this way.
  ///
  /// - Parameters:
  ///   - heads: the number of heads.
  ///   - shared: the number of those that they share, which divides it.
  ///   - width: the number of columns of a head.
  public func heads(_ heads: Int, sharing shared: Int, width: Int) -> (heads: Range<Int>, shared: Range<Int>)? {
    precondition(shared > 0 && heads % shared == 0, "\(heads) heads share \(shared)")
    let group = heads / shared
    if shared >= count {
      guard let columns = columns(of: heads * width, width: group * width) else { return nil }
      let part = columns.lowerBound / width..<columns.upperBound / width
      return (part, part.lowerBound / group..<part.upperBound / group)
    }
    guard count % shared == 0 else { return nil }
    let (ranks, index) = (count / shared, rank / (count / shared))
    guard let columns = ModelShare(rank: rank % ranks, of: ranks).columns(of: group * width, width: width) else {
      return nil
    }
    let first = index * group
    return (first + columns.lowerBound / width..<first + columns.upperBound / width, index..<index + 1)
  }

  /// The layers of each stage: the largest stage is as small as it can be.
  ///
  /// - Parameter sizes: the size of each layer.
  /// - Returns: as many consecutive ranges as there are stages; `nil` where layers are fewer.
  /// - Complexity: O(stages · layers²)
  package func layers(sizes: [Double]) -> [Range<Int>]? {
    let count = sizes.count
    guard count >= stages else { return nil }
    let sums = sizes.reduce(into: [0.0]) { $0.append($0[$0.count - 1] + $1) }
    // The size of the largest of `k + 1` stages of the first layers, and where the last of them begins.
    var largest = sums
    var begins = [[Int](repeating: 0, count: count + 1)]
    for stage in 1..<max(stages, 1) {
      var (next, begin) = ([Double](repeating: .infinity, count: count + 1), [Int](repeating: 0, count: count + 1))
      for end in stage + 1..<count + 1 {
        for first in stage..<end {
          let size = max(largest[first], sums[end] - sums[first])
          if size < next[end] { (next[end], begin[end]) = (size, first) }
        }
      }
      largest = next
      begins.append(begin)
    }
    var end = count
    return begins.reversed().map { begin in
      defer { end = begin[end] }
      return begin[end]..<end
    }.reversed()
  }

  /// The numbers of the rank's experts of a layer, in ascending order: as many as ``range(of:by:)`` has.
  ///
  /// Where ``expertLoads`` has the layer, every expert, the busiest first, goes to the rank whose experts have the fewest rows
  /// of those with room for it (longest processing time first: Graham 1969, doi 10.1137/0117039).
  ///
  /// - Complexity: O(*n* (log *n* + *m*)) for *n* experts and *m* ranks.
  /// - Throws: ``ModelError/unsuitable(_:)`` where the loads are those of another number of experts.
  package func experts(of total: Int, layer: Int) throws(ModelError) -> [Int] {
    guard count > 1, let rows = expertLoads?.rows[layer] else { return Array(range(of: total)) }
    guard rows.count == total else {
      throw .unsuitable(
        "the expert loads have \(rows.count) experts in layer \(layer), and the model has \(total): they are another model's"
      )
    }
    var room = (0..<count).map { of($0).range(of: total).count }
    var sums = [Double](repeating: 0, count: count)
    var own: [Int] = []
    for expert in rows.indices.sorted(by: { (rows[$1], $0) < (rows[$0], $1) }) {
      let rank = room.indices.filter { room[$0] > 0 }.min { sums[$0] < sums[$1] }
      guard let rank else { break }
      room[rank] -= 1
      sums[rank] += rows[expert]
      if rank == self.rank { own.append(expert) }
    }
    return own.sorted()
  }
}
