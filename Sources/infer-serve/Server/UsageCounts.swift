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

  /// No count is larger, whatever a file says: sums of two can be made, and doubles hold them.
  static let largest = 1 << 53

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
    counts.requests = min(counts.requests + other.requests, largest)
    counts.promptTokens = min(counts.promptTokens + other.promptTokens, largest)
    counts.cachedTokens = min(counts.cachedTokens + other.cachedTokens, largest)
    counts.generatedTokens = min(counts.generatedTokens + other.generatedTokens, largest)
    counts.reasoningTokens = min(counts.reasoningTokens + other.reasoningTokens, largest)
    counts.seconds += other.seconds
  }
}
