/// Makes tokens that were there before less likely (or more, when a penalty is negative or below 1).
///
/// In this order, as in vLLM: the repetition penalty (Keskar et al., "CTRL", 2019) over prompt and answer, the
/// frequency and the presence penalty of the OpenAI API over the answer alone.
struct Penalties: LogitsTransform {
  private let repetition: Float
  private let frequency: Float
  private let presence: Float
  /// The different tokens of prompt and answer, and how often each is in the answer.
  private var seen: [(token: Int32, count: Int32)] = []
  private var position: [Int32: Int] = [:]

  /// `nil` when the parameters penalise nothing.
  init?(_ parameters: SamplingParameters, prompt: [Int32]) {
    repetition = parameters.repetitionPenalty
    frequency = parameters.frequencyPenalty
    presence = parameters.presencePenalty
    guard repetition != 1 || frequency != 0 || presence != 0 else { return nil }
    // Only the repetition penalty looks at the prompt.
    if repetition != 1 {
      for token in prompt { note(token, count: 0) }
    }
  }

  /// Adds a token to the answer.
  mutating func record(_ token: Int32) { note(token, count: 1) }

  private mutating func note(_ token: Int32, count: Int32) {
    if let index = position[token] {
      seen[index].count += count
    } else {
      position[token] = seen.count
      seen.append((token, count))
    }
  }

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    for (token, count) in seen {
      var logit = row[Int(token)]
      if repetition != 1 { logit = logit > 0 ? logit / repetition : logit * repetition }
      if count > 0 { logit -= frequency * Float(count) + presence }
      row[Int(token)] = logit
    }
  }
}
