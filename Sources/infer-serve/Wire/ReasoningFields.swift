import InferCore
import InferText

/// How a request wants the model to reason, and what it wants to be told of the reasoning.
///
/// Servers have named this in many ways: OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, Qwen's
/// `enable_thinking`, DeepSeek's `thinking`, Ollama's `think`, vLLM's `include_reasoning`, SGLang's
/// `separate_reasoning` and llama-server's `reasoning_format`.
struct ReasoningFields: Equatable {
  /// The place of reasoning in a response.
  enum Place { case besideContent, inContent, nowhere }

  /// The template's variables about it, and about the length of the answer.
  var variables: JSONObject = [:]
  var place = Place.besideContent

  /// Decodes the fields.
  init(_ reader: FieldReader) throws(APIError) {
    let reasoning = try reader.object("reasoning")
    if let reasoning, reasoning["max_tokens"] != nil {
      throw .unsupported(
        reasoning.name("max_tokens"),
        "A limit of the reasoning's length is not supported (field '\(reasoning.name("max_tokens"))').")
    }
    let think = try Self.think(reader)
    // All are decoded, so that a wrong one is refused whichever counts.
    let efforts = [try reader.string("reasoning_effort"), try reasoning?.string("effort"), think.effort]
    let switches = [
      try reader.bool("enable_thinking"), try Self.thinking(reader), think.isOn, try reasoning?.bool("enabled"),
    ]
    if let effort = efforts.lazy.compactMap({ $0 }).first {
      variables["reasoning_effort"] = .string(effort)
      // Templates that know thinking as a switch do not know efforts.
      if effort == "none" { set(Self.switchVariables(false)) }
    }
    if let isOn = switches.lazy.compactMap({ $0 }).first { set(Self.switchVariables(isOn)) }
    // OpenAI's Responses have it beside the format of the text.
    for holder in [reader, try reader.object("text")].compactMap(\.self) {
      if let verbosity = try Self.verbosity(holder) { variables["verbosity"] = .string(verbosity) }
    }
    place = try Self.place(reader, reasoning)
  }

  private mutating func set(_ values: JSONObject) { variables.merge(values) }

  /// The switch by the two names that templates have for it.
  static func switchVariables(_ isOn: Bool) -> JSONObject { ["enable_thinking": .bool(isOn), "thinking": .bool(isOn)] }

  /// Values of `verbosity`.
  static let verbosities = ["low", "medium", "high"]

  private static func verbosity(_ reader: FieldReader) throws(APIError) -> String? {
    guard let verbosity = try reader.string("verbosity") else { return nil }
    guard verbosities.containsExactly(verbosity) else {
      throw reader.wrongValue("verbosity", "must be \(FieldReader.alternatives(verbosities)), not '\(verbosity)'")
    }
    return verbosity
  }

  /// Values of `reasoning_format`.
  static let formats = ["none", "auto", "deepseek"]
  /// Values of `thinking.type`.
  static let thinkingTypes = ["enabled", "disabled", "auto", "adaptive"]

  /// `thinking`: a boolean, or an object whose type says whether.
  private static func thinking(_ reader: FieldReader) throws(APIError) -> Bool? {
    guard let value = reader["thinking"] else { return nil }
    if let isOn = value.bool { return isOn }
    guard value.object != nil else { throw reader.wrongType("thinking", value, expected: "a boolean or an object") }
    let thinking = try FieldReader(value, path: reader.name("thinking"))
    if thinking["budget_tokens"] != nil {
      throw .unsupported(
        thinking.name("budget_tokens"),
        "A limit of the reasoning's length is not supported (field '\(thinking.name("budget_tokens"))').")
    }
    let type = try thinking.required(string: "type")
    guard thinkingTypes.containsExactly(type) else {
      throw thinking.wrongValue("type", "must be \(FieldReader.alternatives(thinkingTypes)), not '\(type)'")
    }
    return type == "enabled" ? true : type == "disabled" ? false : nil
  }

  /// `think`: a boolean or an effort.
  private static func think(_ reader: FieldReader) throws(APIError) -> (isOn: Bool?, effort: String?) {
    guard let value = reader["think"] else { return (nil, nil) }
    if let isOn = value.bool { return (isOn, nil) }
    guard let effort = value.string else { throw reader.wrongType("think", value, expected: "a boolean or a string") }
    return (nil, effort)
  }

  private static func place(_ reader: FieldReader, _ reasoning: FieldReader?) throws(APIError) -> Place {
    let isIncluded = try reader.bool("include_reasoning") ?? true
    let isExcluded = try reasoning?.bool("exclude") ?? false
    var isSeparate = try reader.bool("separate_reasoning") ?? true
    if try reader.string("reasoning_format") == "none" { isSeparate = false }
    if !isIncluded || isExcluded { return .nowhere }
    return isSeparate ? .besideContent : .inContent
  }
}
