import InferText

/// Prices of a model's tokens.
struct TokenPrices: Equatable, Sendable {
  /// A million tokens of prompts.
  var input: Double
  /// A million of those that were found in the prefix cache.
  var cached: Double
  /// A million generated tokens.
  var output: Double
  /// A million of those that were reasoning.
  var thinking: Double

  /// The price of what was used.
  func cost(of counts: UsageCounts) -> Double {
    let parts = [
      (counts.promptTokens - counts.cachedTokens, input), (counts.cachedTokens, cached),
      (counts.generatedTokens - counts.reasoningTokens, output), (counts.reasoningTokens, thinking),
    ]
    return parts.reduce(0) { $0 + Double(max($1.0, 0)) * $1.1 } / 1_000_000
  }
}

/// Prices by the names of models.
struct PriceTable: Equatable, Sendable {
  /// The currency's name, which is told as it is.
  var currency = ""
  var models: [ExactText: TokenPrices] = [:]
  /// The prices of all others; `nil` for none.
  var others: TokenPrices?

  /// The prices of a model; `nil` where there are none.
  subscript(_ model: String) -> TokenPrices? { models[ExactText(model)] ?? others }
}
