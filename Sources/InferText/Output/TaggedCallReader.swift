/// The marks of calls that have one tag around every argument.
struct CallTags: Sendable {
  /// Stands before a call's name.
  let call: String
  /// Stands behind it; `nil` where the end of the line, the first argument or the end of the call does.
  let nameEnd: String?
  /// Stand around an argument's name.
  let key: String, keyEnd: String
  /// Stand around its value; nothing but the end of the key may stand before the value.
  var value: String?
  let valueEnd: String
  /// Ends a call.
  let callEnd: String
  /// Stand around calls; `nil` where nothing does.
  let start: String?, end: String?
  /// Whether the marks around calls stand around each of them.
  var wrapsEach = false
  /// Whether a line break at each end of a value is no part of it.
  let dropsLineBreaks: Bool

  /// Qwen3-Coder, Qwen3.5 and Nemotron 3: `<function=add><parameter=a>1</parameter></function>`.
  static let functions = CallTags(
    call: "<function=", nameEnd: ">", key: "<parameter=", keyEnd: ">", valueEnd: "</parameter>",
    callEnd: "</function>", start: "<tool_call>", end: "</tool_call>", wrapsEach: true, dropsLineBreaks: true)

  /// Hy3: `<tool_call>add<tool_sep><arg_key>a</arg_key><arg_value>1</arg_value></tool_call>`, with a suffix in every tag.
  static func pairs(suffix: String) -> CallTags {
    CallTags(
      call: "<tool_call\(suffix)>", nameEnd: "<tool_sep\(suffix)>", key: "<arg_key\(suffix)>",
      keyEnd: "</arg_key\(suffix)>", value: "<arg_value\(suffix)>", valueEnd: "</arg_value\(suffix)>",
      callEnd: "</tool_call\(suffix)>", start: "<tool_calls\(suffix)>", end: "</tool_calls\(suffix)>",
      dropsLineBreaks: false)
  }

  /// GLM-4.5 and later: `<tool_call>add`, then on lines of their own `<arg_key>a</arg_key>` and `<arg_value>1</arg_value>`,
  /// then `</tool_call>`.
  static let lines = CallTags(
    call: "<tool_call>", nameEnd: nil, key: "<arg_key>", keyEnd: "</arg_key>", value: "<arg_value>",
    valueEnd: "</arg_value>", callEnd: "</tool_call>", start: nil, end: nil, dropsLineBreaks: false)

  /// Everything that may be a token of its own.
  var literals: [String] { [call, key, keyEnd, valueEnd, callEnd] + [nameEnd, value, start, end].compactMap(\.self) }

  /// The announcements of calls in an answer's content.
  var markers: [CallMarker] { (start.map { [CallMarker($0)] } ?? []) + [CallMarker(call, isRead: true)] }
}

/// Calls with one tag around every argument. Values are text; the tools' schemas tell which of them are no strings.
struct TaggedCallReader: ToolCallReader {
  private enum State { case start, name, body, key, valueTag, firstLine, value, behind }

  private let tags: CallTags
  private let schemas: ToolSchemas
  private var state = State.start
  private var function = ""
  private var key = ""
  /// The value so far, when it can only be told as a whole; `nil` for a string, which is told as it comes.
  private var held: String?
  private var isFirstArgument = true

  init(_ tags: CallTags, schemas: ToolSchemas) {
    self.tags = tags
    self.schemas = schemas
  }

  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    switch state {
    case .start:
      text.skipSpace()
      return skip([(tags.call, .name)], &text)
    case .name:
      guard let name = functionName(&text) else { return nameStep }
      (function, isFirstArgument, state) = (name, true, .body)
      calls.begin(name)
      return .again
    case .body: return stepBody(&text, &calls)
    case .key:
      guard let name = name(before: tags.keyEnd, &text) else { return nameStep }
      (key, state) = (name, tags.value == nil ? .firstLine : .valueTag)
      held = schemas.isText(key, of: function) ? nil : ""
      calls.arguments((isFirstArgument ? "{" : ", ") + JSONValue.string(key).serialized() + ": ")
      if held == nil { calls.arguments("\"") }
      isFirstArgument = false
      return .again
    case .valueTag:
      text.skipSpace()
      return skip([(tags.value ?? "", .firstLine)], &text)
    case .firstLine:
      guard !text.isEmpty || !tags.dropsLineBreaks else { return .more }
      if tags.dropsLineBreaks, text.first == UInt8(ascii: "\n") { text.skip(1) }
      state = .value
      return .again
    case .value: return stepValue(&text, &calls)
    case .behind:
      text.skipSpace()
      if case .again = skip([(tags.call, .name)], &text) { return .again }
      return text.end(with: tags.end.map { [$0] } ?? [], unless: tags.call)
    }
  }

  private var needsMore = false
  private var nameStep: ReaderStep { needsMore ? .more : .failed }

  private mutating func functionName(_ text: inout PendingText) -> String? {
    if let end = tags.nameEnd { return name(before: end, &text) }
    text.skipSpace()
    return usable(text.takeName(upTo: ["\n", tags.key, tags.callEnd].map { Array($0.utf8) }, needsMore: &needsMore))
  }

  private mutating func name(before literal: String, _ text: inout PendingText) -> String? {
    usable(text.takeName(before: Array(literal.utf8), needsMore: &needsMore))
  }

  /// A name without the white space around it; `nil` for what is none.
  private mutating func usable(_ name: String?) -> String? {
    guard let name else { return nil }
    let trimmed = name.stripped()
    needsMore = false
    return trimmed.isEmpty || trimmed.contains(where: \.isNewline) || trimmed.utf8.contains(UInt8(ascii: "<"))
      ? nil : trimmed
  }

  /// Reads one of several tags and goes to the state behind it.
  private mutating func skip(_ next: [(tag: String, state: State)], _ text: inout PendingText) -> ReaderStep {
    var isPossible = text.isEmpty && !text.isComplete
    for (tag, state) in next {
      switch text.match(Array(tag.utf8)) {
      case .found:
        text.skip(tag.utf8.count)
        self.state = state
        return .again
      case .possible: isPossible = true
      case .absent: break
      }
    }
    return isPossible ? .more : .failed
  }

  private mutating func stepBody(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    text.skipSpace()
    let step = skip([(tags.key, .key), (tags.callEnd, .behind)], &text)
    if case .again = step, state == .behind {
      calls.arguments(isFirstArgument ? "{}" : "}")
      calls.end()
    }
    return step
  }

  private mutating func stepValue(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    let (end, match, _) = text.search([Array(tags.valueEnd.utf8)])
    // The rest of a text that breaks off may be a part of the tag.
    guard match == .found || !text.isComplete else { return .more }
    // A line break at the end waits: it may be the last one.
    let isBreak = tags.dropsLineBreaks && end > 0 && text[end - 1] == UInt8(ascii: "\n")
    let piece = text.take(end - (isBreak ? 1 : 0))
    if held == nil {
      calls.arguments(String(JSONValue.string(piece).serialized().dropFirst().dropLast()))
    } else {
      held? += piece
    }
    guard match == .found else { return .more }
    text.skip((isBreak ? 1 : 0) + tags.valueEnd.utf8.count)
    calls.arguments(held.map { schemas.value($0, for: key, of: function).serialized(.python) } ?? "\"")
    state = .body
    return .again
  }
}
