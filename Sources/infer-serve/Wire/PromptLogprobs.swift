import InferCore
import InferText

/// The member `prompt_logprobs`, as vLLM has it: `null` for the prompt's first token, then an object for each with the
/// log-probability, rank and text of the token itself and of the most likely ones, by their numbers.
struct PromptLogprobs {
  private let tokenizer: Tokenizer
  /// Most likely tokens wanted beside each token.
  private let count: Int
  private var elements: [JSONValue] = [.null]

  /// A member with the first token.
  init(_ tokenizer: Tokenizer, count: Int) {
    self.tokenizer = tokenizer
    self.count = count
  }

  /// Takes scores of the next tokens.
  mutating func append(_ scores: [PromptTokenScore]) {
    for score in scores {
      var members: JSONObject = [:]
      members[String(score.id)] = member(score.id, score.logprobs.chosen, rank: score.rank)
      for (index, candidate) in score.logprobs.top.prefix(count).enumerated() where candidate.id != score.id {
        members[String(candidate.id)] = member(candidate.id, candidate.logprob, rank: index + 1)
      }
      elements.append(.object(members))
    }
  }

  private func member(_ id: Int32, _ logprob: Float, rank: Int) -> JSONValue {
    [
      "logprob": LogprobsFormat.number(logprob), "rank": .integer(rank),
      "decoded_token": .string(String(decoding: tokenizer.bytes(for: id), as: UTF8.self)),
    ]
  }

  /// The member.
  var json: JSONValue { .array(elements) }
}
