/// The marks of calls that have tokens around name and arguments.
struct CallFrame: Sendable {
  let call: String
  let nameEnd: String
  let callEnd: String
  let end: String
  /// Whether the name is the call's id: `functions.add:0`.
  let nameIsID: Bool

  /// DeepSeek: `add<｜tool▁sep｜>{…}`, and before V3.1 `function<｜tool▁sep｜>add` with the arguments in a code block.
  static let deepSeek = CallFrame(
    call: "<｜tool▁call▁begin｜>", nameEnd: "<｜tool▁sep｜>", callEnd: "<｜tool▁call▁end｜>", end: "<｜tool▁calls▁end｜>",
    nameIsID: false)

  /// Kimi K2: `functions.add:0<|tool_call_argument_begin|>{…}`.
  static let kimi = CallFrame(
    call: "<|tool_call_begin|>", nameEnd: "<|tool_call_argument_begin|>", callEnd: "<|tool_call_end|>",
    end: "<|tool_calls_section_end|>", nameIsID: true)

  /// Everything that may be a token of its own.
  var literals: [String] { [call, nameEnd, callEnd, end] }
}

/// Calls with tokens around a name and a JSON object. The object is told as it comes.
struct FramedCallReader: ToolCallReader {
  private enum State { case start, name, arguments, fence, callEnd, behind }

  private let frame: CallFrame
  private var state = State.start
  private var arguments = ScannedJSON()

  init(_ frame: CallFrame) { self.frame = frame }

  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    switch state {
    case .start: return read(frame.call, to: .name, &text) ?? .failed
    case .name: return stepName(&text, &calls)
    case .arguments: return stepArguments(&text, &calls)
    // The object is what counts: what should stand behind it need not.
    case .fence: return read("```", to: .callEnd, &text) ?? pass(to: .callEnd)
    case .callEnd: return read(frame.callEnd, to: .behind, &text) ?? pass(to: .behind)
    case .behind:
      if let step = read(frame.call, to: .name, &text), step == .again { return step }
      return text.end(with: [frame.end], unless: frame.call)
    }
  }

  /// Reads a literal; `nil` when it is not there.
  private mutating func read(_ literal: String, to next: State, _ text: inout PendingText) -> ReaderStep? {
    text.skipSpace()
    switch text.match(Array(literal.utf8)) {
    case .found:
      text.skip(literal.utf8.count)
      return pass(to: next)
    case .possible: return .more
    case .absent: return nil
    }
  }

  private mutating func pass(to next: State) -> ReaderStep {
    state = next
    return .again
  }

  /// Reads the name and what stands between it and the arguments.
  private mutating func stepName(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    // Name, and perhaps another name with the beginning of a code block: up to the brace.
    let brace = text.search([[UInt8(ascii: "{")], Array(frame.callEnd.utf8)])
    guard brace.offset <= PendingText.longestName else { return .failed }
    guard brace.match == .found else { return .more }
    let head = text.take(brace.offset)
    let parts = head.parts(separatedBy: frame.nameEnd, limit: 1)
    guard parts.count == 2 else { return .failed }
    let first = parts[0].stripped()
    let second = parts[1].replacing("```json", with: "", limit: 1).stripped()
    var name = second.isEmpty ? first : second
    guard !name.isEmpty, !name.unicodeScalars.contains(where: \.properties.isWhitespace) else { return .failed }
    let id = frame.nameIsID ? name : nil
    if frame.nameIsID {
      name = name.removing(exactPrefix: "functions.") ?? name
      name = name.parts(separatedBy: ":", limit: 1, fromRight: true)[0]
    }
    calls.begin(name, id: id)
    (state, arguments) = (.arguments, ScannedJSON())
    if text.first != UInt8(ascii: "{") {
      calls.arguments("{}")
      calls.end()
      state = .fence
    }
    return .again
  }

  private mutating func stepArguments(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    let (piece, progress) = arguments.scan(&text)
    calls.arguments(piece)
    switch progress {
    case .more: return .more
    case .invalid: return .failed
    case .complete, .completeBefore:
      calls.end()
      return pass(to: .fence)
    }
  }
}
