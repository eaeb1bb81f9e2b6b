internal import Foundation
public import InferCore
import InferText

/// The recommendations of a model's makers for generation: `generation_config.json`, and end tokens from `config.json` where
/// that does not name any. Values that a request leaves out come from here.
public struct GenerationDefaults: Sendable, Equatable {
  /// Tokens that end a text.
  public var endTokens: Set<Int32> = []
  /// 0 when the file says that sampling is off.
  public var temperature: Float?
  /// Number of best tokens to choose from.
  public var topK: Int?
  /// Share of probability to choose from.
  public var topP: Float?
  /// Least probability, relative to the best.
  public var minP: Float?
  /// Factor against repetition.
  public var repetitionPenalty: Float?
  /// Length of an answer, as far as the context has room.
  public var maxTokens: Int?

  /// Recommendations that no request could be answered with, and that have no effect.
  public private(set) var warnings: [String] = []

  /// No recommendations.
  public init() {}

  /// Sampling parameters: those that are given, otherwise the model's, otherwise neutral ones.
  ///
  /// - Throws: `RequestError.invalid` for a value outside its range; see `SamplingParameters`.
  public func sampling(
    temperature: Float? = nil, topK: Int? = nil, topP: Float? = nil, minP: Float? = nil,
    repetitionPenalty: Float? = nil, presencePenalty: Float = 0, frequencyPenalty: Float = 0,
    logitBias: [Int32: Float] = [:], seed: UInt64? = nil, logprobs: Int? = nil
  ) throws(RequestError) -> SamplingParameters {
    try SamplingParameters(
      temperature: temperature ?? self.temperature ?? 1, topK: topK ?? self.topK ?? 0, topP: topP ?? self.topP ?? 1,
      minP: minP ?? self.minP ?? 0, repetitionPenalty: repetitionPenalty ?? self.repetitionPenalty ?? 1,
      presencePenalty: presencePenalty, frequencyPenalty: frequencyPenalty, logitBias: logitBias, seed: seed,
      logprobs: logprobs)
  }

  /// Reads the model's `generation_config.json`, if there is one. Recommendations out of their ranges are left out.
  ///
  /// - Throws: `ModelError` when a file is malformed, or when a token that ends a text is none of the vocabulary's.
  init(_ source: ModelSource, _ config: Configuration, vocabularySize: Int) throws(ModelError) {
    let url = source.files.url(of: "generation_config.json")
    let file = try source.files.document("generation_config.json")
    let json = file ?? .object([:])
    guard json.object != nil else { throw .malformed(at: url, reason: "is \(json.kind), expected an object") }
    let ends: [EndTokens] = [
      EndTokens(file: url, key: "eos_token_id", value: json["eos_token_id"] ?? .null),
      EndTokens(
        file: source.files.url, key: "tokenizer.ggml.eos_token_id",
        value: file == nil && !source.endTokens.isEmpty ? .array(source.endTokens.map { .integer(Int($0)) }) : .null),
      EndTokens(file: config.file, key: "eos_token_id", value: config["eos_token_id"] ?? .null),
      EndTokens(
        file: config.file, key: "text_config.eos_token_id",
        value: config["text_config"]?["eos_token_id"] ?? .null),
    ]
    endTokens = try ends.first { !$0.value.isNull }?.tokens(vocabularySize: vocabularySize) ?? []
    var reader = Recommendations(json: json)
    // Without `do_sample`, or with it false, Hugging Face decodes greedily; a file that recommends a temperature
    // means it to be used.
    let temperature = reader.number("temperature", in: 0...2)
    self.temperature = json["do_sample"]?.bool == false ? 0 : temperature
    topK = reader.count("top_k")
    topP = reader.number("top_p", in: Float.leastNonzeroMagnitude...1, isOff: { $0 == 0 || $0 == -1 })
    minP = reader.number("min_p", in: 0...1, isOff: { $0 == -1 })
    repetitionPenalty = reader.number("repetition_penalty", in: SamplingParameters.repetitionPenalties)
    maxTokens = reader.count("max_new_tokens")
    warnings = reader.warnings
  }

  /// Adds the tokens that end an answer according to the tokenizer and the chat template: files tell but the end of a text
  /// at times, and a model that is asked in turns ends those.
  mutating func addEndTokens(of text: ModelText, vocabularySize: Int) {
    guard let tokenizer = text.tokenizer else { return }
    var found = tokenizer.endTokens(in: text.chatTemplate?.allSources ?? "")
    if let end = tokenizer.eosToken.flatMap(tokenizer.id) { found.insert(end) }
    endTokens.formUnion(found.filter { $0 < vocabularySize })
  }
}

/// The tokens that a file says end a text.
private struct EndTokens {
  let file: URL
  let key: String
  /// A token, a list of them, or null.
  let value: JSONValue

  /// - Throws: `ModelError` when there is something other than tokens of the vocabulary.
  func tokens(vocabularySize: Int) throws(ModelError) -> Set<Int32> {
    var tokens: Set<Int32> = []
    for element in value.array ?? [value] {
      guard let id = element.int.flatMap({ Int32(exactly: $0) }) else {
        throw .configuration(at: file, key: key, reason: "holds \(element.kind), expected token ids")
      }
      guard 0..<vocabularySize ~= Int(id) else {
        throw .configuration(at: file, key: key, reason: "token \(id) is outside 0 ..< \(vocabularySize)")
      }
      tokens.insert(id)
    }
    return tokens
  }
}

/// Reads recommendations. What is out of its range is left out with a warning: a model works without it.
private struct Recommendations {
  let json: JSONValue
  var warnings: [String] = []

  /// A number in `range`, or `nil` where the file has none, says that the transform is off, or has nonsense.
  mutating func number(
    _ key: String, in range: ClosedRange<Float>, isOff: (Float) -> Bool = { _ in false }
  ) -> Float? {
    guard let value = json[key], !value.isNull else { return nil }
    let number = value.double.map { Float($0) } ?? .nan
    if isOff(number) { return nil }
    guard range.contains(number) else {
      let bounds = range.lowerBound == 0 ? "from 0 to" : "above 0 and at most"
      warn(key, value, "a number \(bounds) \(range.upperBound)")
      return nil
    }
    return number
  }

  /// A count, or `nil` where the file has none, or has 0 or −1, which stand for no limit.
  mutating func count(_ key: String) -> Int? {
    guard let value = json[key], !value.isNull else { return nil }
    guard let count = value.double.flatMap({ Int(exactly: $0) }), count >= -1 else {
      warn(key, value, "a count, or -1 for no limit")
      return nil
    }
    return count > 0 ? count : nil
  }

  private mutating func warn(_ key: String, _ value: JSONValue, _ expected: String) {
    warnings.append(
      "generation_config.json: \(key) is \(value.serialized().prefix(40)), expected \(expected); it has no effect")
  }
}
