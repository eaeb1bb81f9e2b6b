/// The maps of latent attention from a token's latent vector to the keys and values of all heads, and attention through
/// them, by the cheaper of two ways:
///
/// - *Absorbed*: a query goes through its head's key map once and meets latent vectors themselves; their weighted sum goes
///   through the head's value map (DeepSeek-V2, arXiv 2405.04434, §2.1.2). The cache is all that is read.
/// - *Expanded*: keys and values are computed of the latent vectors of all tokens, and queries meet those, which are shorter.
///   Many rows share the maps' work.
///
/// The choice depends on a segment's own rows and place alone, so that a sequence computes the same beside others.
package struct LatentMaps: Sendable {
  /// Of each head the map to keys, transposed: `[latentDimension × keyDimension]`.
  package let keys: [PackedMatrix]
  /// Of each head the map to values, `[valueDimension × latentDimension]`.
  package let values: [PackedMatrix]
  /// The elements of the key that all heads share, which stand behind the latent vector in a row of the cache.
  package let sharedKeyDimension: Int
  /// For each head the score of a key without a value that every row sees; none where there are no such keys.
  package var sinks: [Float] = []

  /// The maps of the heads, one or more of each.
  package init(keys: [PackedMatrix], values: [PackedMatrix], sharedKeyDimension: Int) {
    precondition(!keys.isEmpty && keys.count == values.count, "\(keys.count) maps to keys, \(values.count) to values")
    self.keys = keys
    self.values = values
    self.sharedKeyDimension = sharedKeyDimension
  }

  var heads: Int { keys.count }
  var latentDimension: Int { keys[0].rows }
  var keyDimension: Int { keys[0].columns }
  var valueDimension: Int { values[0].rows }
  var queryDimension: Int { keyDimension + sharedKeyDimension }
  /// The elements of a row of the cache.
  var row: Int { latentDimension + sharedKeyDimension }

  /// Causal attention of every row over its sequence's pages, which hold the row's own latent vector already.
  ///
  /// - Parameters:
  ///   - queries: `[step rows × heads · (keyDimension + sharedKeyDimension)]`, after rotation.
  ///   - scale: the factor on scores, above 0.
  ///   - cache: state of the kind ``StateKind/latent(dimension:)``; see ``appendToCache(latents:cache:_:)``.
  ///   - choice: for rows that see chosen keys alone, the rule and the keys, `[step rows × rule.mostKeys]`; `nil` for none.
  ///   - out: `[step rows × heads · valueDimension]`, overwritten.
  ///   - step: the step.
  package func attend(
    queries: Rows, scale: Float, cache: StateHandle, choice: (rule: any KeyRule, keys: Rows)? = nil,
    into out: inout MutableRows, _ step: borrowing Step
  ) {
    step.checkRows(queries.count)
    step.checkRows(out.count)
    precondition(
      queries.columns == heads * queryDimension && out.columns == heads * valueDimension,
      "\(queries.columns) and \(out.columns) columns for \(heads) heads")
    let work = step.report.work
    let isExpanded = step.plan.runs.contains { run in
      var any = false
      step.plan.forEachSegment(of: run) { any = any || expands($0, of: run, choice?.rule) }
      return any
    }
    if isExpanded {
      attendExpanded(queries, scale: scale, cache, choice, into: &out, step)
    } else {
      attendAbsorbed(queries, scale: scale, cache, choice, into: &out, step)
    }
    // The work is counted as that of absorbed maps, by which the choice is judged.
    step.report.work = work
    step.report.work.addMatmul(rows: queries.count, keys)
    step.report.work.addMatmul(rows: queries.count, values)
    for run in step.plan.runs {
      step.report.work.addAttention(
        rows: run.tokens.count, keys: run.position + run.tokens.count, window: choice?.rule.mostKeys,
        width: heads * (row + latentDimension),
        cacheBytesPerToken: step.store.layout.kinds[cache.index].bytesPerToken(step.store.kvType))
    }
  }

  /// `true` when the keys and values of all tokens that a segment sees are computed.
  func expands(_ segment: RunSegment, of run: Run, _ rule: (any KeyRule)? = nil) -> Bool {
    guard rule?.chooses(segment, of: run) != true else { return false }
    return expands(rows: segment.count, after: run.position + segment.first - run.tokens.lowerBound)
  }

  /// `true` when it takes fewer multiplications to compute the keys and values of `rows` tokens, and of those `before` them,
  /// than to take queries and results through the maps.
  func expands(rows: Int, after before: Int) -> Bool {
    let maps = latentDimension * (keyDimension + valueDimension)
    let pairs = rows * before + rows * (rows + 1) / 2
    let absorbed = rows * maps + pairs * (row + latentDimension)
    let unfolding = keyDimension * latentDimension * keyDimension
    return unfolding + (before + rows) * maps + pairs * (queryDimension + valueDimension) < absorbed
  }

  /// Attention of all rows with absorbed maps.
  private func attendAbsorbed(
    _ queries: Rows, scale: Float, _ cache: StateHandle, _ choice: (rule: any KeyRule, keys: Rows)?,
    into out: inout MutableRows, _ step: borrowing Step
  ) {
    var absorbed = step.take(rows: queries.count, columns: heads * row)
    absorb(queries, into: &absorbed, step)
    var mixed = step.take(rows: queries.count, columns: heads * latentDimension)
    mix(absorbed.rows, scale: scale, cache, choice, into: &mixed, step)
    matmulHeads(mixed.rows, every: latentDimension, by: values, into: &out, every: valueDimension, step)
  }

  /// Attention of all rows with absorbed maps but those of expanded segments, over all keys or those that were chosen.
  private func mix(
    _ absorbed: Rows, scale: Float, _ cache: StateHandle, _ choice: (rule: any KeyRule, keys: Rows)?,
    into mixed: inout MutableRows, _ step: borrowing Step, leavingExpanded: Bool = false
  ) {
    let rule = choice?.rule
    attendToLatents(
      queries: absorbed, queryHeads: heads, scale: scale, sinks: sinks, cache: cache, into: &mixed, step
    ) { run, segment in
      !(leavingExpanded && expands(segment, of: run, rule)) && rule?.chooses(segment, of: run) != true
    }
    guard let rule, let choice else { return }
    attendToLatents(
      queries: absorbed, queryHeads: heads, scale: scale, sinks: sinks, cache: cache, rule: rule, chosen: choice.keys,
      into: &mixed, step
    ) { rule.chooses($1, of: $0) }
  }

  private func absorb(_ queries: Rows, into absorbed: inout MutableRows, _ step: borrowing Step) {
    matmulHeads(queries, every: queryDimension, by: keys, into: &absorbed, every: row, step)
    copyHeads(
      queries, every: queryDimension, columns: keyDimension..<queryDimension, into: &absorbed, every: row,
      at: latentDimension, step)
  }

  /// Attention of all rows, with expanded latent vectors in segments where that is cheaper.
  private func attendExpanded(
    _ queries: Rows, scale: Float, _ cache: StateHandle, _ choice: (rule: any KeyRule, keys: Rows)?,
    into out: inout MutableRows, _ step: borrowing Step
  ) {
    let rule = choice?.rule
    let segments = RowTiles(rowsPerTile: max(1, queries.count), step)
    var absorbed = step.take(rows: queries.count, columns: heads * row)
    var mixed = step.take(rows: queries.count, columns: heads * latentDimension)
    forEachAbsorbed(segments, rule, rowCount: queries.count, step) { rows in
      var some = absorbed.rows(rows)
      absorb(queries.rows(rows), into: &some, step)
    }
    mix(absorbed.rows, scale: scale, cache, choice, into: &mixed, step, leavingExpanded: true)
    forEachAbsorbed(segments, rule, rowCount: queries.count, step) { rows in
      var some = out.rows(rows)
      matmulHeads(mixed.rows.rows(rows), every: latentDimension, by: values, into: &some, every: valueDimension, step)
    }
    let expanded = ExpandedLatents(self, scale: scale, cache, step)
    for index in 0..<segments.count where expands(segments[index], rule, step) {
      expanded.attend(segments[index], queries, into: &out, step)
    }
  }

  /// Calls `body` with the rows between expanded segments, which go through absorbed maps together.
  private func forEachAbsorbed(
    _ segments: borrowing RowTiles, _ rule: (any KeyRule)?, rowCount: Int, _ step: borrowing Step,
    _ body: (Range<Int>) -> Void
  ) {
    var first = 0
    for index in 0..<segments.count where expands(segments[index], rule, step) {
      let rows = segments[index].segment.rows
      if first < rows.lowerBound { body(first..<rows.lowerBound) }
      first = rows.upperBound
    }
    if first < rowCount { body(first..<rowCount) }
  }

  private func expands(_ tile: RowTile, _ rule: (any KeyRule)?, _ step: borrowing Step) -> Bool {
    expands(tile.segment, of: step.plan.runs[tile.run], rule)
  }
}
