import InferCore
import InferText

/// Log-probabilities as chat completions write them.
struct LogprobsFormat {
  let tokenizer: Tokenizer

  /// The least log-probability that JSON can hold.
  static func number(_ logprob: Float) -> JSONValue { .number(max(Double(logprob), -9999)) }

  /// An element of `logprobs.content` or `logprobs.reasoning_content` of a chat completion, of a token of which `bytes`
  /// belong to the text; `nil` for a token without log-probabilities.
  func chat(_ token: GeneratedToken, bytes: [UInt8]) -> JSONValue? {
    guard let logprobs = token.logprobs else { return nil }
    let top = logprobs.top.map { JSONValue.object(self.members(tokenizer.bytes(for: $0.id), $0.logprob)) }
    var members = self.members(bytes, logprobs.chosen)
    members["top_logprobs"] = .array(top)
    return .object(members)
  }

  /// How many bytes a token has.
  func length(_ id: Int32) -> Int { tokenizer.bytes(for: id).count }

  private typealias Members = JSONObject

  private func members(_ bytes: some Collection<UInt8>, _ logprob: Float) -> Members {
    [
      "token": .string(String(decoding: bytes, as: UTF8.self)), "logprob": Self.number(logprob),
      "bytes": .array(bytes.map { .integer(Int($0)) }),
    ]
  }
}
