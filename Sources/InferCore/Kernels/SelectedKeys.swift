internal import CKernels

/// A choice of what rows see.
package protocol ChoiceRule: Sendable {
  /// Whether the last of so many tokens sees less than all keys.
  func isChoice(before end: Int) -> Bool
}

extension ChoiceRule {
  /// Whether any row of a step sees less than all keys.
  package func chooses(_ step: borrowing Step) -> Bool {
    step.plan.runs.contains { isChoice(before: $0.position + $0.tokens.count) }
  }

  /// Whether rows of a segment see less than all keys. Segments of rows that see all are computed as without a choice, by their
  /// own rows and place, so that a sequence computes the same beside others.
  func chooses(_ segment: RunSegment, of run: Run) -> Bool {
    isChoice(before: run.position + segment.first + segment.count - run.tokens.lowerBound)
  }
}

/// A choice of the keys that rows see, one by one.
package protocol KeyRule: ChoiceRule {
  /// The largest number of keys of a row.
  var mostKeys: Int { get }

  /// The number of keys of a row at a position.
  func keyCount(at position: Int) -> Int
}

/// The choice of the keys that a row sees, by a small scorer with a cache of keys of its own (DeepSeek Sparse Attention:
/// DeepSeek-V3.2, arXiv 2512.02556, §2.1).
///
/// A key's score is `Σ wₕ max(qₕ · k, 0)` over the scorer's heads. Rows that have no more keys before them than are chosen see
/// all.
package struct KeySelection: KeyRule {
  /// The number of the scorer's heads.
  package let heads: Int
  /// The width of its keys.
  package let dimension: Int
  /// The number of keys that are chosen.
  package let count: Int
  /// Its keys: state of the kind ``StateKind/latent(dimension:)``.
  package let cache: StateHandle

  /// A choice of so many keys.
  package init(heads: Int, dimension: Int, count: Int, cache: StateHandle) {
    precondition(heads > 0 && count > 0, "\(count) keys by \(heads) heads")
    self.heads = heads
    self.dimension = dimension
    self.count = count
    self.cache = cache
  }

  /// All that are chosen.
  package var mostKeys: Int { count }

  /// All up to the row's own, as far as so many are chosen.
  package func keyCount(at position: Int) -> Int { min(count, position + 1) }

  /// Whether there are more keys than are chosen.
  package func isChoice(before end: Int) -> Bool { end > count }

  /// Chooses keys for every row of segments with a choice.
  ///
  /// - Parameters:
  ///   - queries: `[step rows × heads · dimension]`, after rotation.
  ///   - weights: `[step rows × heads]`.
  ///   - out: `[step rows × count]`: the positions of the chosen keys, ascending, as many as there are.
  ///   - step: the step, whose keys are in the cache already.
  package func choose(queries: Rows, weights: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: dimension), at: cache)
    precondition(
      queries.columns == heads * dimension && weights.columns == heads && out.columns == count,
      "\(queries.columns) columns, \(weights.columns) weights")
    let pages = PageLayout(headDimension: dimension, isLatent: true, step.store)
    let longest = step.plan.runs.reduce(0) { max($0, $1.position + $1.tokens.count) }
    for run in step.plan.runs {
      step.report.work.addAttention(
        rows: run.tokens.count, keys: run.position + run.tokens.count, window: nil, width: heads * dimension,
        cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
    }
    step.scoped {
      let tiles = RowTiles(rowsPerTile: 1, step)
      let block = max(1, 256 / pages.pageTokens) * pages.pageTokens
      let scorer = RectifiedScorer(heads: heads, dimension: dimension, keys: block)
      let workspace = step.take(
        rows: step.team.count, columns: scorer.scratchCount + block * dimension + 2 * longest)
      unsafe step.team.forEach(tiles.count) { item, worker in
        // Later rows have more keys.
        let tile = tiles[tiles.count - 1 - item]
        let run = step.plan.runs[tile.run]
        guard chooses(tile.segment, of: run) else { return }
        let keys = run.position + tile.first - run.tokens.lowerBound + 1
        let row = unsafe workspace.base + worker * workspace.stride
        let unpacked = unsafe row + scorer.scratchCount
        let scores = unsafe unpacked + block * dimension
        unsafe scorer.take(queries.base + tile.first * queries.stride, scratch: row)
        let weight = unsafe weights.base + tile.first * weights.stride
        for first in stride(from: 0, to: keys, by: block) {
          let tokens = min(block, keys - first)
          for done in stride(from: 0, to: tokens, by: pages.pageTokens) {
            let rows = unsafe step.page((first + done) / pages.pageTokens, of: run, in: cache)
            unsafe pages.unpack(
              unpacked + done * dimension, rows, min(pages.pageTokens, tokens - done) * dimension)
          }
          unsafe scorer.score(
            unpacked, every: dimension, tokens, weights: weight, scratch: row, into: scores + first)
        }
        unsafe Self.largest(
          count, of: scores, keys, scratch: scores + longest, into: out.base + tile.first * out.stride)
      }
    }
  }

  /// Writes the indices of the largest of `total` numbers, ascending; of equal ones those of the lower index.
  static func largest(
    _ count: Int, of scores: UnsafePointer<Float>, _ total: Int, scratch: UnsafeMutablePointer<Float>,
    into out: UnsafeMutablePointer<Float>
  ) {
    guard total > count else {
      for index in 0..<total { unsafe out[index] = Float(index) }
      return
    }
    unsafe scratch.update(from: scores, count: total)
    let border = unsafe nthLargest(count - 1, of: scratch, total)
    var ties = count
    for index in 0..<total where unsafe scores[index] > border { ties -= 1 }
    var next = 0
    for index in 0..<total where next < count {
      let score = unsafe scores[index]
      if score < border { continue }
      if score == border {
        if ties == 0 { continue }
        ties -= 1
      }
      unsafe out[next] = Float(index)
      next += 1
    }
  }

  /// The number that `index` others are before in descending order; changes the order of the numbers. Without NaN.
  private static func nthLargest(_ index: Int, of values: UnsafeMutablePointer<Float>, _ count: Int) -> Float {
    var (low, high) = (0, count)
    while high - low > 1 {
      // The median of three, so that numbers in order are no bad case.
      let (a, b, c) = unsafe (values[low], values[low + (high - low) / 2], values[high - 1])
      let pivot = max(min(a, b), min(max(a, b), c))
      // Larger ones, then equal ones, then smaller ones.
      var (larger, next, smaller) = (low, low, high)
      while next < smaller {
        let value = unsafe values[next]
        if value > pivot {
          unsafe (values[next], values[larger]) = (values[larger], value)
          (larger, next) = (larger + 1, next + 1)
        } else if value < pivot {
          smaller -= 1
          unsafe (values[next], values[smaller]) = (values[smaller], value)
        } else {
          next += 1
        }
      }
      if index < larger { high = larger } else if index >= smaller { low = smaller } else { return pivot }
    }
    return unsafe values[low]
  }
}

