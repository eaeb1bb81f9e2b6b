/// Reads log-probabilities off a row of logits.
struct Logprobs {
  private let normaliser: Float
  private let top: [TokenLogprob]

  /// Of the `count` most likely tokens, and of whichever is chosen later. `maximum` is the row's largest logit.
  init(_ row: Span<Float>, maximum: Float, count: Int, _ workspace: SamplingWorkspace) {
    let normaliser = RowReduction.logSumExp(row, maximum: maximum)
    self.normaliser = normaliser
    workspace.selection.gatherLargest(min(count, row.count), of: row)
    top = workspace.selection.ranks.sorted(by: >).map {
      TokenLogprob(id: Int32($0.index), logprob: $0.value - normaliser)
    }
    workspace.logits.removeAll(keepingCapacity: true)
    workspace.logits.reserveCapacity(row.count)
    for i in row.indices { workspace.logits.append(row[i]) }
  }

  /// With the chosen token's own.
  func choosing(_ token: Int32, _ workspace: SamplingWorkspace) -> TokenLogprobs {
    TokenLogprobs(chosen: workspace.logits[Int(token)] - normaliser, top: top)
  }
}
