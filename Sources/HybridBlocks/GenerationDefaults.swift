internal import Foundation
public import InferCore
import InferText

/// What a model's makers recommend for generation: `generation_config.json`, and end tokens from `config.json` where
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
  /// - Throws: `ModelError` when a file is malformed.
  init(files: ModelFiles, config: JSONValue) throws(ModelError) {
    let path = files.path(of: "generation_config.json")
    let json = try files.document("generation_config.json") ?? .object([:])
    guard json.object != nil else { throw .malformed(path: path, reason: "is \(json.kind), expected an object") }
    if let own = json["eos_token_id"], !own.isNull {
      endTokens = try Self.endTokens(own, path)
    } else {
      endTokens = try Self.endTokens(
        config["eos_token_id"] ?? config["text_config"]?["eos_token_id"] ?? .null, files.path(of: "config.json"))
    }
    var reader = Recommendations(json: json)
    // Without `do_sample`, or with it false, Hugging Face decodes greedily; a file that recommends a temperature
    // means it to be used.
    let temperature = reader.number("temperature", in: 0...2)
    self.temperature = json["do_sample"]?.bool == false ? 0 : temperature
    topK = reader.count("top_k")
    topP = reader.number("top_p", in: Float.leastNonzeroMagnitude...1, isOff: { $0 == 0 || $0 == -1 })
    minP = reader.number("min_p", in: 0...1, isOff: { $0 == -1 })
    repetitionPenalty = reader.number("repetition_penalty", in: Float.leastNonzeroMagnitude...10)
    maxTokens = reader.count("max_new_tokens")
    warnings = reader.warnings
  }

  /// Adds the tokens that end an answer by what the tokenizer and the chat template say: files tell but the end of a text
  /// at times, and a model that is asked in turns ends those.
  mutating func addEndTokens(of text: ModelText, vocabularySize: Int) {
    guard let tokenizer = text.tokenizer else { return }
    var found = tokenizer.endTokens(in: text.chatTemplate?.allSources ?? "")
    if let end = tokenizer.eosToken.flatMap(tokenizer.id) { found.insert(end) }
    endTokens.formUnion(found.filter { $0 < vocabularySize })
  }

  private static func endTokens(_ value: JSONValue, _ path: String) throws(ModelError) -> Set<Int32> {
    if value.isNull { return [] }
    let list = value.array ?? [value]
    var tokens: Set<Int32> = []
    for element in list {
      guard let id = element.int.flatMap({ Int32(exactly: $0) }) else {
        throw .malformed(path: path, reason: "eos_token_id holds \(element.kind), expected token ids")
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
