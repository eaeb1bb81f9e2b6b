import HybridBlocks
import InferCore

/// The fields of sampling and stopping that both completion endpoints have.
struct SamplingFields {
  let reader: FieldReader
  let defaults: GenerationDefaults

  /// The most answers to one request.
  static let maximumChoices = 128
  /// The most alternatives that a log-probability may be asked with.
  static let maximumLogprobs = 20

  /// What is sampled. `logprobs` is the number of alternatives wanted beside each token's own log-probability.
  func sampling(logprobs: Int?) throws(APIError) -> SamplingParameters {
    let temperature = try float("temperature")
    let topK = try reader.integer("top_k")
    let topP = try float("top_p")
    let minP = try float("min_p")
    let repetitionPenalty = try float("repetition_penalty")
    let presencePenalty = try float("presence_penalty")
    let frequencyPenalty = try float("frequency_penalty")
    let logitBias = try logitBias()
    let seed = try reader.integer("seed").map { UInt64(bitPattern: Int64($0)) }
    do {
      return try defaults.sampling(
        temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty,
        presencePenalty: presencePenalty ?? 0, frequencyPenalty: frequencyPenalty ?? 0, logitBias: logitBias,
        seed: seed, logprobs: logprobs)
    } catch { throw APIError(error) }
  }

  /// When generation ends.
  func stop(maxTokens: Int?) throws(APIError) -> StopConditions {
    let minTokens = try reader.integer("min_tokens") ?? 0
    let ids = try reader.array("stop_token_ids").map { (ids) throws(APIError) in
      try reader.tokens(ids, "stop_token_ids")
    }
    let ignoresEndTokens = try reader.bool("ignore_eos") ?? false
    let strings = try stopStrings()
    let includesStopString = try reader.bool("include_stop_str_in_output") ?? false
    do {
      return try StopConditions(
        maxTokens: maxTokens, minTokens: minTokens, stopTokenIDs: Set(ids ?? []), ignoresEndTokens: ignoresEndTokens,
        stopStrings: strings, includesStopString: includesStopString)
    } catch { throw APIError(error) }
  }

  /// Log-probabilities wanted of the prompt's tokens; `false` is none.
  func promptLogprobs() throws(APIError) -> Int? {
    if reader["prompt_logprobs"] == false { return nil }
    return try reader.integer("prompt_logprobs", in: 0...Self.maximumLogprobs)
  }

  private func float(_ key: String) throws(APIError) -> Float? { try reader.number(key).map { Float($0) } }

  private func stopStrings() throws(APIError) -> [String] {
    guard let value = reader["stop"] else { return [] }
    if let text = value.string { return [text] }
    guard let elements = value.array else {
      throw reader.wrongType("stop", value, expected: "a string or an array of strings")
    }
    var strings: [String] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else { throw reader.wrongType("stop[\(index)]", element, expected: "a string") }
      strings.append(text)
    }
    return strings
  }

  private func logitBias() throws(APIError) -> [Int32: Float] {
    guard let value = reader["logit_bias"] else { return [:] }
    guard let members = value.object else { throw reader.wrongType("logit_bias", value, expected: "an object") }
    var biases: [Int32: Float] = [:]
    for (key, bias) in members {
      guard let id = Int32(key), id >= 0 else {
        throw reader.wrongValue("logit_bias", "has the key '\(key)', which is no token id")
      }
      guard let number = bias.double else { throw reader.wrongType("logit_bias.\(key)", bias, expected: "a number") }
      biases[id] = Float(number)
    }
    return biases
  }
}
