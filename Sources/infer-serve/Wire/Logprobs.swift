import InferCore

/// Log-probabilities as chat completions write them.
struct LogprobsFormat {
  let tokenizer: Tokenizer

  /// The spelling of a token: its bytes as text, with U+FFFD for what is no UTF-8.
  private func text(_ id: Int32) -> String { String(decoding: tokenizer.bytes(for: id), as: UTF8.self) }

  /// The least log-probability that JSON can hold.
  static func number(_ logprob: Float) -> JSONValue { .number(max(Double(logprob), -9999)) }

  /// Elements of `logprobs.content` of a chat completion. Tokens without log-probabilities have none.
  func chat(_ tokens: [GeneratedToken]) -> [JSONValue] {
    tokens.compactMap { token in
      guard let logprobs = token.logprobs else { return nil }
      let top = logprobs.top.map { JSONValue.object(self.members($0.id, $0.logprob)) }
      var members = self.members(token.id, logprobs.chosen)
      members["top_logprobs"] = .array(top)
      return .object(members)
    }
  }

  private typealias Members = JSONObject

  private func members(_ id: Int32, _ logprob: Float) -> Members {
    [
      "token": .string(text(id)), "logprob": Self.number(logprob),
      "bytes": .array(tokenizer.bytes(for: id).map { .integer(Int($0)) }),
    ]
  }
}
