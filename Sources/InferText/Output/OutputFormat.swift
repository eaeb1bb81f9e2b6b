/// How a model family marks its reasoning. Raw values are what `--reasoning-parser` takes.
public enum ReasoningFormat: String, Sendable, CaseIterable {
  /// Everything is content.
  case none
  /// Between `<think>` and `</think>`, or tags with the template's suffix such as `<think:opensource>`.
  case think
  /// As ``think``, with the answer between `<answer>` and `</answer>`, as Hunyuan A13B writes it.
  case thinkAnswer = "think_answer"
  /// In the channel `analysis` of gpt-oss.
  case harmony
}

/// The makeup of a model's answers: reasoning, content and calls of tools, each marked in a way of its family.
public struct OutputFormat: Sendable, Equatable {
  /// The marks of reasoning.
  public var reasoning: ReasoningFormat { didSet { expectsReasoning = true } }
  /// `true` where the template shows the marks of reasoning, or they were named: other models' answers may hold them, and
  /// are read so, but are not to be led there.
  private(set) var expectsReasoning: Bool
  /// The format of calls; `nil` when the template does not show it.
  public var toolCalls: ToolCallFormat?
  /// The end of every tag's name: `:opensource` in `<think:opensource>`.
  public let tagSuffix: String
  /// Whether the template writes arguments of calls in a code block, as DeepSeek's did before V3.1.
  let hasFencedArguments: Bool

  /// The format that a template shows: reasoning between `<think>` tags and no calls where it shows neither.
  ///
  /// - Parameter template: A chat template's text; empty for none.
  public init(template: String) {
    let shows = { (text: String) in template.containsExactly(text) }
    toolCalls = ToolCallFormat(template: template)
    expectsReasoning = toolCalls == .harmony || shows("<think") || shows("</think")
    reasoning = toolCalls == .harmony ? .harmony : shows("<answer>") && shows("<think>") ? .thinkAnswer : .think
    tagSuffix = Self.suffix(in: template)
    hasFencedArguments = shows("```json")
  }

  /// `true` where calls are looked for.
  public var takesCalls: Bool { toolCalls ?? .none != .none }

  /// The suffix of tags, which Hy3's template sets as a variable.
  private static func suffix(in template: String) -> String {
    if let match = template.firstMatch(of: /<think(:[A-Za-z0-9_.\-]+)>/) { return String(match.1) }
    if let match = template.firstMatch(of: /\bHYTK\s*=\s*['"](:[A-Za-z0-9_.\-]+)['"]/) { return String(match.1) }
    return ""
  }

  /// The tags around reasoning.
  var tags: (start: String, end: String) { ("<think\(tagSuffix)>", "</think\(tagSuffix)>") }

  /// The tokens that mark reasoning or calls. They belong to the text that ``OutputParser`` reads even where a
  /// tokenizer holds them to be special.
  ///
  /// - Parameters:
  ///   - tokenizer: The model's tokenizer.
  ///   - takesCalls: Whether calls of tools are looked for.
  public func markers(of tokenizer: Tokenizer, takesCalls: Bool) -> Set<Int32> {
    var literals: [String]
    switch reasoning {
    case .none: literals = []
    case .think: literals = [tags.start, tags.end]
    case .thinkAnswer: literals = [tags.start, tags.end, "<answer>", "</answer>"]
    case .harmony: literals = HarmonyParser.literals
    }
    if takesCalls { literals += toolCalls?.literals(suffix: tagSuffix) ?? [] }
    return Set(literals.compactMap { tokenizer.id(for: $0) })
  }
}
