import InferKit

/// Rules out the tokens with which an answer would repeat a sequence of its tokens.
struct NoRepeatedSequences: LogitsProcessor {
  /// The number of tokens of a sequence.
  let length: Int
  private var answer: [Int32] = []
  /// The tokens that came behind each sequence that is one token shorter.
  private var followers: [ArraySlice<Int32>: [Int32]] = [:]

  init(length: Int) { self.length = max(1, length) }

  mutating func apply(to logits: inout MutableSpan<Float>) {
    for token in followers[answer.suffix(length - 1)] ?? [] { logits[Int(token)] = -.infinity }
  }

  mutating func accept(_ token: Int32) {
    if answer.count >= length - 1 { followers[answer.suffix(length - 1), default: []].append(token) }
    answer.append(token)
  }
}

/// Answers without saying anything twice.
func choosingTokens(_ engine: Engine) async throws -> ChatResponse {
  var options = ChatOptions()
  options.sampling = try SamplingParameters(temperature: 0.7, minP: 0.05, seed: 1)
  options.stop = try StopConditions(maxTokens: 200)
  options.processors = [NoRepeatedSequences(length: 3)]
  return try await ChatSession(engine, options: options).respond(to: "What is 47 + 85?")
}
