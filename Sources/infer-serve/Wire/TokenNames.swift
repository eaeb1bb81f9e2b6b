import InferCore
import InferText

/// The names of tokens in completions, where tokens that print alike have names of their own.
///
/// A token is called by its text. One that is no text by itself, such as a part of a character, is called by its bytes,
/// as in `bytes:\xe2\x80`, which is how OpenAI does it; one without bytes by its number, as in `token_id:7`, which is how
/// vLLM calls all tokens on request (`return_tokens_as_token_ids`).
struct TokenNames {
  let tokenizer: Tokenizer
  /// Whether all tokens are called by their numbers.
  var areNumbers = false

  /// The name of a token.
  func name(_ id: Int32) -> String {
    let bytes = tokenizer.bytes(for: id)
    if areNumbers || bytes.isEmpty { return Self.number(id) }
    return String(validating: bytes, as: UTF8.self) ?? "bytes:" + bytes.map { "\\x" + [$0].hexadecimal }.joined()
  }

  /// Log-probabilities by name: of the `count` most likely tokens and the chosen one, which keeps its name when another
  /// has the same; others are then called by their numbers.
  func byName(_ chosen: Int32, _ logprobs: TokenLogprobs, count: Int) -> JSONValue {
    var members: JSONObject = [name(chosen): LogprobsFormat.number(logprobs.chosen)]
    var before = 0
    for candidate in logprobs.top.prefix(count) where candidate.id != chosen {
      let other = self.name(candidate.id)
      let key = members.contains(key: other) ? Self.number(candidate.id) : other
      let isBefore = candidate.logprob > logprobs.chosen
      members.updateValue(
        LogprobsFormat.number(candidate.logprob), forKey: key, insertingAt: isBefore ? before : members.count)
      if isBefore { before += 1 }
    }
    return .object(members)
  }

  private static func number(_ id: Int32) -> String { "token_id:\(id)" }
}
