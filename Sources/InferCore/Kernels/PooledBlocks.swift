internal import CKernels
internal import Glibc

/// The choice of the blocks of keys that rows see, by a small scorer that has one key for each whole block (Qwen4-Exp and
/// GLM-5.3-Flash, as `Qwen4ExpTextQSAIndexer` and `Glm5NextTextIndexer` of Hugging Face transformers 5.24 have it).
///
/// A block's key is made of a mean of its tokens' keys, and its score is `Σ wₕ max(qₕ · k, 0)` over the scorer's heads. A row
/// sees the whole blocks up to its own token that are best, and all tokens behind the last whole one. All query heads share
/// a choice.
///
/// The cache has a row for each token: its key, and once its block is whole, in the row of the block's last token the
/// block's. So what a sequence's first tokens leave there depends on nothing behind them.
package struct PooledBlockSelection: BlockRule, KeyRule {
  /// The number of the scorer's heads.
  package let heads: Int
  /// The width of its keys.
  package let dimension: Int
  /// The number of keys of a block.
  package let blockTokens: Int
  /// The number of whole blocks that are chosen.
  package let count: Int
  /// Its keys: state of the kind ``StateKind/latent(dimension:)`` of ``rowDimension``.
  package let cache: StateHandle
  /// `[blockTokens × dimension]`, added to the logits of the weights of a block's keys, which each token has behind its key;
  /// `nil` where all count alike.
  package let logits: [Float]?

  /// The width of a row of the cache.
  package var rowDimension: Int { logits == nil ? dimension : 2 * dimension }

  /// A choice of so many blocks.
  package init(
    heads: Int, dimension: Int, blockTokens: Int, count: Int, logits: [Float]? = nil, cache: StateHandle
  ) {
    precondition(heads > 0 && blockTokens > 0 && count > 0, "\(count) blocks of \(blockTokens) keys by \(heads) heads")
    precondition(logits.map { $0.count == blockTokens * dimension } ?? true, "\(logits?.count ?? 0) logits")
    self.heads = heads
    self.dimension = dimension
    self.blockTokens = blockTokens
    self.count = count
    self.logits = logits
    self.cache = cache
  }

  /// One of all query heads.
  package var choices: Int { 1 }

  /// The chosen ones, and the one that is not whole.
  package var mostBlocks: Int { count + 1 }

  /// As many as are chosen of the whole ones, and the last where it is not whole.
  package func blockCount(at position: Int) -> Int {
    let tokens = position + 1
    return min(count, tokens / blockTokens) + (tokens % blockTokens > 0 ? 1 : 0)
  }

  /// Those of the chosen blocks, and those of the one that is not whole.
  package var mostKeys: Int { (count + 1) * blockTokens - 1 }

  /// Those of the chosen blocks, and all behind the last whole one.
  package func keyCount(at position: Int) -> Int {
    min(count, (position + 1) / blockTokens) * blockTokens + (position + 1) % blockTokens
  }

  /// Whether the last of so many tokens has more whole blocks than are chosen.
  package func isChoice(before end: Int) -> Bool { end / blockTokens > count }

  /// Whether the token at a position is the last of its block.
  private func isLast(_ position: Int) -> Bool { position % blockTokens == blockTokens - 1 }

  /// Whether any row of a step is the last of its block.
  package func completesBlocks(_ step: borrowing Step) -> Bool {
    step.plan.runs.contains {
      ($0.position + $0.tokens.count) / blockTokens > $0.position / blockTokens
    }
  }

  /// Computes the mean of the tokens' keys of every block that ends in the step, in the row of its last token. All else becomes
  /// zero.
  ///
  /// With ``logits``, every column of a mean is weighted by the softmax of the tokens' logits in that column.
  ///
  /// - Parameters:
  ///   - out: `[step rows × rowDimension]`, of which the first ``dimension`` columns are the key.
  ///   - step: the step, whose tokens' keys are in the cache already.
  package func pool(into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: rowDimension), at: cache)
    step.checkRows(out.count)
    precondition(out.columns == rowDimension, "\(out.columns) columns")
    let pages = PageLayout(headDimension: rowDimension, isLatent: true, step.store)
    let pageTokens = pages.pageTokens
    step.scoped {
      // A token's row, and of weighted means the largest logits and the sums of weights.
      let scratch = step.take(rows: out.count, columns: 2 * rowDimension)
      for run in step.plan.runs {
        unsafe forEachRow(run.tokens.count, step) { index in
          let (row, position) = (run.tokens.lowerBound + index, run.position + index)
          let mean = unsafe out.base + row * out.stride
          unsafe mean.update(repeating: 0, count: rowDimension)
          guard isLast(position) else { return }
          let token = unsafe scratch.base + row * scratch.stride
          let sums = unsafe token + rowDimension
          for place in 0..<blockTokens {
            let key = position + 1 - blockTokens + place
            let page = unsafe step.page(key / pageTokens, of: run, in: cache)
            unsafe pages.unpack(token, page + pages.key(head: 0, token: key % pageTokens), rowDimension)
            if let logits {
              unsafe logits.withUnsafeBufferPointer {
                unsafe add(
                  token, $0.baseAddress.unsafelyUnwrapped + place * dimension, isFirst: place == 0, to: mean, sums)
              }
            } else {
              unsafe ck_add_scaled(mean, token, 1 / Float(blockTokens), dimension)
            }
          }
          guard logits != nil else { return }
          for column in 0..<dimension { unsafe mean[column] /= sums[dimension + column] }
        }
      }
    }
  }

  /// Adds a token's key to sums, by weights that are powers of its logits.
  ///
  /// - Parameters:
  ///   - token: the key, and behind it its logits.
  ///   - logits: what is added to these.
  ///   - isFirst: whether sums begin here.
  ///   - mean: the sum of keys.
  ///   - sums: the largest logits so far, and behind them the sum of weights.
  private func add(
    _ token: UnsafePointer<Float>, _ logits: UnsafePointer<Float>, isFirst: Bool, to mean: UnsafeMutablePointer<Float>,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    for column in 0..<dimension {
      let logit = unsafe token[dimension + column] + logits[column]
      let (largest, sum) = unsafe isFirst ? (logit, 0) : (sums[column], sums[dimension + column])
      let most = max(largest, logit)
      let (old, new) = (expf(largest - most), expf(logit - most))
      unsafe mean[column] = mean[column] * old + token[column] * new
      unsafe sums[dimension + column] = sum * old + new
      unsafe sums[column] = most
    }
  }

  /// Writes the keys of the blocks that end in the step into the cache.
  ///
  /// - Parameters:
  ///   - keys: `[step rows × rowDimension]`, in the row of a block's last token its key.
  ///   - step: the step.
  package func append(blockKeys keys: Rows, _ step: borrowing Step) {
    appendToCache(latents: keys, cache: cache, step) { isLast($0) }
  }

  /// Chooses blocks for every row of segments with a choice.
  ///
  /// - Parameters:
  ///   - queries: `[step rows × heads · dimension]`, after rotation.
  ///   - weights: `[step rows × heads]`, the factors of the heads; without columns where all are one.
  ///   - out: `[step rows × count + 1]`: the numbers of the chosen blocks, ascending, as many as there are.
  ///   - step: the step, whose blocks' keys are in the cache already.
  package func choose(queries: Rows, weights: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: rowDimension), at: cache)
    precondition(
      queries.columns == heads * dimension && out.columns == columns, "\(queries.columns), \(out.columns) columns")
    precondition([0, heads].contains(weights.columns), "\(weights.columns) weights")
    let pages = PageLayout(headDimension: rowDimension, isLatent: true, step.store)
    let pageTokens = pages.pageTokens
    let most = step.plan.runs.reduce(0) { max($0, ($1.position + $1.tokens.count) / blockTokens) }
    for run in step.plan.runs {
      step.report.work.addAttention(
        rows: run.tokens.count, keys: (run.position + run.tokens.count) / blockTokens, window: nil,
        width: heads * dimension,
        cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
    }
    step.scoped {
      let tiles = RowTiles(rowsPerTile: 1, step)
      let atOnce = 256
      let scorer = RectifiedScorer(heads: heads, dimension: dimension, keys: atOnce)
      let workspace = step.take(
        rows: step.team.count, columns: scorer.scratchCount + atOnce * rowDimension + 2 * most)
      unsafe step.team.forEach(tiles.count) { item, worker in
        // Later rows have more blocks.
        let tile = tiles[tiles.count - 1 - item]
        let run = step.plan.runs[tile.run]
        guard chooses(tile.segment, of: run) else { return }
        let tokens = run.position + tile.first - run.tokens.lowerBound + 1
        let blocks = tokens / blockTokens
        let row = unsafe workspace.base + worker * workspace.stride
        let unpacked = unsafe row + scorer.scratchCount
        let scores = unsafe unpacked + atOnce * rowDimension
        unsafe scorer.take(queries.base + tile.first * queries.stride, scratch: row)
        let weight = unsafe weights.columns == 0 ? nil : weights.base + tile.first * weights.stride
        for first in stride(from: 0, to: blocks, by: atOnce) {
          let keys = min(atOnce, blocks - first)
          for key in 0..<keys {
            let place = (first + key + 1) * blockTokens - 1
            let page = unsafe step.page(place / pageTokens, of: run, in: cache)
            unsafe pages.unpack(
              unpacked + key * rowDimension, page + pages.key(head: 0, token: place % pageTokens), rowDimension)
          }
          unsafe scorer.score(
            unpacked, every: rowDimension, keys, weights: weight, scratch: row, into: scores + first)
        }
        let chosen = unsafe out.base + tile.first * out.stride
        unsafe KeySelection.largest(count, of: scores, blocks, scratch: scores + most, into: chosen)
        if tokens % blockTokens > 0 { unsafe chosen[min(count, blocks)] = Float(blocks) }
      }
    }
  }

  /// Writes the keys of chosen blocks, for every row of segments with a choice.
  ///
  /// - Parameters:
  ///   - blocks: `[step rows × count + 1]`; see ``choose(queries:weights:into:_:)``.
  ///   - out: `[step rows × mostKeys]`: the positions of the keys, ascending, as many as there are.
  ///   - step: the step.
  package func expand(_ blocks: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    precondition(blocks.columns == columns && out.columns == mostKeys, "\(blocks.columns), \(out.columns) columns")
    step.scoped {
      let tiles = RowTiles(rowsPerTile: 16, step)
      unsafe step.team.forEach(tiles.count) { item, _ in
        let tile = tiles[item]
        let run = step.plan.runs[tile.run]
        guard chooses(tile.segment, of: run) else { return }
        for row in tile.first..<tile.first + tile.count {
          let position = run.position + row - run.tokens.lowerBound
          let (from, to) = unsafe (blocks.base + row * blocks.stride, out.base + row * out.stride)
          for key in 0..<keyCount(at: position) {
            unsafe to[key] = from[key / blockTokens] * Float(blockTokens) + Float(key % blockTokens)
          }
        }
      }
    }
  }
}
