internal import CKernels

/// A choice of the blocks of keys that rows see: blocks that follow one another from a sequence's first key on, all of one size.
package protocol BlockRule: ChoiceRule {
  /// The number of keys of a block.
  var blockTokens: Int { get }
  /// The number of choices of a row, each for a group of query heads.
  var choices: Int { get }
  /// The largest number of blocks of a choice.
  var mostBlocks: Int { get }

  /// The number of blocks that each choice of a row at a position has.
  func blockCount(at position: Int) -> Int
}

extension BlockRule {
  /// The number of columns of the blocks of all choices of a row.
  package var columns: Int { choices * mostBlocks }
}

/// The choice of the blocks of keys that rows see, by a small scorer with a cache of keys of its own (MiniMax M3, as
/// `MiniMaxM3VLIndexer` of Hugging Face transformers 5.24 has it).
///
/// The score of a key is `q · k`, and that of a block the largest of those of its keys that a row may see. Every head of the
/// scorer chooses for a group of query heads. The last blocks up to a row's own are always among the chosen ones. Rows that
/// have no more blocks than are chosen see all keys.
package struct BlockSelection: BlockRule {
  /// The number of the scorer's heads.
  package let heads: Int
  /// The width of its keys.
  package let dimension: Int
  /// The number of keys of a block.
  package let blockTokens: Int
  /// The number of blocks that are chosen.
  package let count: Int
  /// The number of last blocks, a row's own among them, that are always chosen.
  package let localCount: Int
  /// Its keys: state of the kind ``StateKind/latent(dimension:)``.
  package let cache: StateHandle
  /// The number of keys that a thread scores for a few rows, about: where there are more, threads share them.
  var keysPerPart = 4096

  /// A choice of so many blocks.
  package init(
    heads: Int, dimension: Int, blockTokens: Int, count: Int, localCount: Int, cache: StateHandle
  ) {
    precondition(heads > 0 && blockTokens > 0 && count > 0, "\(count) blocks of \(blockTokens) keys by \(heads) heads")
    precondition((0...count).contains(localCount), "the last \(localCount) of \(count) blocks")
    self.heads = heads
    self.dimension = dimension
    self.blockTokens = blockTokens
    self.count = count
    self.localCount = localCount
    self.cache = cache
  }

  /// One a head of the scorer.
  package var choices: Int { heads }

  /// All that are chosen.
  package var mostBlocks: Int { count }

  /// All up to the row's own, as far as so many are chosen.
  package func blockCount(at position: Int) -> Int { min(count, position / blockTokens + 1) }

  /// Whether the last of so many tokens has more blocks than are chosen.
  package func isChoice(before end: Int) -> Bool { (end - 1) / blockTokens >= count }

  /// Chooses blocks for every row of segments with a choice.
  ///
  /// - Parameters:
  ///   - queries: `[step rows × heads · dimension]`, after rotation.
  ///   - out: `[step rows × heads · count]`: for each head the numbers of the chosen blocks, ascending, as many as there are.
  ///   - step: the step, whose keys are in the cache already.
  package func choose(queries: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    step.store.layout.expect(.latent(dimension: dimension), at: cache)
    precondition(
      queries.columns == heads * dimension && out.columns == columns, "\(queries.columns), \(out.columns) columns")
    let pages = PageLayout(headDimension: dimension, isLatent: true, step.store)
    let longest = step.plan.runs.reduce(0) { max($0, $1.position + $1.tokens.count) }
    for run in step.plan.runs {
      step.report.work.addAttention(
        rows: run.tokens.count, keys: run.position + run.tokens.count, window: nil, width: heads * dimension,
        cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
    }
    let most = (longest + blockTokens - 1) / blockTokens
    // Rows that share the reading of the cache.
    let together = max(1, 64 / heads)
    // Parts of the keys begin with a block and a page.
    let unit = blockTokens * pages.pageTokens
    let partKeys = unit * max(1, keysPerPart / unit)
    let parts = (longest + partKeys - 1) / partKeys
    step.scoped {
      let tiles = RowTiles(rowsPerTile: together, step)
      // Tiles whose blocks are scored before any of them is chosen, so that memory does not grow with the rows.
      let tilesAtOnce = max(1, min(tiles.count, step.team.count))
      let scores = step.take(rows: tilesAtOnce, columns: together * heads * most)
      let workspace = step.take(rows: step.team.count, columns: max(2 * most, scratchCount(together * heads, pages)))
      // Later rows have more keys.
      for first in stride(from: tiles.count - 1, through: 0, by: -tilesAtOnce) {
        let count = min(tilesAtOnce, first + 1)
        unsafe step.team.forEach(count * parts) { item, worker in
          let (index, part) = (item / parts, item % parts)
          let tile = tiles[first - index]
          let run = step.plan.runs[tile.run]
          let end = run.position + tile.first - run.tokens.lowerBound + tile.count
          let keys = part * partKeys..<max(part * partKeys, min((part + 1) * partKeys, end))
          guard chooses(tile.segment, of: run), !keys.isEmpty else { return }
          unsafe score(
            tile, keys, queries, pages, { unsafe step.page($0, of: run, in: cache) },
            into: scores.base + index * scores.stride, scratch: workspace.base + worker * workspace.stride,
            position: end - tile.count)
        }
        unsafe step.team.forEach(count) { index, worker in
          let tile = tiles[first - index]
          let run = step.plan.runs[tile.run]
          guard chooses(tile.segment, of: run) else { return }
          let position = run.position + tile.first - run.tokens.lowerBound
          let column = unsafe workspace.base + worker * workspace.stride
          for row in 0..<tile.count {
            let blocks = (position + row) / blockTokens + 1
            for head in 0..<heads {
              let own = unsafe scores.base + index * scores.stride + row * heads + head
              for block in 0..<blocks {
                unsafe column[block] = min(own[block * tile.count * heads], .greatestFiniteMagnitude)
              }
              for block in max(0, blocks - localCount)..<blocks { unsafe column[block] = .infinity }
              unsafe KeySelection.largest(
                self.count, of: column, blocks, scratch: column + most,
                into: out.base + (tile.first + row) * out.stride + head * self.count)
            }
          }
        }
      }
    }
  }

  /// The number of keys that are scored by one product.
  private func keysAtOnce(_ pages: PageLayout) -> Int { max(1, 256 / pages.pageTokens) * pages.pageTokens }

  /// The number of floats of a worker's memory: queries by column, scores of keys and unpacked keys.
  private func scratchCount(_ width: Int, _ pages: PageLayout) -> Int {
    width * (dimension + keysAtOnce(pages)) + keysAtOnce(pages) * dimension
  }

  /// Scores the blocks of some keys, which begin with a block and a page.
  ///
  /// - Parameters:
  ///   - tile: the rows.
  ///   - keys: the keys, which end no later than those of the last row.
  ///   - queries: the queries of all rows of the step.
  ///   - pages: the layout of pages.
  ///   - page: the address of a page of the sequence.
  ///   - scores: the scores of all blocks, a column a head of a row.
  ///   - scratch: the memory of the worker.
  ///   - position: the position of the first row.
  private func score(
    _ tile: RowTile, _ keys: Range<Int>, _ queries: Rows, _ pages: PageLayout, _ page: (Int) -> UnsafeMutableRawPointer,
    into scores: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>, position: Int
  ) {
    let (width, atOnce) = (tile.count * heads, keysAtOnce(pages))
    let turned = unsafe scratch
    let products = unsafe turned + width * dimension
    let unpacked = unsafe products + width * atOnce
    for row in 0..<tile.count {
      let query = unsafe queries.base + (tile.first + row) * queries.stride
      for head in 0..<heads {
        for index in 0..<dimension {
          unsafe turned[index * width + row * heads + head] = query[head * dimension + index]
        }
      }
    }
    let blocks = keys.lowerBound / blockTokens..<(keys.upperBound - 1) / blockTokens + 1
    unsafe (scores + blocks.lowerBound * width).update(repeating: -.infinity, count: blocks.count * width)
    for first in stride(from: keys.lowerBound, to: keys.upperBound, by: atOnce) {
      let tokens = min(atOnce, keys.upperBound - first)
      for done in stride(from: 0, to: tokens, by: pages.pageTokens) {
        let rows = unsafe page((first + done) / pages.pageTokens)
        unsafe pages.unpack(unpacked + done * dimension, rows, min(pages.pageTokens, tokens - done) * dimension)
      }
      unsafe ck_gemm(products, width, unpacked, dimension, 1, turned, width, tokens, width, dimension, 0)
      for token in 0..<tokens {
        let best = unsafe scores + (first + token) / blockTokens * width
        let found = unsafe products + token * width
        // Rows before the key do not see it. What is no number is never the largest.
        for index in max(0, first + token - position) * heads..<width {
          unsafe best[index] = found[index] > best[index] ? found[index] : best[index]
        }
      }
    }
  }
}

/// Causal attention of every row over its sequence's pages, in segments with a choice over the blocks of keys alone that were
/// chosen for a row's heads.
///
/// - Parameters:
///   - queries: `[step rows × queryHeads · headDimension]`, after rotation.
///   - queryHeads: the number of heads of queries.
///   - heads: the number of heads of keys and values, which divides `queryHeads`.
///   - headDimension: the width of a head.
///   - scale: the factor on scores.
///   - cache: state of the kind ``StateKind/paged(heads:headDimension:)`` of the same sizes, without a window.
///   - rule: the rule of the choice.
///   - chosen: `[step rows × rule.columns]`: the numbers of the blocks of each choice, ascending, as many as there are.
///   - sharing: the number of query heads that share a choice, and the number of those before the first of `queries`, where
///     these are some of a model's.
///   - out: the same shape as `queries`, overwritten.
///   - step: the step.
package func attend(
  queries: Rows, queryHeads: Int, heads: Int, headDimension: Int, scale: Float, cache: StateHandle,
  rule: some BlockRule, chosen: Rows, sharing: (count: Int, first: Int), into out: inout MutableRows,
  _ step: borrowing Step
) {
  step.store.layout.expect(.paged(heads: heads, headDimension: headDimension), at: cache)
  precondition(step.store.layout.windows[cache.index] == nil, "a choice of blocks within a window")
  precondition(
    sharing.count > 0 && sharing.first >= 0 && sharing.first + queryHeads <= sharing.count * rule.choices,
    "\(queryHeads) heads from \(sharing.first) on, of \(sharing.count) for each of \(rule.choices)")
  precondition(chosen.columns == rule.columns && queryHeads % heads == 0, "\(chosen.columns) columns")
  let shape = AttentionShape(
    heads: heads, group: queryHeads / heads, valueDimension: headDimension, scale: scale,
    pages: PageLayout(headDimension: headDimension, isLatent: false, step.store))
  let work = step.report.work
  attend(queries, shape, cache, into: &out, step) { !rule.chooses($1, of: $0) }
  attendToChosen(queries, shape, cache, rule, chosen, sharing, into: &out, step)
  step.report.work = work
  for run in step.plan.runs {
    step.report.work.addAttention(
      rows: run.tokens.count, keys: run.position + run.tokens.count, window: rule.mostBlocks * rule.blockTokens,
      width: queries.columns + out.columns,
      cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
  }
}

/// Attention of the rows of segments with a choice.
private func attendToChosen(
  _ queries: Rows, _ shape: AttentionShape, _ cache: StateHandle, _ rule: some BlockRule, _ chosen: Rows,
  _ sharing: (count: Int, first: Int), into out: inout MutableRows, _ step: borrowing Step
) {
  let (pages, dimension, queryHeads) = (shape.pages, shape.headDimension, shape.heads * shape.group)
  // Query heads that share both a key head and a choice.
  let group = divisor(divisor(shape.group, sharing.count), sharing.first)
  let part = AttentionShape(
    heads: queryHeads / group, group: group, valueDimension: dimension, scale: shape.scale, pages: pages)
  let longest = step.plan.runs.reduce(0) { max($0, $1.position + $1.tokens.count) }
  let (rowBytes, pageTokens) = (pages.type.bytes(dimension), pages.pageTokens)
  let pageBytes = 2 * pageTokens * rowBytes
  // Blocks of whole pages are read where they are. Keys and values of others are copied behind one another, as pages that
  // attention reads like others.
  let areWhole = rule.blockTokens % pageTokens == 0
  let copied = areWhole ? 0 : (min(rule.mostBlocks * rule.blockTokens, longest) + pageTokens - 1) / pageTokens
  step.scoped {
    let tiles = RowTiles(rowsPerTile: 1, step)
    let workspace = step.take(
      rows: step.team.count, columns: part.workspaceCount + (copied * pageBytes + 3) / 4)
    unsafe step.team.forEach(tiles.count * part.heads) { index, worker in
      let (tile, unit) = (tiles[tiles.count - 1 - index / part.heads], index % part.heads)
      let run = step.plan.runs[tile.run]
      guard rule.chooses(tile.segment, of: run) else { return }
      let position = run.position + tile.first - run.tokens.lowerBound
      let choice = (sharing.first + unit * group) / sharing.count
      let blocks = unsafe chosen.base + tile.first * chosen.stride + choice * rule.mostBlocks
      let count = rule.blockCount(at: position)
      // A row sees the keys up to its own; of what is chosen, its own block alone may have others.
      let last = unsafe position + 1 - Int(blocks[count - 1]) * rule.blockTokens
      let keys = (count - 1) * rule.blockTokens + min(rule.blockTokens, last)
      let offset = pages.key(head: unit * group / shape.group, token: 0)
      let own = unsafe workspace.base + worker * workspace.stride
      let copies = unsafe UnsafeMutableRawPointer(own + part.workspaceCount)
      if !areWhole {
        for key in 0..<keys {
          let place = unsafe Int(blocks[key / rule.blockTokens]) * rule.blockTokens + key % rule.blockTokens
          let page = unsafe step.page(place / pageTokens, of: run, in: cache) + offset
          let from = unsafe page + place % pageTokens * rowBytes
          let to = unsafe copies + key / pageTokens * pageBytes + key % pageTokens * rowBytes
          unsafe to.copyMemory(from: from, byteCount: rowBytes)
          unsafe (to + pageTokens * rowBytes).copyMemory(from: from + pageTokens * rowBytes, byteCount: rowBytes)
        }
      }
      let pagesPerBlock = rule.blockTokens / pageTokens
      let sums = unsafe part.attend(
        queries: queries.base + tile.first * queries.stride + unit * group * dimension, queryStride: queries.stride,
        rows: 1, position: keys - 1, keys: 0..<keys, areFirst: true, head: 0,
        page: { number in
          guard areWhole else { return unsafe copies + number * pageBytes }
          let page = unsafe Int(blocks[number / pagesPerBlock]) * pagesPerBlock + number % pagesPerBlock
          return unsafe step.page(page, of: run, in: cache) + offset
        }, workspace: own)
      unsafe part.write(sums, rows: 1, head: unit, to: out.base + tile.first * out.stride, stride: out.stride)
    }
  }
}

/// The greatest common divisor; that of 0 and another number is the other one.
private func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
