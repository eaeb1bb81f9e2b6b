internal import CKernels

/// The choice of the blocks of keys that rows see, by a small scorer that has one key for each whole block (Qwen4-Exp, as
/// `Qwen4ExpTextQSAIndexer` of Hugging Face transformers 5.24 has it).
///
/// A block's key is made of the mean of its tokens' keys, and its score is `Σ max(qₕ · k, 0)` over the scorer's heads. A row
/// sees the whole blocks up to its own token that are best, and all tokens behind the last whole one. All query heads share
/// a choice.
///
/// The cache has a row for each token: its key, and once its block is whole, in the row of the block's last token the
/// block's. So what a sequence's first tokens leave there depends on nothing behind them.
package struct PooledBlockSelection: BlockRule {
  /// The number of the scorer's heads.
  package let heads: Int
  /// The width of its keys.
  package let dimension: Int
  /// The number of keys of a block.
  package let blockTokens: Int
  /// The number of whole blocks that are chosen.
  package let count: Int
  /// Its keys: state of the kind ``StateKind/latent(dimension:)``.
  package let cache: StateHandle

  /// A choice of so many blocks.
  package init(heads: Int, dimension: Int, blockTokens: Int, count: Int, cache: StateHandle) {
    precondition(heads > 0 && blockTokens > 0 && count > 0, "\(count) blocks of \(blockTokens) keys by \(heads) heads")
    self.heads = heads
    self.dimension = dimension
    self.blockTokens = blockTokens
    self.count = count
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

  /// Computes the mean of the tokens' keys of every block that ends in the step, in the row of its last token. Other rows become
  /// zero.
  ///
  /// - Parameters:
  ///   - out: `[step rows × dimension]`.
  ///   - step: the step, whose tokens' keys are in the cache already.
  package func pool(into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: dimension), at: cache)
    step.checkRows(out.count)
    precondition(out.columns == dimension, "\(out.columns) columns")
    let pages = PageLayout(headDimension: dimension, isLatent: true, step.store)
    let (pageTokens, share) = (pages.pageTokens, 1 / Float(blockTokens))
    step.scoped {
      let unpacked = step.take(rows: out.count, columns: dimension)
      for run in step.plan.runs {
        unsafe forEachRow(run.tokens.count, step) { index in
          let (row, position) = (run.tokens.lowerBound + index, run.position + index)
          let sum = unsafe out.base + row * out.stride
          unsafe sum.update(repeating: 0, count: dimension)
          guard isLast(position) else { return }
          let key = unsafe unpacked.base + row * unpacked.stride
          for place in position + 1 - blockTokens...position {
            let page = unsafe step.page(place / pageTokens, of: run, in: cache)
            unsafe pages.unpack(key, page + pages.key(head: 0, token: place % pageTokens), dimension)
            unsafe ck_add_scaled(sum, key, share, dimension)
          }
        }
      }
    }
  }

  /// Writes the keys of the blocks that end in the step into the cache.
  ///
  /// - Parameters:
  ///   - keys: `[step rows × dimension]`, in the row of a block's last token its key.
  ///   - step: the step.
  package func append(blockKeys keys: Rows, _ step: borrowing Step) {
    appendToCache(latents: keys, cache: cache, step) { isLast($0) }
  }

  /// Chooses blocks for every row of segments with a choice.
  ///
  /// - Parameters:
  ///   - queries: `[step rows × heads · dimension]`, after rotation.
  ///   - out: `[step rows × count + 1]`: the numbers of the chosen blocks, ascending, as many as there are.
  ///   - step: the step, whose blocks' keys are in the cache already.
  package func choose(queries: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: dimension), at: cache)
    precondition(
      queries.columns == heads * dimension && out.columns == columns, "\(queries.columns), \(out.columns) columns")
    let pages = PageLayout(headDimension: dimension, isLatent: true, step.store)
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
        rows: step.team.count, columns: scorer.scratchCount + atOnce * dimension + 2 * most)
      unsafe step.team.forEach(tiles.count) { item, worker in
        // Later rows have more blocks.
        let tile = tiles[tiles.count - 1 - item]
        let run = step.plan.runs[tile.run]
        guard chooses(tile.segment, of: run) else { return }
        let tokens = run.position + tile.first - run.tokens.lowerBound + 1
        let blocks = tokens / blockTokens
        let row = unsafe workspace.base + worker * workspace.stride
        let unpacked = unsafe row + scorer.scratchCount
        let scores = unsafe unpacked + atOnce * dimension
        unsafe scorer.take(queries.base + tile.first * queries.stride, scratch: row)
        for first in stride(from: 0, to: blocks, by: atOnce) {
          let keys = min(atOnce, blocks - first)
          for key in 0..<keys {
            let place = (first + key + 1) * blockTokens - 1
            let page = unsafe step.page(place / pageTokens, of: run, in: cache)
            unsafe pages.unpack(
              unpacked + key * dimension, page + pages.key(head: 0, token: place % pageTokens), dimension)
          }
          unsafe scorer.score(unpacked, keys, weights: nil, scratch: row, into: scores + first)
        }
        let chosen = unsafe out.base + tile.first * out.stride
        unsafe KeySelection.largest(count, of: scores, blocks, scratch: scores + most, into: chosen)
        if tokens % blockTokens > 0 { unsafe chosen[min(count, blocks)] = Float(blocks) }
      }
    }
  }
}
