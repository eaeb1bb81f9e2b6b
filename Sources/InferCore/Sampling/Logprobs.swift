/// Log-probabilities of a row of logits.
struct Logprobs {
  private let normaliser: Float
  private let top: [TokenLogprob]

  /// Keeps those of the `count` most likely tokens, and a copy of the row for the token that is chosen later. `maximum`
  /// is the row's largest logit.
  init(_ row: Span<Float>, maximum: Float, count: Int, _ workspace: SamplingWorkspace) {
    let normaliser = RowReduction.logSumExp(row, maximum: maximum)
    self.normaliser = normaliser
    top = Self.top(count, of: row, normaliser: normaliser, workspace)
    workspace.logits.removeAll(keepingCapacity: true)
    unsafe row.withUnsafeBufferPointer { unsafe workspace.logits.append(contentsOf: $0) }
  }

  /// The log-probabilities, with that of the chosen token.
  func choosing(_ token: Int32, _ workspace: SamplingWorkspace) -> TokenLogprobs {
    TokenLogprobs(chosen: workspace.logits[Int(token)] - normaliser, top: top)
  }

  fileprivate static func top(
    _ count: Int, of row: Span<Float>, normaliser: Float, _ workspace: SamplingWorkspace
  ) -> [TokenLogprob] {
    workspace.selection.gatherLargest(min(count, row.count), of: row)
    return workspace.selection.ranks.sorted(by: >).map {
      TokenLogprob(id: Int32($0.index), logprob: $0.value - normaliser)
    }
  }
}

extension PromptTokenScore {
  /// Scores `token` by a row of logits, and the `count` most likely tokens; `nil` when the row is no distribution.
  init?(_ token: Int32, in row: Span<Float>, count: Int, _ workspace: SamplingWorkspace) {
    guard let maximum = RowReduction.maximum(row) else { return nil }
    let normaliser = RowReduction.logSumExp(row, maximum: maximum)
    let logit = row[Int(token)]
    var rank = 1
    for i in row.indices where row[i] > logit { rank += 1 }
    let top = Logprobs.top(count, of: row, normaliser: normaliser, workspace)
    self.init(id: token, logprobs: TokenLogprobs(chosen: logit - normaliser, top: top), rank: rank)
  }
}