/// Scores of keys, `Σ wₕ max(qₕ · k, 0)` over the heads of a query: those of keys that are no numbers are below all others.
struct RectifiedScorer {
  let heads: Int
  let dimension: Int
  /// The largest number of keys that are scored at once.
  let keys: Int

  /// The number of floats of memory: a query by column, and the products of keys and heads.
  var scratchCount: Int { heads * (dimension + keys) }

  /// Puts a query, `[heads · dimension]`, in order.
  func take(_ query: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>) {
    for head in 0..<heads {
      for index in 0..<dimension { unsafe scratch[index * heads + head] = query[head * dimension + index] }
    }
  }

  /// Scores keys by the query that was taken.
  ///
  /// - Parameters:
  ///   - rows: the keys.
  ///   - stride: the number of floats from a key to the next.
  ///   - count: the number of keys.
  ///   - weights: the factor of each head; `nil` where all are one.
  ///   - scratch: memory; see ``scratchCount``.
  ///   - scores: the scores.
  func score(
    _ rows: UnsafePointer<Float>, every stride: Int, _ count: Int, weights: UnsafePointer<Float>?,
    scratch: UnsafeMutablePointer<Float>, into scores: UnsafeMutablePointer<Float>
  ) {
    let products = unsafe scratch + heads * dimension
    unsafe ck_gemm(products, heads, rows, stride, 1, scratch, heads, count, heads, dimension, 0)
    for key in 0..<count {
      var score: Float = 0
      for head in 0..<heads { score += unsafe (weights?[head] ?? 1) * max(products[key * heads + head], 0) }
      unsafe scores[key] = score.isNaN ? -.infinity : score
    }
  }
}

