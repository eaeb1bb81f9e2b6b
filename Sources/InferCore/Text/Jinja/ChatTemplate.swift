public import Foundation

/// A chat template: a Jinja program that turns a conversation into the prompt a model was trained on.
///
/// Behaves like Hugging Face's renderer: `trim_blocks`, `lstrip_blocks`, loop controls, an immutable sandbox (no
/// method changes a value; only namespaces are written to), `raise_exception`, `strftime_now`, `tojson` as
/// `json.dumps` without escaping. Known differences: nothing is escaped automatically; integers have 64 bits; `pprint`,
/// `urlize`, `lipsum`, inheritance and imports are refused by name. A value is immutable and thread-safe.
public struct ChatTemplate: Sendable {
  /// The template's text.
  public let source: String
  private let statements: [JinjaStatement]
  private let names: Set<ExactText>

  /// Reads a template.
  /// - Throws: `TemplateError.syntax` with the line.
  public init(source: String) throws(TemplateError) {
    self.source = source
    (statements, names) = try JinjaParser.parse(source)
  }

  /// Whether an expression of the template mentions a variable, such as `tools`. One that does not cannot depend on it.
  ///
  /// - Parameter name: The variable's name.
  public func mentions(_ name: String) -> Bool { names.contains(name) }

  /// The template of a model's folder: `chat_template.jinja`, or else the member `chat_template` of
  /// `tokenizer_config.json`; nil when there is neither.
  public static func load(folder: URL) throws(TemplateError) -> ChatTemplate? { try load(files: .folder(folder)) }

  /// The template among a model's files, as in a folder.
  public static func load(files: ModelFiles) throws(TemplateError) -> ChatTemplate? {
    if let source = try text("chat_template.jinja", in: files) { return try ChatTemplate(source: source) }
    guard let text = try text("tokenizer_config.json", in: files) else { return nil }
    let configuration: JSONValue
    do {
      configuration = try JSONValue(parsing: text, options: .configuration)
    } catch {
      throw .file("tokenizer_config.json: \(error)")
    }
    switch configuration["chat_template"] {
    case nil, .null: return nil
    case .string(let source): return try ChatTemplate(source: source)
    case .array(let templates):
      // Several, by name; the others are for purposes that a request would have to ask for.
      let standard = templates.first { $0["name"]?.string == "default" }
      guard let source = standard?["template"]?.string else {
        throw .file("tokenizer_config.json: chat_template has no entry named \"default\"")
      }
      return try ChatTemplate(source: source)
    case .some(let other): throw .file("tokenizer_config.json: chat_template is \(other.kind), expected a string")
    }
  }

  private static func text(_ name: String, in files: ModelFiles) throws(TemplateError) -> String? {
    do { return try files.text(name) } catch { throw .file("\(name) cannot be read as UTF-8 text") }
  }

  /// The messages with their reasoning under every name that templates look for it, as Hugging Face does.
  private static func aliasingReasoning(in messages: JSONValue) throws(TemplateError) -> [JSONValue] {
    guard let messages = messages.array else {
      throw .evaluation(line: 1, reason: "messages is \(messages.kind), expected an array")
    }
    return messages.map { message in
      let names = ["reasoning_content", "thinking", "reasoning"]
      guard case .object(var members) = message,
        let reasoning = names.lazy.compactMap({ members[$0] }).first(where: { !$0.isNull })
      else { return message }
      if members["thinking"] == nil { members.updateValue(reasoning, forKey: "thinking", insertingAt: 0) }
      members["reasoning_content"] = reasoning
      return .object(members)
    }
  }

  /// Names that rendering itself gives a template, whatever the further variables say.
  public static let ownVariables: Set<String> = ["messages", "tools", "add_generation_prompt"]

  /// Renders a conversation.
  ///
  /// - Parameters:
  ///   - messages: An array of objects with `role`, `content` and whatever else the template reads.
  ///   - tools: An array of tool definitions, or nil for none.
  ///   - addGenerationPrompt: Whether to end with the start of an assistant's turn.
  ///   - variables: More names for the template: `bos_token`, `enable_thinking`, `reasoning_effort`, …
  ///   - now: What `strftime_now` formats.
  ///   - timeZone: Where `now` is read off a clock.
  /// - Throws: `TemplateError.raised` when the template rejects the conversation, `TemplateError.evaluation` when it
  ///   does something impossible or too much.
  public func render(
    messages: JSONValue, tools: JSONValue? = nil, addGenerationPrompt: Bool = true,
    variables: JSONObject = [:], now: Date = Date(), timeZone: TimeZone = .current
  ) throws(TemplateError) -> String {
    var context = variables.mapValues(JinjaValue.init)
    context["messages"] = JinjaValue(.array(try Self.aliasingReasoning(in: messages)))
    context["tools"] = tools.map(JinjaValue.init) ?? JinjaValue.none
    context["documents"] = context["documents"] ?? JinjaValue.none
    context["add_generation_prompt"] = .bool(addGenerationPrompt)
    return try JinjaEvaluator(variables: context, now: now, timeZone: timeZone).render(statements)
  }
}
