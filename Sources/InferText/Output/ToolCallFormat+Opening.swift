/// How calls begin, for answers that have to begin with one.
extension ToolCallFormat {
  /// The beginning of a call, up to its function's name or, when the function is given, up to its arguments; `nil` where
  /// calls are not looked for.
  ///
  /// It ends where tokens end: what a tokenizer takes together with what follows, such as the space before a brace, is
  /// left to the model.
  ///
  /// - Parameters:
  ///   - function: The function to call; `nil` leaves the choice to the model.
  ///   - suffix: What stands at the end of every tag's name.
  ///   - isFenced: Whether arguments stand in a code block, as DeepSeek wrote them before V3.1.
  func opening(of function: String?, suffix: String, isFenced: Bool) -> String? {
    switch self {
    case .none: return nil
    case .hermes: return "<tool_call>\n" + Self.jsonOpening(of: function)
    case .granite, .hunyuanA13B, .nemotron, .mistral: return brackets.openings[0] + "[" + Self.jsonOpening(of: function)
    case .llama3: return Self.jsonOpening(of: function, arguments: "parameters")
    case .qwen3Coder: return "<tool_call>\n<function" + (function.map { "=\($0)>\n" } ?? "")
    case .hyV3:
      let tags = CallTags.pairs(suffix: suffix)
      return "<tool_calls\(suffix)>\n\(tags.call)" + (function.map { $0 + tags.nameEnd } ?? "")
    case .deepSeek:
      let opening = "<｜tool▁calls▁begin｜>" + CallFrame.deepSeek.call
      guard isFenced else { return opening + (function.map { $0 + CallFrame.deepSeek.nameEnd } ?? "") }
      return opening + "function" + CallFrame.deepSeek.nameEnd + (function.map { "\($0)\n```json\n" } ?? "")
    // The number behind a name goes on from call to call, so it is the model's to write.
    case .kimiK2:
      return "<|tool_calls_section_begin|>\(CallFrame.kimi.call)functions" + (function.map { ".\($0):" } ?? "")
    case .lfm2: return brackets.openings[0] + (function.map { "[\($0)(" } ?? "")
    case .harmony:
      return "<|channel|>commentary to=functions" + (function.map { ".\($0) <|constrain|>json<|message|>" } ?? "")
    }
  }

  private static func jsonOpening(of function: String?, arguments: String = "arguments") -> String {
    "{\"name\": \"" + (function.map { "\($0)\", \"\(arguments)\":" } ?? "")
  }
}

extension OutputFormat {
  /// The text that is added to a prompt so that the answer has to begin with a call; `nil` where calls are not looked for.
  ///
  /// The model goes on from there, so the answer is all but certain to be a call, though nothing keeps a model from
  /// breaking off. Reasoning that the prompt has opened is closed: such an answer has none.
  ///
  /// - Parameters:
  ///   - function: The function to call, made of letters, digits, `_`, `-` and `.`; `nil` leaves the choice to the model.
  ///   - prompt: The rendered prompt.
  /// - Returns: Text that belongs to the answer: an ``OutputParser`` is to be given it first.
  public func callOpening(of function: String?, prompt: String) -> String? {
    guard let opening = toolCalls?.opening(of: function, suffix: tagSuffix, isFenced: hasFencedArguments) else {
      return nil
    }
    guard toolCalls != .harmony, [.think, .thinkAnswer].contains(reasoning),
      let space = ReasoningParser.openEnd(of: prompt, startTag: tags.start)
    else { return opening }
    // As templates write reasoning that is empty.
    return space + tags.end + space + space + opening
  }
}
