internal import Foundation
internal import InferCore

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

  /// No recommendations.
  public init() {}

  /// Reads the model's `generation_config.json`, if there is one.
  ///
  /// - Throws: `ModelError` when a file is malformed.
  init(files: ModelFiles, config: JSONValue) throws(ModelError) {
    let path = files.path(of: "generation_config.json")
    let json = try files.json("generation_config.json") ?? .object([:])
    guard json.object != nil else { throw .malformed(path: path, reason: "is \(json.kind), expected an object") }
    if let own = json["eos_token_id"], !own.isNull {
      endTokens = try Self.endTokens(own, path)
    } else {
      endTokens = try Self.endTokens(
        config["eos_token_id"] ?? config["text_config"]?["eos_token_id"] ?? .null, files.path(of: "config.json"))
    }
    func number(_ key: String) throws(ModelError) -> Float? {
      guard let value = json[key], !value.isNull else { return nil }
      guard let number = value.double.map({ Float($0) }), number.isFinite else {
        throw .malformed(path: path, reason: "\(key) is \(value.serialized().prefix(40)), expected a number")
      }
      return number
    }
    func count(_ key: String) throws(ModelError) -> Int? {
      guard let value = json[key], !value.isNull else { return nil }
      guard let count = value.int, count >= 0 else {
        throw .malformed(path: path, reason: "\(key) is \(value.serialized()), expected a count")
      }
      return count
    }
    // Without `do_sample`, or with it false, Hugging Face decodes greedily; a file that recommends a temperature
    // means it to be used.
    temperature = json["do_sample"]?.bool == false ? 0 : try number("temperature")
    topK = try count("top_k")
    topP = try number("top_p")
    minP = try number("min_p")
    repetitionPenalty = try number("repetition_penalty")
    maxTokens = try count("max_new_tokens")
    try check(path)
  }

  /// Refuses what no request could be answered with.
  private func check(_ path: String) throws(ModelError) {
    do {
      _ = try SamplingParameters(
        temperature: temperature ?? 1, topK: topK ?? 0, topP: topP ?? 1, minP: minP ?? 0,
        repetitionPenalty: repetitionPenalty ?? 1)
    } catch {
      throw .malformed(path: path, reason: "\(error)")
    }
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
