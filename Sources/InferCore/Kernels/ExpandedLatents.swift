internal import CKernels
internal import Glibc

/// Attention to the keys and values of all heads, computed of latent rows a block of tokens at a time. See ``LatentMaps``.
///
/// As in ``attend(queries:queryHeads:heads:headDimension:scale:cap:sinks:rowSinks:biases:cache:into:_:)``, a block's scores are folded into a running
/// maximum, sum and weighted value, the last in the output itself. Keys stand element by element, a column a token.
struct ExpandedLatents: ~Escapable {
  private let maps: LatentMaps
  private let scale: Float
  private let cache: StateHandle
  /// The maps to keys of all heads side by side, as floats: `[keyDimension × heads · latentDimension]`.
  private let unfolded: Rows

  /// The number of query rows of an item.
  private static let tileRows = 64

  /// Unfolds the maps in the step's scratch.
  @_lifetime(borrow step)
  init(_ maps: LatentMaps, scale: Float, _ cache: StateHandle, _ step: borrowing Step) {
    self.maps = maps
    self.scale = scale
    self.cache = cache
    // Whatever the maps' format is, a product with the unit matrix tells what they hold.
    var unit = step.take(rows: maps.keyDimension, columns: maps.keyDimension)
    for row in 0..<maps.keyDimension {
      var values = unit.row(row)
      for column in values.indices { values[column] = column == row ? 1 : 0 }
    }
    var unfolded = step.take(rows: maps.keyDimension, columns: maps.heads * maps.latentDimension)
    matmul(unit.rows, by: maps.keys, into: &unfolded, step)
    self.unfolded = unfolded.sealed()
  }

  /// A block of tokens: what is computed of their latent rows.
  private struct Block: ~Escapable {
    let tokens: Range<Int>
    /// `[latentDimension + sharedKeyDimension × tokens]`: latent rows, transposed.
    let columns: Rows
    /// `[heads · keyDimension × tokens]`.
    let keys: Rows
    /// `[tokens × heads · valueDimension]`.
    let values: Rows

    @_lifetime(copy columns, copy keys, copy values)
    init(tokens: Range<Int>, columns: Rows, keys: Rows, values: Rows) {
      self.tokens = tokens
      self.columns = columns
      self.keys = keys
      self.values = values
    }
  }

  /// The tokens of a block: with all heads' keys and values, some megabytes.
  private func blockTokens(_ step: borrowing Step) -> Int {
    max(1, 2 * Int(CK_ROW_BLOCK) / step.store.pageTokens) * step.store.pageTokens
  }

  /// Tokens in whole registers.
  private static func padded(_ tokens: Int) -> Int { (tokens + 15) & ~15 }

  /// Attends from the rows of a segment, `[step rows × heads · queryDimension]`, to its sequence's tokens up to each, and
  /// writes those rows of `out`, `[step rows × heads · valueDimension]`.
  func attend(_ segment: RowTile, _ queries: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let run = step.plan.runs[segment.run]
    let position = run.position + segment.first - run.tokens.lowerBound
    let end = position + segment.count
    let blockTokens = blockTokens(step)
    let rows = segment.segment.rows
    step.scoped {
      // Of every row and head the largest score and the sum of weights.
      let state = step.take(rows: segment.count, columns: 2 * maps.heads)
      unsafe forEachRow(segment.count, step) { row in
        let sums = unsafe state.base + row * state.stride
        for head in 0..<maps.heads {
          // Scores have no factor yet.
          unsafe (sums[2 * head], sums[2 * head + 1]) =
            maps.sinks.isEmpty ? (-Float.infinity, 0) : (maps.sinks[head] / scale, 1)
        }
        unsafe (out.base + (rows.lowerBound + row) * out.stride).update(repeating: 0, count: out.columns)
      }
      let scores = step.take(rows: step.team.count, columns: Self.tileRows * Self.padded(blockTokens))
      let tiles = (segment.count + Self.tileRows - 1) / Self.tileRows
      for first in stride(from: 0, to: end, by: blockTokens) {
        step.scoped {
          let block = expand(first..<min(end, first + blockTokens), of: run, step)
          unsafe step.team.forEach(tiles * maps.heads) { item, worker in
            // Later rows see more keys: they come first.
            let done = (tiles - 1 - item / maps.heads) * Self.tileRows
            let tile = done..<min(segment.count, done + Self.tileRows)
            unsafe attend(
              tile, at: position, head: item % maps.heads, block, queries.rows(rows), state: state.base,
              stateStride: state.stride, out: out.base + rows.lowerBound * out.stride, outStride: out.stride,
              scores: scores.base + worker * scores.stride)
          }
        }
      }
      unsafe forEachRow(segment.count, step) { row in
        let values = unsafe out.base + (rows.lowerBound + row) * out.stride
        for head in 0..<maps.heads {
          let factor = unsafe 1 / state.base[row * state.stride + 2 * head + 1]
          for index in head * maps.valueDimension..<(head + 1) * maps.valueDimension { unsafe values[index] *= factor }
        }
      }
    }
  }

