import InferCore

/// Log-probabilities as the two endpoints write them.
struct LogprobsFormat {
  let tokenizer: Tokenizer

  /// The spelling of a token: its bytes as text, with U+FFFD for what is no UTF-8.
  private func text(_ id: Int32) -> String { String(decoding: tokenizer.bytes(for: id), as: UTF8.self) }

  /// The least log-probability that JSON can hold.
  private static func number(_ logprob: Float) -> JSONValue { .number(max(Double(logprob), -9999)) }

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

  /// The object `logprobs` of a completion. `offset` is where the first token's text begins in the choice's text,
  /// in Unicode scalars, and is advanced to its end.
  func completion(_ tokens: [GeneratedToken], offset: inout Int) -> JSONValue {
    var names: [JSONValue] = []
    var chosen: [JSONValue] = []
    var tops: [JSONValue] = []
    var offsets: [JSONValue] = []
    for token in tokens {
      guard let logprobs = token.logprobs else { continue }
      let text = text(token.id)
      names.append(.string(text))
      chosen.append(Self.number(logprobs.chosen))
      // The chosen token is always among them, as in the API.
      var top: Members = [:]
      for candidate in logprobs.top { top[self.text(candidate.id)] = Self.number(candidate.logprob) }
      top[text] = Self.number(logprobs.chosen)
      tops.append(.object(top))
      offsets.append(.integer(offset))
      offset += text.unicodeScalars.count
    }
    return .object([
      "tokens": .array(names), "token_logprobs": .array(chosen), "top_logprobs": .array(tops),
      "text_offset": .array(offsets),
    ])
  }
}
