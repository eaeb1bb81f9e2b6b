internal import CKernels
internal import Glibc

/// Attention of a tile of rows of one sequence with one key head.
struct AttentionShape {
  /// The number of key heads, or of groups of query heads that are computed apart.
  let heads: Int
  /// The number of query heads that share a key head.
  let group: Int
  /// The number of elements of a value that are wanted, which are not all of a latent row.
  let valueDimension: Int
  /// The factor on the scores.
  let scale: Float
  /// The layout of pages.
  let pages: PageLayout
  /// The number of tokens up to its own that a row sees; `nil` for all.
  var window: Int?
  /// The bound that scores are held within, `cap · tanh(score / cap)`; 0 for none.
  var cap: Float = 0
  /// For each query head, the score of a key without a value that every row sees; none where there are no such keys.
  var sinks: [Float] = []
  /// Biases of scores by distance; `nil` for none.
  var profiles: DistanceProfiles?

  /// The number of elements of a query, a key and a row of weighted values.
  var headDimension: Int { pages.headDimension }

  /// The first key that the row at `position` sees.
  func firstKey(at position: Int) -> Int { window.map { max(0, position + 1 - $0) } ?? 0 }

  /// The number of query rows up to which reading the cache takes longer than the arithmetic.
  static let fewRows = 8

  /// The number of rows of a tile: enough query rows for a matrix product, few enough that their scores stay in cache.
  var rowsPerTile: Int { max(1, 64 / group) }

  /// The number of keys that are scored at once: their unpacked keys and values stay in the second-level cache.
  private var blockTokens: Int { max(1, 256 / pages.pageTokens) * pages.pageTokens }
  private var queryRows: Int { max(rowsPerTile * group, Self.fewRows) }
  /// The number of columns of scores: query rows, in whole registers.
  private func columns(_ queryRows: Int) -> Int { (queryRows + 15) & ~15 }

  /// The number of floats of a worker's memory: queries, weighted values, maxima and sums; and for many rows queries by
  /// column, scores, three numbers a column, and a block of unpacked keys or values.
  var workspaceCount: Int { plainWorkspaceCount + biasWorkspaceCount }
  private var plainWorkspaceCount: Int {
    2 * queryRows * headDimension + 2 * queryRows
      + columns(queryRows) * (headDimension + blockTokens + 3) + blockTokens * headDimension
  }
  private var biasWorkspaceCount: Int {
    guard let profiles else { return 0 }
    return TileBiases.workspaceCount(
      profiles, columns: columns(queryRows), page: Self.fewRows * pages.pageTokens, block: blockTokens + rowsPerTile)
  }

  /// Attends from `rows` rows, the first at `position`, to the keys `keys`, which begin with a page and are the first that
  /// the rows see where `areFirst`. Query row `r` and head `g` is at `queries[r · queryStride + g · headDimension]`, and where
  /// scores have biases, its weights of profiles at `weights[r · weightStride + g · profiles]`; a sink of its own is at
  /// `rowSinks[r · sinkStride + g]`. `page` gives the address of a
  /// sequence's `j`-th page.
  ///
  /// - Returns: for each query row, the weighted values and two numbers, the largest score and the sum of the weights
  ///   relative to it; in `workspace`.
  func attend(
    queries: UnsafePointer<Float>, queryStride: Int, weights: UnsafePointer<Float>? = nil, weightStride: Int = 0,
    rowSinks: UnsafePointer<Float>? = nil, sinkStride: Int = 0,
    rows: Int, position: Int, keys: Range<Int>, areFirst: Bool, head: Int,
    page: (Int) -> UnsafeMutableRawPointer, workspace: UnsafeMutablePointer<Float>
  ) -> AttentionSums {
    let (m, d) = (rows * group, headDimension)
    let query = unsafe workspace
    let sums = unsafe AttentionSums(values: query + queryRows * d, state: query + 2 * queryRows * d, headDimension: d)
    for row in 0..<rows {
      for index in 0..<group * d {
        unsafe query[row * group * d + index] = scale * queries[row * queryStride + index]
      }
    }
    unsafe sums.values.update(repeating: 0, count: m * d)
    for row in 0..<m {
      let hasSink = areFirst && !sinks.isEmpty
      if areFirst, let rowSinks = unsafe rowSinks {
        unsafe (sums.state[2 * row], sums.state[2 * row + 1]) = (rowSinks[row / group * sinkStride + row % group], 1)
        continue
      }
      unsafe (sums.state[2 * row], sums.state[2 * row + 1]) =
        hasSink ? (sinks[head * group + row % group], 1) : (-Float.infinity, 0)
    }
    var biases: TileBiases?
    if let profiles, let weights = unsafe weights {
      unsafe biases = TileBiases(
        profiles, weights: weights, stride: weightStride, rows: rows, group: group, position: position,
        columns: columns(m), pageTokens: pages.pageTokens, workspace: workspace + plainWorkspaceCount)
    }
    if m <= Self.fewRows {
      unsafe attendFew(query, m, sums, position: position, keys: keys, head: head, biases, page)
    } else {
      let scratch = unsafe sums.state + 2 * queryRows
      unsafe attendMany(query, m, sums, position: position, keys: keys, head: head, biases, page, scratch: scratch)
    }
    return unsafe sums
  }

  /// Divides and writes `rows` rows of a key head; query row `r` and head `h` of all go to
  /// `out[r · stride + h · valueDimension]`.
  func write(_ sums: AttentionSums, rows: Int, head: Int, to out: UnsafeMutablePointer<Float>, stride: Int) {
    for row in 0..<rows * group {
      let column = (head * group + row % group) * valueDimension
      unsafe sums.write(row: row, count: valueDimension, to: out + row / group * stride + column)
    }
  }

