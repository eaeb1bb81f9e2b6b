/// How a model family writes calls of tools. Raw values are what `--tool-call-parser` takes.
public enum ToolCallFormat: String, Sendable, CaseIterable {
  /// Calls are not looked for.
  case none
  /// Hermes, Qwen 2.5 and 3, SmolLM3, Granite 4: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
  case hermes
  /// Qwen3-Coder, Qwen3.5, Nemotron 3: `<tool_call><function=…><parameter=…>…</parameter></function></tool_call>`.
  case qwen3Coder = "qwen3_coder"
  /// Granite 3: `<|tool_call|>[{"name": …, "arguments": {…}}]`.
  case granite
  /// Hunyuan A13B and Jamba: `<tool_calls>[{"name": …, "arguments": {…}}]</tool_calls>`.
  case hunyuanA13B = "hunyuan_a13b"
  /// Hy3: `<tool_call>…<tool_sep><arg_key>…</arg_key><arg_value>…</arg_value></tool_call>`.
  case hyV3 = "hy_v3"
  /// GLM-4.5 and later: `<tool_call>…`, then `<arg_key>…</arg_key>` and `<arg_value>…</arg_value>` of each argument, then
  /// `</tool_call>`.
  case glm45
  /// Nemotron Nano 2: `<TOOLCALL>[{"name": …, "arguments": {…}}]</TOOLCALL>`.
  case nemotron
  /// DeepSeek V3, R1 and V3.1, with their special tokens.
  case deepSeek = "deepseek"
  /// Llama 3: the whole answer is `{"name": …, "parameters": {…}}`, or calls follow `<|python_tag|>`.
  case llama3 = "llama3_json"
  /// Kimi K2, with its special tokens.
  case kimiK2 = "kimi_k2"
  /// LFM2: `<|tool_call_start|>[add(a=1)]<|tool_call_end|>`.
  case lfm2
  /// Mistral: `[TOOL_CALLS][{"name": …, "arguments": {…}}]`.
  case mistral
  /// gpt-oss: messages to a recipient in channels.
  case harmony

  /// The format that a chat template writes calls in; `nil` when it shows none.
  ///
  /// - Parameter template: The template's text.
  public init?(template: String) {
    let shows = { (text: String) in template.containsExactly(text) }
    if shows("<|channel|>"), shows("<|message|>") {
      self = .harmony
    } else if let (_, format) = Self.signs.first(where: { shows($0.sign) }) {
      self = format
    } else {
      return nil
    }
  }

  /// The text by which a template that writes a format is known, the rarer ones first: some have several.
  private static let signs: [(sign: String, format: ToolCallFormat)] = [
    ("<｜tool▁calls▁begin｜>", .deepSeek), ("<|tool_calls_section_begin|>", .kimiK2), ("<tool_sep", .hyV3),
    ("<arg_key", .glm45), ("<|tool_list_start|>", .lfm2), ("<|tool_call_start|>", .lfm2), ("<function=", .qwen3Coder),
    ("<TOOLCALL>", .nemotron), ("<tool_calls>", .hunyuanA13B), ("<|tool_call|>", .granite),
    ("[TOOL_CALLS]", .mistral), ("<tool_call>", .hermes), ("<|python_tag|>", .llama3),
  ]

  /// Marks that may be special tokens of a tokenizer and have to be seen all the same.
  func literals(suffix: String) -> [String] {
    switch self {
    case .none: []
    case .deepSeek: ["<｜tool▁calls▁begin｜>"] + CallFrame.deepSeek.literals
    case .kimiK2: ["<|tool_calls_section_begin|>"] + CallFrame.kimi.literals
    case .harmony: HarmonyParser.literals
    default: tags(suffix: suffix)?.literals ?? brackets.openings + brackets.closings
    }
  }

