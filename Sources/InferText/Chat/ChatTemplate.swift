public import Foundation

/// A model's chat template: a Jinja program that turns a conversation into the prompt the model was trained on, or
/// several of them, by name.
///
/// Behaves like Hugging Face's renderer: `trim_blocks`, `lstrip_blocks`, loop controls, an immutable sandbox (no
/// method changes a value; only namespaces are written to), `raise_exception`, `strftime_now`, `tojson` as
/// `json.dumps` without escaping. Of several templates, that named `tool_use` is rendered for conversations with tools,
/// and `default` otherwise. Known differences: nothing is escaped automatically; integers beyond 64 bits
/// are printed and compared, but not calculated with; `pprint`, `urlize`, `lipsum`, inheritance and imports are refused by
/// name. A value is immutable and thread-safe.
///
/// Templates differ in what they take: ``probed()`` finds out, and from then on messages that it would refuse are brought into
/// a form that it takes; see <doc:ChatTemplates>.
public struct ChatTemplate: Sendable {
  /// The name of the template that is rendered where there is none for the purpose.
  public static let standardName = "default"
  /// The name of the template for conversations with tools.
  public static let toolName = "tool_use"

  /// One of the programs, and what it takes.
  private struct Program: Sendable {
    let statements: [JinjaStatement]
    let names: Set<ExactText>
    var conventions: MessageConventions?
  }

  /// The texts of all templates by name.
  public let sources: TextDictionary<String>
  private var programs: TextDictionary<Program>
  /// The tokenizer's special tokens that templates may print, under the names that they know, such as `bos_token`.
  public var specialTokens: TextDictionary<String> = [:]

  /// Reads a template, under the name `default`.
  /// - Throws: `TemplateError.syntax` with the line.
  public init(source: String) throws(TemplateError) { try self.init(sources: [Self.standardName: source]) }

  /// Reads several templates by name.
  /// - Throws: `TemplateError.syntax` with the line, or `TemplateError.file` where the template has a name of its own.
  public init(sources: TextDictionary<String>) throws(TemplateError) {
    self.sources = sources
    programs = [:]
    for (name, source) in sources {
      do {
        let (statements, names) = try JinjaParser.parse(source)
        programs[name] = Program(statements: statements, names: names)
      } catch {
        throw name == Self.standardName ? error : .file("\"\(name)\": \(error)")
      }
    }
  }

  /// The text of the template named `default`, or of all templates in a row where none is.
  public var source: String { sources[Self.standardName] ?? allSources }

  /// The texts of all templates in a row, for those who look for what any of them writes.
  package var allSources: String { sources.values.joined(separator: "\n") }

  /// Whether an expression of a template mentions a variable, such as `tools`. One that does not cannot depend on it.
  ///
  /// - Parameter name: The variable's name.
  public func mentions(_ name: String) -> Bool { programs.values.contains { $0.names.contains(name) } }

  /// Names that rendering itself gives a template, whatever the further variables say.
  package static let ownVariables: Set<ExactText> = ["messages", "tools", "add_generation_prompt"]

  /// The text of a conversation's prompt; see
  /// ``prompt(messages:tools:addGenerationPrompt:variables:now:timeZone:byteLimit:)``.
  public func render(
    messages: JSONValue, tools: JSONValue? = nil, addGenerationPrompt: Bool = true,
    variables: JSONObject = [:], now: Date = Date(), timeZone: TimeZone = .current
  ) throws(TemplateError) -> String {
    try prompt(
      messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt, variables: variables, now: now,
      timeZone: timeZone
    ).text
  }

  /// Renders a conversation.
  ///
  /// - Parameters:
  ///   - messages: An array of objects with `role`, `content` and whatever else the template reads.
  ///   - tools: An array of tool definitions, or nil for none.
  ///   - addGenerationPrompt: Whether to end with the start of an assistant's turn.
  ///   - variables: More names for the template: `enable_thinking`, `reasoning_effort`, … They are told in place of
  ///     ``specialTokens`` of the same name.
  ///   - now: What `strftime_now` formats.
  ///   - timeZone: Where `now` is read off a clock.
  ///   - byteLimit: Bytes of the text at most.
  /// - Throws: `TemplateError.raised` when the template rejects the conversation, `TemplateError.evaluation` when it
  ///   does something impossible or too much, `TemplateError.file` when there is no template for the purpose,
  ///   `TemplateError.tooLong` as soon as the text exceeds its limit.
  public func prompt(
    messages: JSONValue, tools: JSONValue? = nil, addGenerationPrompt: Bool = true,
    variables: JSONObject = [:], now: Date = Date(), timeZone: TimeZone = .current, byteLimit: Int = .max
  ) throws(TemplateError) -> ChatPrompt {
    guard let given = messages.array else {
      throw .evaluation(line: 1, reason: "messages is \(messages.kind), expected an array")
    }
    let program = try program(hasTools: tools != nil)
    let messages = program.conventions?.adapt(given) ?? given
    var context = specialTokens.mapValues { JinjaValue.plain($0) }
    for (name, value) in variables { context[name] = JinjaValue(value) }
    context["messages"] = .list(Self.aliasingReasoning(in: messages).map { JinjaValue(message: $0) })
    context["tools"] = tools.map { JinjaValue($0) } ?? JinjaValue.none
    context["documents"] = context["documents"] ?? JinjaValue.none
    context["add_generation_prompt"] = .bool(addGenerationPrompt)
    return ChatPrompt(
      try JinjaEvaluator(variables: context, now: now, timeZone: timeZone, byteLimit: byteLimit)
        .render(program.statements))
  }

  private func program(hasTools: Bool) throws(TemplateError) -> Program {
    if hasTools, let program = programs[Self.toolName] { return program }
    if let program = programs[Self.standardName] { return program }
    let names = programs.keys.map { "\"\($0)\"" }.joined(separator: ", ")
    throw .file("there is none named \"\(Self.standardName)\", only \(names)")
  }

  /// The messages with their reasoning under every name that templates look for it, as Hugging Face does.
  private static func aliasingReasoning(in messages: [JSONValue]) -> [JSONValue] {
    messages.map { message in
      let names = ["reasoning_content", "thinking", "reasoning"]
      guard case .object(var members) = message,
        let reasoning = names.lazy.compactMap({ members[$0] }).first(where: { !$0.isNull })
      else { return message }
      if members["thinking"] == nil { members.updateValue(reasoning, forKey: "thinking", insertingAt: 0) }
      members["reasoning_content"] = reasoning
      return .object(members)
    }
  }
}

extension ChatTemplate {
  /// The same templates, with what they take found out by rendering a few conversations.
  ///
  /// - Complexity: A dozen renderings of a few short messages for each template.
  public func probed() -> ChatTemplate {
    var result = self
    for (name, source) in sources {
      result.programs[name]?.conventions = MessageConventions(source: source) { messages in
        var alone = self
        alone.programs[name]?.conventions = nil
        let tools: JSONValue? = name == Self.toolName ? MessageConventions.probeTools : nil
        return try? alone.render(messages: .array(messages), tools: tools)
      }
    }
    return result
  }

  /// The changes that are made to messages which the templates refuse, a sentence each; empty before ``probed()``.
  public var adaptations: [String] {
    var sentences: [String] = []
    for program in programs.values {
      for sentence in program.conventions?.adaptations ?? [] where !sentences.containsExactly(sentence) {
        sentences.append(sentence)
      }
    }
    return sentences
  }
}
