/// Calls as Python writes them, in a list or alone: `[add(a=1, b=[2, 3]), now()]`.
///
/// Every argument is told when it is complete. A method `call` is the call of its object, as in Llama 3:
/// `search.call(query="x")`.
struct PythonCallReader: ToolCallReader {
  private enum State { case name, open, argument, equals, value, next, behind, close }

  private let closings: [String]
  private let isList: Bool
  private var state = State.name
  /// Of the call or the argument that begins.
  private var name = ""
  private var value = PythonValueScanner()
  private var held = ""
  private var isFirstArgument = true

  /// - Parameters:
  ///   - closings: What may stand behind the calls.
  ///   - isList: Whether the bracket of a list has been read.
  init(closings: [String], isList: Bool) {
    self.closings = closings
    self.isList = isList
  }

  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    if state == .value { return stepValue(&text, &calls) }
    text.skipSpace()
    guard let byte = text.first else {
      return text.isComplete && (state == .close || (state == .behind && !isList)) ? .done : .more
    }
    switch state {
    case .name: return readName(&text, then: .open)
    case .open:
      guard byte == UInt8(ascii: "(") else { return .failed }
      text.skip(1)
      calls.begin(name.removing(exactSuffix: ".call") ?? name)
      (state, isFirstArgument) = (.argument, true)
    case .argument: return byte == UInt8(ascii: ")") ? end(&text, &calls) : readName(&text, then: .equals)
    case .equals:
      guard byte == UInt8(ascii: "=") else { return .failed }
      text.skip(1)
      calls.arguments((isFirstArgument ? "{" : ", ") + JSONValue.string(name).serialized() + ": ")
      (state, isFirstArgument, held, value) = (.value, false, "", PythonValueScanner())
    case .next:
      if byte == UInt8(ascii: ")") { return end(&text, &calls) }
      guard byte == UInt8(ascii: ",") else { return .failed }
      text.skip(1)
      state = .argument
    case .behind: return stepBehind(byte, &text)
    case .close: return text.end(with: closings)
    case .value: break
    }
    return .again
  }

  /// Reads behind a call: another one, or the end.
  private mutating func stepBehind(_ byte: UInt8, _ text: inout PendingText) -> ReaderStep {
    let isSeparator = byte == UInt8(ascii: ";") || (isList && byte == UInt8(ascii: ","))
    guard isSeparator || isList else {
      state = .close
      return .again
    }
    guard isSeparator || byte == UInt8(ascii: "]") else { return .failed }
    state = isSeparator ? .name : .close
    text.skip(1)
    return .again
  }

  /// Reads a name; what follows shows that it has ended.
  private mutating func readName(_ text: inout PendingText, then next: State) -> ReaderStep {
    var length = 0
    while length < text.count, length <= PendingText.longestName, text[length].isPythonNamePart { length += 1 }
    guard (1...PendingText.longestName).contains(length) else { return .failed }
    guard length < text.count else { return .more }
    (name, state) = (text.take(length), next)
    return .again
  }

  private mutating func end(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    text.skip(1)
    calls.arguments(isFirstArgument ? "{}" : "}")
    calls.end()
    state = .behind
    return .again
  }

  private mutating func stepValue(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    var length = 0
    while length < text.count {
      switch value.advance(text[length]) {
      case .more: length += 1
      case .invalid:
        // The part that was read is content, and no calls are sought in it, whether it came in one piece or in several.
        text.skip(length)
        return .failed
      case .complete, .completeBefore:
        held += text.take(length)
        guard let json = PythonLiteral.json(held) else { return .failed }
        calls.arguments(json.serialized(.python))
        state = .next
        return .again
      }
    }
    held += text.take(length)
    return .more
  }
}

/// Finds the end of a Python value: a comma or a closing bracket outside of strings and brackets.
private struct PythonValueScanner: Sendable {
  private var closing: [UInt8] = []
  private var quote: UInt8?
  private var isEscaped = false

  mutating func advance(_ byte: UInt8) -> JSONScanner.Progress {
    if let quote {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == quote {
        self.quote = nil
      }
      return .more
    }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): quote = byte
    case UInt8(ascii: "("): closing.append(UInt8(ascii: ")"))
    case UInt8(ascii: "["): closing.append(UInt8(ascii: "]"))
    case UInt8(ascii: "{"): closing.append(UInt8(ascii: "}"))
    case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
      if closing.isEmpty { return byte == UInt8(ascii: ")") ? .completeBefore : .invalid }
      if closing.removeLast() != byte { return .invalid }
    case UInt8(ascii: ",") where closing.isEmpty: return .completeBefore
    default: break
    }
    return .more
  }
}

extension UInt8 {
  /// A letter, digit, underscore or dot, or a part of a letter outside ASCII.
  var isPythonNamePart: Bool {
    self >= 0x80 || self == UInt8(ascii: "_") || self == UInt8(ascii: ".") || self == UInt8(ascii: "-")
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }
}