/// Attention of rows of wanted segments over latent rows that were chosen for each.
///
/// - Parameters:
///   - queries: `[step rows × queryHeads · dimension of a row]`.
///   - queryHeads: the number of heads of queries.
///   - scale: the factor on scores.
///   - sinks: for each head the score of a key without a value; none where there are no such keys.
///   - cache: state of the kind ``StateKind/latent(dimension:)``.
///   - rule: the rule of the choice.
///   - chosen: `[step rows × rule.mostKeys]`: the positions of the chosen keys, ascending, as many as there are.
///   - out: `[step rows × queryHeads · dimension of a value]`; other rows are left as they are.
func attendToLatents(
  queries: Rows, queryHeads: Int, scale: Float, sinks: [Float] = [], cache: StateHandle, rule: any KeyRule,
  chosen: Rows,
  into out: inout MutableRows, _ step: borrowing Step, where isWanted: (Run, RunSegment) -> Bool
) {
  let (dimension, valueDimension) = (queries.columns / queryHeads, out.columns / queryHeads)
  step.store.layout.expect(.latent(dimension: dimension), at: cache)
  let group = latentGroup(of: queryHeads)
  let shape = AttentionShape(
    heads: queryHeads / group, group: group, valueDimension: valueDimension, scale: scale,
    pages: PageLayout(headDimension: dimension, isLatent: true, step.store), sinks: sinks)
  let (heads, pageTokens) = (shape.heads, step.store.pageTokens)
  let rowBytes = shape.pages.type.bytes(dimension)
  // Chosen rows are copied behind one another, as pages that attention reads like others.
  let gathered = (rowBytes * (chosen.columns + pageTokens) + 3) / 4
  step.scoped {
    let tiles = RowTiles(rowsPerTile: 1, step)
    let workspace = step.take(rows: step.team.count, columns: shape.workspaceCount + gathered)
    unsafe step.team.forEach(tiles.count * heads) { index, worker in
      let (tile, head) = (tiles[tiles.count - 1 - index / heads], index % heads)
      let run = step.plan.runs[tile.run]
      guard isWanted(run, tile.segment) else { return }
      let keys = rule.keyCount(at: run.position + tile.first - run.tokens.lowerBound)
      let own = unsafe workspace.base + worker * workspace.stride
      let rows = unsafe UnsafeMutableRawPointer(own + shape.workspaceCount)
      for key in 0..<keys {
        let position = unsafe Int(chosen.base[tile.first * chosen.stride + key])
        let page = unsafe step.page(position / pageTokens, of: run, in: cache)
        unsafe (rows + key * rowBytes).copyMemory(
          from: page + shape.pages.key(head: 0, token: position % pageTokens), byteCount: rowBytes)
      }
      let sums = unsafe shape.attend(
        queries: queries.base + tile.first * queries.stride + head * group * dimension, queryStride: queries.stride,
        rows: 1, position: keys - 1, keys: 0..<keys, areFirst: true, head: head,
        page: { unsafe rows + $0 * pageTokens * rowBytes }, workspace: own)
      unsafe shape.write(sums, rows: 1, head: head, to: out.base + tile.first * out.stride, stride: out.stride)
    }
  }
}
