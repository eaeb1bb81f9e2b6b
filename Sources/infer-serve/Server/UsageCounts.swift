import InferCore

/// What requests have cost.
struct UsageCounts: Equatable, Sendable {
  var requests = 0
  var promptTokens = 0
  /// Tokens of prompts that were found in the prefix cache.
  var cachedTokens = 0
  var generatedTokens = 0
  /// Generated tokens of reasoning.
  var reasoningTokens = 0
  /// Seconds in which prompts were read and tokens generated.
  var seconds = 0.0

  init() {}

  /// The cost of one request.
  init(_ generation: RequestRecord.Generation) {
    requests = 1
    promptTokens = generation.promptTokens
    cachedTokens = generation.cachedTokens
    generatedTokens = generation.generatedTokens
    reasoningTokens = generation.reasoningTokens
    seconds = generation.runningTime.seconds
  }

  static func += (counts: inout UsageCounts, other: UsageCounts) {
    counts.requests += other.requests
    counts.promptTokens += other.promptTokens
    counts.cachedTokens += other.cachedTokens
    counts.generatedTokens += other.generatedTokens
    counts.reasoningTokens += other.reasoningTokens
    counts.seconds += other.seconds
  }
}
