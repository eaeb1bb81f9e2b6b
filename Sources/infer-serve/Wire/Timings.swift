import InferCore
import InferText

/// The times of a response, with the names that llama-server uses.
///
/// `prompt` lasts up to the first token, `predicted` from there to the last. Choices that run side by side are taken
/// together: tokens add up, and times are the longest.
struct Timings: Equatable {
  var cachedTokens = 0
  var promptTokens = 0
  var promptTime = Duration.zero
  var predictedTokens = 0
  var predictedTime = Duration.zero

  /// The times of an answer's choices.
  init(_ choices: [GenerationStatistics]) {
    for statistics in choices {
      cachedTokens += statistics.cachedTokens
      promptTokens += statistics.promptTokens - statistics.cachedTokens
      predictedTokens += statistics.generatedTokens
      promptTime = max(promptTime, statistics.prefillTime)
      predictedTime = max(predictedTime, statistics.decodeTime)
    }
  }

  /// The member `timings`. Rates without a time to divide by are 0.
  var json: JSONValue {
    let promptMilliseconds = promptTime / .milliseconds(1)
    let predictedMilliseconds = predictedTime / .milliseconds(1)
    let predicted = Double(predictedTokens)
    return [
      "cache_n": .integer(cachedTokens),
      "prompt_n": .integer(promptTokens),
      "prompt_ms": Self.rounded(promptMilliseconds),
      "prompt_per_token_ms": Self.rounded(Self.ratio(promptMilliseconds, Double(promptTokens))),
      "prompt_per_second": Self.rounded(Self.ratio(Double(promptTokens) * 1000, promptMilliseconds)),
      "predicted_n": .integer(predictedTokens),
      "predicted_ms": Self.rounded(predictedMilliseconds),
      "predicted_per_token_ms": Self.rounded(Self.ratio(predictedMilliseconds, predicted)),
      "predicted_per_second": Self.rounded(Self.ratio(predicted * 1000, predictedMilliseconds)),
    ]
  }

  private static func ratio(_ numerator: Double, _ denominator: Double) -> Double {
    denominator > 0 ? numerator / denominator : 0
  }

  /// Microseconds are as fine as a clock is worth reading.
  private static func rounded(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
}
