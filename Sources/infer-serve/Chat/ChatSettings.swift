import HybridBlocks
import InferCore
import InferText

/// The way in which answers are made, as far as somebody has set it. What is not set is the model's or the server's own.
struct ChatSettings: Equatable {
  /// How to think.
  enum Thinking: Equatable {
    case on, off
    /// How hard.
    case effort(String)

    var word: String {
      switch self {
      case .on: "on"
      case .off: "off"
      case .effort(let effort): effort
      }
    }
  }

  /// Values by the names that requests have for them, in the order in which they were set.
  private(set) var values: JSONObject = [:]
  private(set) var thinking: Thinking?

  private static let numbers = [
    "temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty",
  ]
  private static let integers = ["top_k", "max_tokens", "seed"]
  private static let effortWords = ["minimal", "low", "medium", "high", "max"]

  /// The names of all settings.
  static var names: [String] { numbers + integers + ["effort"] }
  /// The values of how to think, for people.
  static var efforts: String { "on, off, \(effortWords.joined(separator: ", ")) or default" }

  /// Sets a value; `default` takes it back.
  ///
  /// - Throws: ``CommandFailure`` that names the setting and what it may be.
  mutating func set(_ name: String, _ text: String) throws(CommandFailure) {
    if name == "effort" || name == "think" { return try think(text) }
    guard Self.names.contains(name) else {
      let hint = Spelling.hint(for: name, among: Self.names)
      let names = Self.names.joined(separator: ", ")
      throw CommandFailure("there is no setting \(name)\(hint.isEmpty ? "; there are \(names)" : hint)")
    }
    var changed = self
    if text == "default" {
      changed.values[name] = nil
    } else if Self.integers.contains(name) {
      guard let value = Int(text) else { throw CommandFailure("\(name) must be an integer, not '\(text)'") }
      changed.values[name] = .integer(value)
    } else {
      guard let value = Double(text), value.isFinite else {
        throw CommandFailure("\(name) must be a number, not '\(text)'")
      }
      changed.values[name] = .number(value)
    }
    try changed.check(name)
    self = changed
  }

  /// Sets how to think.
  mutating func think(_ word: String) throws(CommandFailure) {
    switch word {
    case "default": thinking = nil
    case "on": thinking = .on
    case "off": thinking = .off
    case _ where Self.effortWords.contains(word): thinking = .effort(word)
    default: throw CommandFailure("how to think must be \(Self.efforts), not '\(word)'")
    }
  }

  private func check(_ name: String) throws(CommandFailure) {
    do throws(RequestError) {
      _ = try sampling(GenerationDefaults())
      _ = try stop()
    } catch {
      guard case .invalid(_, let reason) = error else { throw CommandFailure("\(error)") }
      throw CommandFailure("\(name) \(reason)")
    }
  }

  /// The parameters of sampling for a model.
  func sampling(_ defaults: GenerationDefaults) throws(RequestError) -> SamplingParameters {
    func float(_ name: String) -> Float? { values[name]?.double.map { Float($0) } }
    return try defaults.sampling(
      temperature: float("temperature"), topK: values["top_k"]?.int, topP: float("top_p"), minP: float("min_p"),
      repetitionPenalty: float("repetition_penalty"), presencePenalty: float("presence_penalty") ?? 0,
      frequencyPenalty: float("frequency_penalty") ?? 0,
      seed: values["seed"]?.int.map { UInt64(bitPattern: Int64($0)) })
  }

  /// The conditions that end an answer.
  func stop() throws(RequestError) -> StopConditions {
    if let count = values["max_tokens"]?.int, count < 1 {
      throw .invalid(.maxTokens, reason: "must be at least 1, not \(count)")
    }
    return try StopConditions(maxTokens: values["max_tokens"]?.int)
  }

  /// The variables that tell a chat template how to think.
  var templateVariables: JSONObject {
    switch thinking {
    case nil: [:]
    case .on: ReasoningFields.switchVariables(true)
    case .off: ReasoningFields.switchVariables(false)
    case .effort(let effort): ["reasoning_effort": .string(effort)]
    }
  }

  /// The members of a request to a server.
  var members: JSONObject {
    var members = values
    switch thinking {
    case nil: break
    case .effort(let effort): members["reasoning_effort"] = .string(effort)
    case .on, .off:
      // The two ways in which servers take a switch.
      members["enable_thinking"] = .bool(thinking == .on)
      members["chat_template_kwargs"] = .object(templateVariables)
    }
    return members
  }

  /// The settings in a line each, for people.
  var lines: [String] {
    let lines = values.map { name, value in "\(name) \(value.serialized())" }
    let think = thinking.map { ["think \($0.word)"] } ?? []
    return lines.isEmpty && think.isEmpty ? ["all as the model's makers recommend"] : lines + think
  }
}