  /// Computes the keys and values of tokens of a run's sequence.
  @_lifetime(borrow step)
  private func expand(_ tokens: Range<Int>, of run: Run, _ step: borrowing Step) -> Block {
    let count = Self.padded(tokens.count)
    // A stride of a power of two would have all rows meet in the same few places of the cache.
    let room = count % 64 == 0 ? count + 16 : count
    var latents = step.take(rows: tokens.count, columns: maps.row)
    var columns = step.take(rows: maps.row, columns: room)
    unpack(tokens, of: run, into: &latents, transposed: &columns, step)
    var values = step.take(rows: tokens.count, columns: maps.heads * maps.valueDimension)
    matmul(latents.rows.columns(0..<maps.latentDimension), by: maps.values, into: &values, step)
    let keys = step.take(rows: maps.heads * maps.keyDimension, columns: room)
    let parts = (count + 127) / 128
    unsafe step.team.forEach(maps.heads * parts) { item, _ in
      let (head, first) = (item / parts, item % parts * 128)
      unsafe ck_gemm(
        keys.base + head * maps.keyDimension * keys.stride + first, keys.stride,
        unfolded.base + head * maps.latentDimension, unfolded.stride, 1, columns.base + first, columns.stride,
        maps.keyDimension, min(128, count - first), maps.latentDimension, 0)
    }
    return Block(tokens: tokens, columns: columns.sealed(), keys: keys.sealed(), values: values.sealed())
  }

  /// Latent rows of the cache as floats, as they are and transposed, with zeros up to a whole register of tokens.
  private func unpack(
    _ tokens: Range<Int>, of run: Run, into latents: inout MutableRows, transposed: inout MutableRows,
    _ step: borrowing Step
  ) {
    let pages = PageLayout(headDimension: maps.row, isLatent: true, step.store)
    let row = maps.row
    // Blocks begin with a page.
    let pageCount = (tokens.count + pages.pageTokens - 1) / pages.pageTokens
    unsafe step.team.forEach(pageCount) { index, _ in
      let first = index * pages.pageTokens
      let end = min(tokens.count, first + pages.pageTokens)
      let page = unsafe step.page((tokens.lowerBound + first) / pages.pageTokens, of: run, in: cache)
      for token in first..<end {
        unsafe pages.unpack(
          latents.base + token * latents.stride, page + pages.key(head: 0, token: token - first), row)
      }
      let last = end == tokens.count ? Self.padded(end) : end
      for element in 0..<row {
        let column = unsafe transposed.base + element * transposed.stride
        for token in first..<end { unsafe column[token] = latents.base[token * latents.stride + element] }
        for token in end..<max(end, last) { unsafe column[token] = 0 }
      }
    }
  }

  /// Folds a block into the sums of one head of a tile of rows, counted from the segment's first, which is at `position`.
  private func attend(
    _ tile: Range<Int>, at position: Int, head: Int, _ block: borrowing Block, _ queries: Rows,
    state: UnsafeMutablePointer<Float>, stateStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int,
    scores: UnsafeMutablePointer<Float>
  ) {
    // The last row sees the most.
    let count = min(block.tokens.count, position + tile.upperBound - block.tokens.lowerBound)
    guard count > 0 else { return }
    let columns = Self.padded(count)
    let query = unsafe queries.base + tile.lowerBound * queries.stride + head * maps.queryDimension
    unsafe ck_gemm(
      scores, columns, query, queries.stride, 1, block.keys.base + head * maps.keyDimension * block.keys.stride,
      block.keys.stride, tile.count, columns, maps.keyDimension, 0)
    unsafe ck_gemm(
      scores, columns, query + maps.keyDimension, queries.stride, 1,
      block.columns.base + maps.latentDimension * block.columns.stride, block.columns.stride, tile.count, columns,
      maps.sharedKeyDimension, 1)
    let results = unsafe out + tile.lowerBound * outStride + head * maps.valueDimension
    for row in 0..<tile.count {
      let sums = unsafe state + (tile.lowerBound + row) * stateStride + 2 * head
      let visible = min(count, position + tile.lowerBound + row + 1 - block.tokens.lowerBound)
      let factor = unsafe weigh(scores + row * columns, max(0, visible), of: count, sums)
      let result = unsafe results + row * outStride
      for index in 0..<maps.valueDimension { unsafe result[index] *= factor }
    }
    unsafe ck_gemm(
      results, outStride, scores, columns, 1, block.values.base + head * maps.valueDimension, block.values.stride,
      tile.count, maps.valueDimension, count, 1)
  }

  /// Turns the first `visible` of `count` scores into weights, the others into 0, and adds them to a row's sums.
  ///
  /// - Returns: the factor that what was summed up before gets.
  private func weigh(
    _ scores: UnsafeMutablePointer<Float>, _ visible: Int, of count: Int, _ sums: UnsafeMutablePointer<Float>
  ) -> Float {
    for token in visible..<count { unsafe scores[token] = 0 }
    guard visible > 0 else { return 1 }
    var top: Float = 0
    _ = unsafe ck_row_max(scores, visible, &top)
    let before = unsafe sums[0]
    let largest = max(before, top)
    // Nothing seen yet weighs nothing.
    let factor = before == -.infinity ? 0 : expf((before - largest) * scale)
    var total = 0.0
    for first in stride(from: 0, to: visible, by: Int(CK_ROW_BLOCK)) {
      var sum = 0.0
      unsafe ck_row_weigh(scores + first, min(Int(CK_ROW_BLOCK), visible - first), largest, scale, &sum)
      total += sum
    }
    unsafe sums[0] = largest
    unsafe sums[1] = factor * sums[1] + Float(total)
    return factor
  }
}
