import InferCore
import InferText

/// Token counts of a response, as `usage` has them.
struct Usage: Equatable {
  var promptTokens = 0
  var completionTokens = 0
  var cachedTokens = 0
  var reasoningTokens = 0
  /// The time in which prompts were read and tokens generated, of all choices together.
  var runningTime = Duration.zero

  /// The counts of an answer's choices. The prompt of several choices counts once.
  init(_ choices: [(prompt: Int, statistics: GenerationStatistics)], reasoningTokens: Int = 0) {
    var counted: Set<Int> = []
    for (prompt, statistics) in choices {
      completionTokens += statistics.generatedTokens
      runningTime += statistics.prefillTime + statistics.decodeTime
      guard counted.insert(prompt).inserted else { continue }
      promptTokens += statistics.promptTokens
      cachedTokens += statistics.cachedTokens
    }
    self.reasoningTokens = reasoningTokens
  }

  /// The member `usage`.
  var json: JSONValue {
    [
      "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(completionTokens),
      "total_tokens": .integer(promptTokens + completionTokens),
      "prompt_tokens_details": ["cached_tokens": .integer(cachedTokens)],
      "completion_tokens_details": ["reasoning_tokens": .integer(reasoningTokens)],
    ]
  }
}
