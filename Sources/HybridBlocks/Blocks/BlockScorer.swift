internal import InferCore

/// A scorer by which heads of attention choose the blocks of keys that they see.
protocol BlockScorer: Sendable {
  associatedtype Rule: BlockRule

  /// The rule of the choice.
  var rule: Rule { get }
  /// The number of query heads that share a choice, and the number of those before the rank's first.
  var sharing: (count: Int, first: Int) { get }

  /// Writes what the scorer keeps of the step's rows into its cache.
  func append(_ x: Rows, _ step: borrowing Step)

  /// Chooses blocks for every row of the step.
  func choose(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step)
}

extension BlockScorer {
  /// Writes what the scorer keeps of the step's rows into its cache, chooses blocks where rows see less than all keys, and
  /// computes attention.
  ///
  /// - Parameters:
  ///   - x: the input of attention.
  ///   - rotated: its queries, after rotation.
  ///   - attention: the sizes of attention, whose keys are in its cache already.
  ///   - scale: the factor on its scores.
  ///   - cache: its cache.
  ///   - out: the output of all heads.
  ///   - step: the step.
  func attend(
    _ x: Rows, queries rotated: Rows, _ attention: Attention.Shape, scale: Float, cache: StateHandle,
    into out: inout MutableRows, _ step: borrowing Step
  ) {
    append(x, step)
    let (queryHeads, heads) = (attention.queryHeads, attention.keyHeads)
    guard rule.chooses(step) else {
      return InferCore.attend(
        queries: rotated, queryHeads: queryHeads, heads: heads, headDimension: attention.headDimension, scale: scale,
        cache: cache, into: &out, step)
    }
    var chosen = step.take(rows: x.count, columns: rule.columns)
    choose(x, into: &chosen, step)
    InferCore.attend(
      queries: rotated, queryHeads: queryHeads, heads: heads, headDimension: attention.headDimension, scale: scale,
      cache: cache, rule: rule, chosen: chosen.rows, sharing: sharing, into: &out, step)
  }
}
