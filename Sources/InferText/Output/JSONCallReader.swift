/// Calls as JSON objects with a name and arguments: one, several in an array, or several after each other.
///
///     {"name": "add", "arguments": {"a": 1}}
///
/// Arguments are told as they come when the name stands before them. Arguments in a string, as some models write
/// them, are told as what the string holds.
struct JSONCallReader: ToolCallReader {
  private enum State {
    case start, item, key, colon(String), value(String), arguments, held(String), next, behind, close
  }

  private let closings: [String]
  private let offered: ToolSchemas?
  private var state: State
  private var isList: Bool
  private var scanned = ScannedJSON()
  private var name: String?
  /// A value being read, or arguments that wait for the name.
  private var held = ""
  private var arguments: String?
  private var hasBegun = false

  /// - Parameters:
  ///   - closings: What may stand behind the calls.
  ///   - offered: The tools, where nothing marks calls: any object with a name looks like one there, so that one without
  ///     arguments is none, nor is one of a function that is not among the tools.
  ///   - isList: Whether the bracket of an array has been read.
  init(closings: [String], bareCallsOf offered: ToolSchemas? = nil, isList: Bool = false) {
    self.closings = closings
    self.offered = offered
    self.isList = isList
    state = isList ? .item : .start
  }

  mutating func step(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    let step = advance(&text, &calls)
    return step == .more && text.isComplete && namesOffered(text) ? .cut : step
  }

  /// `true` where calls are bare, and the name of one that is offered has been read, or is the rest of the text as far as it
  /// goes.
  private func namesOffered(_ text: PendingText) -> Bool {
    guard let offered else { return false }
    // Of any other function there is no call.
    if name != nil { return true }
    guard case .value(let key) = state, key.isExactly("name") else { return false }
    return offered.offersAny(beginningWith: (0..<text.count).dropFirst().map { text[$0] })
  }

  private mutating func advance(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    switch state {
    case .arguments: return stepArguments(&text, &calls)
    case .held(let key): return stepHeld(key, &text, &calls)
    default: break
    }
    text.skipSpace()
    guard let byte = text.first else {
      switch state {
      case .behind, .close: return text.isComplete ? .done : .more
      default: return .more
      }
    }
    switch (state, byte) {
    case (.start, UInt8(ascii: "[")):
      isList = true
      state = .item
    case (.start, UInt8(ascii: "{")), (.item, UInt8(ascii: "{")):
      (state, name, arguments, hasBegun) = (.key, nil, nil, false)
    case (.key, UInt8(ascii: "\"")): return stepKey(&text)
    case (.colon(let key), UInt8(ascii: ":")): state = .value(key)
    case (.value(let key), _): return begin(key, byte, &text, &calls)
    case (.next, UInt8(ascii: ",")): state = .key
    case (.next, UInt8(ascii: "}")):
      guard finish(&calls) else { return .failed }
    case (.behind, _): return stepBehind(byte, &text)
    case (.close, _): return text.end(with: closings)
    default: return .failed
    }
    text.skip(1)
    return .again
  }

  /// Reads a member's name; `{}` has none.
  private mutating func stepKey(_ text: inout PendingText) -> ReaderStep {
    let (key, step) = shortString(&text)
    if let key { state = .colon(key) }
    return step
  }

  /// Reads a string that is short, as names are; without one, the step says whether it may still come.
  private func shortString(_ text: inout PendingText) -> (text: String?, step: ReaderStep) {
    var scanner = JSONScanner()
    for offset in 0..<min(text.count, PendingText.longestName) {
      switch scanner.advance(text[offset]) {
      case .more: continue
      case .complete:
        let string = (try? JSONValue(parsing: text.take(offset + 1)))?.string
        return (string, string == nil ? .failed : .again)
      case .completeBefore, .invalid: return (nil, .failed)
      }
    }
    return (nil, text.count < PendingText.longestName ? .more : .failed)
  }

  /// Begins a member's value.
  private mutating func begin(
    _ key: String, _ byte: UInt8, _ text: inout PendingText, _ calls: inout CallLog
  ) -> ReaderStep {
    if key.isExactly("name") {
      guard byte == UInt8(ascii: "\""), name == nil else { return .failed }
      let (value, step) = shortString(&text)
      guard let value else { return step }
      (name, state) = (value, .next)
      return value.isEmpty || offered?.offers(value) == false ? .failed : .again
    }
    scanned = ScannedJSON()
    held = ""
    state = .held(key)
    if Self.argumentKeys.contains(key) {
      guard "{\"n".utf8.contains(byte), arguments == nil, !hasBegun else { return .failed }
      if byte == UInt8(ascii: "{"), let name {
        calls.begin(name)
        hasBegun = true
        state = .arguments
      }
    }
    return .again
  }

  private static let argumentKeys: Set<String> = ["arguments", "parameters"]

  /// Tells arguments as they come.
  private mutating func stepArguments(_ text: inout PendingText, _ calls: inout CallLog) -> ReaderStep {
    let (piece, progress) = scanned.scan(&text)
    calls.arguments(piece)
    switch progress {
    case .more: return .more
    case .complete, .completeBefore:
      state = .next
      return .again
    case .invalid: return .failed
    }
  }

  /// Reads a value that is looked at as a whole.
  private mutating func stepHeld(
    _ key: String, _ text: inout PendingText, _ calls: inout CallLog
  ) -> ReaderStep {
    let (piece, progress) = scanned.scan(&text)
    held += piece
    switch progress {
    case .more: return .more
    case .invalid: return .failed
    case .complete, .completeBefore:
      state = .next
      guard Self.argumentKeys.contains(key) else { return .again }
      guard let object = Self.object(held) else { return .failed }
      arguments = object
      return .again
    }
  }

  /// Arguments as an object's text: an object, a string that holds one, or nothing.
  private static func object(_ json: String) -> String? {
    switch try? JSONValue(parsing: json) {
    case .object: return json
    case .null: return "{}"
    case .string(let inner):
      if inner.utf8.allSatisfy(\.isJSONSpace) { return "{}" }
      return (try? JSONValue(parsing: inner))?.object == nil ? nil : inner
    default: return nil
    }
  }

  /// The object has ended: it is a call if it has a name.
  private mutating func finish(_ calls: inout CallLog) -> Bool {
    guard let name, hasBegun || arguments != nil || offered == nil else { return false }
    if !hasBegun {
      calls.begin(name)
      calls.arguments(arguments ?? "{}")
    }
    calls.end()
    state = .behind
    return true
  }

  /// Reads behind an object: another one, or the end.
  private mutating func stepBehind(_ byte: UInt8, _ text: inout PendingText) -> ReaderStep {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: ";"):
      text.skip(1)
      state = .item
    case UInt8(ascii: "]") where isList:
      text.skip(1)
      state = .close
    case UInt8(ascii: "{") where !isList: state = .item
    default: state = .close
    }
    return .again
  }
}
