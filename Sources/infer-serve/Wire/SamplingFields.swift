import HybridBlocks
import InferCore
import InferText

/// The fields of sampling and stopping that both completion endpoints have.
struct SamplingFields {
  let reader: FieldReader
  let defaults: GenerationDefaults

  /// The most answers to one request.
  static let maximumChoices = 128
  /// The most alternatives that a log-probability may be asked with.
  static let maximumLogprobs = SamplingParameters.maximumLogprobs

  /// The parameters of sampling. `logprobs` is the number of alternatives wanted beside each token's own log-probability.
  func sampling(logprobs: Int?) throws(APIError) -> SamplingParameters {
    let temperature = try float("temperature")
    let topK = try reader.integer("top_k")
    let topP = try float("top_p")
    let minP = try float("min_p")
    let penalties = try penalties()
    let logitBias = try logitBias()
    // A seed of -1 asks for none, as in vLLM and llama-server.
    let seed = try reader.integer("seed").flatMap { $0 == -1 ? nil : UInt64(bitPattern: Int64($0)) }
    do {
      return try defaults.sampling(
        temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: penalties.repetition,
        presencePenalty: penalties.presence, frequencyPenalty: penalties.frequency, logitBias: logitBias,
        seed: seed, logprobs: logprobs)
    } catch { throw APIError(error, naming: reader.name) }
  }

  /// The penalties. llama-server and Ollama have a window for them, `repeat_last_n`: here they heed the whole context
  /// (-1), or nothing (0).
  private func penalties() throws(APIError) -> (repetition: Float, presence: Float, frequency: Float) {
    let repetition = try float("repetition_penalty") ?? defaults.repetitionPenalty ?? 1
    let presence = try float("presence_penalty") ?? 0
    let frequency = try float("frequency_penalty") ?? 0
    guard let window = try reader.integer("repeat_last_n"), window >= 0 else {
      return (repetition, presence, frequency)
    }
    guard window == 0 || (repetition == 1 && presence == 0 && frequency == 0) else {
      throw .unsupported(
        reader.name("repeat_last_n"),
        "Penalties heed the whole context; \(reader.name("repeat_last_n")) must be -1, or 0 for no penalties.")
    }
    return (1, 0, 0)
  }

  /// The field that names how many tokens to generate at most: `Int.max` for -1, as many as there is room for; `nil`
  /// when it is absent.
  func maxTokens(_ key: String) throws(APIError) -> Int? {
    // More than 64 bits is as much as there is room for as well.
    if let number = reader[key]?.double, number == number.rounded(), number >= 0x1p63 { return .max }
    guard let count = try reader.integer(key, in: .min ... .max) else { return nil }
    if count == -1 { return .max }
    let least = max(0, reader.bounds(of: key).lowerBound)
    guard count >= least else {
      throw reader.wrongValue(key, "must be at least \(least), or -1 for as many as there is room for, not \(count)")
    }
    return count
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
    } catch { throw APIError(error, naming: reader.name) }
  }

  /// Log-probabilities wanted of the prompt's tokens; `false` is none.
  func promptLogprobs() throws(APIError) -> Int? {
    if reader["prompt_logprobs"] == false { return nil }
    return try reader.integer("prompt_logprobs")
  }

  private func float(_ key: String) throws(APIError) -> Float? { try reader.number(key).map { Float($0) } }

  /// Empty strings stop nothing.
  private func stopStrings() throws(APIError) -> [String] {
    guard let value = reader["stop"] else { return [] }
    if let text = value.string { return text.isEmpty ? [] : [text] }
    guard let elements = value.array else {
      throw reader.wrongType("stop", value, expected: "a string or an array of strings")
    }
    var strings: [String] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else {
        throw reader.wrongType("stop", at: index, element, expected: "a string")
      }
      if !text.isEmpty { strings.append(text) }
    }
    return strings
  }
}