  /// The marks before and behind calls, in formats where nothing else marks them.
  var brackets: (openings: [String], closings: [String]) {
    switch self {
    case .hermes: (["<tool_call>"], ["</tool_call>"])
    case .granite: (["<|tool_call|>", "<tool_call>"], ["<|/tool_call|>", "</tool_call>"])
    case .hunyuanA13B: (["<tool_calls>"], ["</tool_calls>"])
    case .nemotron: (["<TOOLCALL>"], ["</TOOLCALL>"])
    case .llama3: (["<|python_tag|>"], [])
    case .lfm2: (["<|tool_call_start|>"], ["<|tool_call_end|>"])
    case .mistral: (["[TOOL_CALLS]"], [])
    default: ([], [])
    }
  }

  /// The tags of a call, in formats that have one around every argument.
  func tags(suffix: String) -> CallTags? {
    switch self {
    case .qwen3Coder: .functions
    case .hyV3: .pairs(suffix: suffix)
    case .glm45: .lines
    default: nil
    }
  }

  /// The announcements of calls in an answer's content.
  func markers(suffix: String) -> [CallMarker] {
    switch self {
    case .none, .harmony: []
    case .deepSeek: [CallMarker("<｜tool▁calls▁begin｜>"), CallMarker(CallFrame.deepSeek.call, isRead: true)]
    case .kimiK2: [CallMarker("<|tool_calls_section_begin|>"), CallMarker(CallFrame.kimi.call, isRead: true)]
    case .llama3: brackets.openings.map { CallMarker($0) } + [CallMarker("{", isRead: true, isOnlyFirst: true)]
    default: tags(suffix: suffix)?.markers ?? brackets.openings.map { CallMarker($0) }
    }
  }

  /// `true` for a name that is read back as it is written in a call.
  func canCall(_ name: String) -> Bool {
    guard !name.isEmpty, JSONValue.string(name).serialized().utf8.count <= PendingText.longestName else { return false }
    switch self {
    case .none, .hermes, .granite, .hunyuanA13B, .nemotron, .mistral, .llama3: return true
    case .lfm2: return name.utf8.allSatisfy(\.isPythonNamePart) && !name.hasExactSuffix(".call")
    // Marks begin with an angle, and behind a colon stands a number.
    case .kimiK2: return name.utf8.allSatisfy { $0 > UInt8(ascii: " ") && !"<>:".utf8.contains($0) }
    case .qwen3Coder, .hyV3, .glm45, .deepSeek, .harmony:
      return name.utf8.allSatisfy { $0 > UInt8(ascii: " ") && !"<>".utf8.contains($0) }
    }
  }

  /// A parser of an answer's content; `nil` for ``none``, and for ``harmony``, which is more than that.
  func parser(_ schemas: ToolSchemas, suffix: String) -> ToolCallParser? {
    let markers = markers(suffix: suffix)
    guard !markers.isEmpty else { return nil }
    let closings = brackets.closings
    if let tags = tags(suffix: suffix) {
      return ToolCallParser(markers) { _ in TaggedCallReader(tags, schemas: schemas) }
    }
    return ToolCallParser(markers) { marker in
      switch self {
      case .deepSeek: FramedCallReader(.deepSeek)
      case .kimiK2: FramedCallReader(.kimi)
      // A marker that is part of what it marks is a brace, which begins other objects as well.
      case .llama3 where marker.isRead: JSONCallReader(closings: closings, bareCallsOf: schemas)
      case .llama3, .lfm2: PythonOrJSONCallReader(closings: closings)
      default: JSONCallReader(closings: closings)
      }
    }
  }
}

/// Calls as Python or as JSON writes them: LFM2 is asked for either, and Llama 3 writes both behind the same token.
private struct PythonOrJSONCallReader: ToolCallReader {
  private let closings: [String]
  private var isList = false
  private var reader: (any ToolCallReader)?

  init(closings: [String]) { self.closings = closings }

  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    if let step = reader?.step(&text, &calls) { return step }
    text.skipSpace()
    guard let byte = text.first else { return .more }
    if byte == UInt8(ascii: "["), !isList {
      isList = true
      text.skip(1)
      return .again
    }
    let isJSON = byte == UInt8(ascii: "{")
    reader =
      isJSON ? JSONCallReader(closings: closings, isList: isList) : PythonCallReader(closings: closings, isList: isList)
    return .again
  }
}