  /// The sums of a part in `parts`, which holds the heads of one part after another.
  func part(of item: AttentionItem, head: Int, in parts: UnsafeMutablePointer<Float>) -> AttentionSums {
    let rows = item.rows * group
    let before = unsafe AttentionSums.storedCount(
      rows: item.rowsBefore * heads + head * rows, headDimension: headDimension)
    return unsafe AttentionSums(stored: parts + before, rows: rows, headDimension: headDimension)
  }

  /// Page by page, as the cache holds it: each key and value is read and converted once for all query rows.
  private func attendFew(
    _ query: UnsafePointer<Float>, _ m: Int, _ sums: AttentionSums, position: Int, keys: Range<Int>, head: Int,
    _ biases: TileBiases?, _ page: (Int) -> UnsafeMutableRawPointer
  ) {
    let key = pages.key(head: head, token: 0)
    let value = pages.value(head: head, token: 0)
    for first in stride(from: keys.lowerBound, to: keys.upperBound, by: pages.pageTokens) {
      let tokens = min(pages.pageTokens, keys.upperBound - first)
      let here = unsafe page(first / pages.pageTokens)
      let isLast = first + pages.pageTokens >= keys.upperBound
      let next = unsafe isLast ? nil : page(first / pages.pageTokens + 1) + key
      let bias = unsafe biases?.page(first: first, tokens: tokens)
      guard firstKey(at: position + m / group - 1) > first else {
        unsafe pages.attend(
          sums.values, sums.state, query, here + key, here + value, next, m, group, position + 1 - first, tokens,
          headDimension, cap, bias, pages.pageTokens)
        continue
      }
      // Windows of rows begin within the page, each elsewhere.
      for row in 0..<m / group {
        let hidden = max(0, firstKey(at: position + row) - first)
        guard hidden < tokens else { continue }
        let bytes = hidden * pages.type.bytes(headDimension)
        unsafe pages.attend(
          sums.values + row * group * headDimension, sums.state + 2 * row * group, query + row * group * headDimension,
          here + key + bytes, here + value + bytes, nil, group, group, position + row + 1 - first - hidden,
          tokens - hidden, headDimension, cap, bias.map { unsafe $0 + row * group * pages.pageTokens + hidden },
          pages.pageTokens)
      }
    }
  }

  /// A block of keys at a time, unpacked, as matrix products. Scores stand key by key, a column a query row: keys are
  /// multiplied as they lie, and a register holds the same key's scores of sixteen query rows.
  private func attendMany(
    _ query: UnsafePointer<Float>, _ m: Int, _ sums: AttentionSums, position: Int, keys: Range<Int>, head: Int,
    _ biases: TileBiases?, _ page: (Int) -> UnsafeMutableRawPointer, scratch: UnsafeMutablePointer<Float>
  ) {
    let (d, columns) = (headDimension, columns(m))
    let queries = unsafe scratch
    let largest = unsafe queries + d * columns
    let (total, factor) = unsafe (largest + columns, largest + 2 * columns)
    let scores = unsafe factor + columns
    let unpacked = unsafe scores + blockTokens * columns
    for index in 0..<d {
      for row in 0..<columns { unsafe queries[index * columns + row] = row < m ? query[row * d + index] : 0 }
    }
    for column in 0..<columns {
      unsafe (largest[column], total[column]) =
        column < m ? (sums.state[2 * column], sums.state[2 * column + 1]) : (-.infinity, 0)
    }
    for first in stride(from: keys.lowerBound, to: keys.upperBound, by: blockTokens) {
      let count = min(blockTokens, keys.upperBound - first)
      unsafe unpack(pages.key(head: head, token: 0), first: first, count: count, page, into: unpacked)
      unsafe ck_gemm(scores, columns, unpacked, d, 1, queries, columns, count, columns, d, 0)
      unsafe biases?.add(to: scores, first: first, keys: count)
      if cap > 0 { unsafe ck_soft_cap(scores, cap, count * columns) }
      // A row sees the keys up to its own.
      let hiding = max(0, position + 1 - first)
      for key in hiding..<max(hiding, count) {
        let hidden = min(m, (first + key - position) * group)
        unsafe (scores + key * columns).update(repeating: -.infinity, count: hidden)
      }
      if let window {
        // And from the first of its window on.
        for key in 0..<min(count, max(0, firstKey(at: position + m / group - 1) - first)) {
          let visible = max(0, first + key + window - position) * group
          guard visible < m else { continue }
          unsafe (scores + key * columns + visible).update(repeating: -.infinity, count: m - visible)
        }
      }
      unsafe ck_online_softmax(scores, columns, count, columns, largest, total, factor)
      for row in 0..<m {
        let values = unsafe sums.values + row * d
        for index in 0..<valueDimension { unsafe values[index] *= factor[row] }
      }
      if !pages.isLatent {
        unsafe unpack(pages.value(head: head, token: 0), first: first, count: count, page, into: unpacked)
      }
      unsafe ck_gemm(sums.values, d, scores, 1, columns, unpacked, d, m, valueDimension, count, 1)
    }
    for row in 0..<m { unsafe (sums.state[2 * row], sums.state[2 * row + 1]) = (largest[row], total[row]) }
  }

  /// Unpacks one head's keys or values, `offset` bytes into each page, of `count` tokens.
  private func unpack(
    _ offset: Int, first: Int, count: Int, _ page: (Int) -> UnsafeMutableRawPointer,
    into out: UnsafeMutablePointer<Float>
  ) {
    for done in stride(from: 0, to: count, by: pages.pageTokens) {
      let tokens = min(pages.pageTokens, count - done)
      let rows = unsafe page((first + done) / pages.pageTokens) + offset
      unsafe pages.unpack(out + done * headDimension, rows, tokens * headDimension)
    }
  }
}
