/// A text that must follow, since no other can but for one that spells characters of a JSON string as escapes.
struct ForcedText: Equatable, Sendable {
  var bytes: [UInt8] = []
  /// `true` when the text ends behind it.
  var isLast = false

  /// The maximum length in bytes.
  static let maxLength = 256
  /// All bytes, those first of which several may follow in most texts.
  fileprivate static let candidates: [UInt8] = Array(0x20...0x7E) + Array(0...0x1F) + Array(0x7F...UInt8.max)
}

extension ByteMachine {
  /// The text that must follow a state.
  mutating func forcedText(behind state: Int32) -> ForcedText {
    var (text, state) = (ForcedText(), state)
    while text.bytes.count < ForcedText.maxLength {
      guard let next = forcedCharacter(behind: state) else {
        text.isLast = nextBytes(behind: state).isEmpty
        break
      }
      text.bytes += next.bytes
      state = next.state
    }
    return text
  }

  /// The byte that must follow, or the character where escapes may spell it too, and the state behind it; `nil` where others
  /// may follow, and where the text may end.
  private mutating func forcedCharacter(behind state: Int32) -> (bytes: [UInt8], state: Int32)? {
    guard state != 0, !isAccepting(state) else { return nil }
    var bytes = nextBytes(behind: state)
    if bytes.count == 1 { return (bytes, next(state, bytes[0])) }
    let backslash = UInt8(ascii: "\\")
    guard bytes.count == 2, let escape = bytes.firstIndex(of: backslash) else { return nil }
    bytes.remove(at: escape)
    var target = next(state, bytes[0])
    while bytes.count < UTF8.length(startingWith: bytes[0]) {
      let more = nextBytes(behind: target)
      guard more.count == 1 else { return nil }
      bytes += more
      target = next(target, more[0])
    }
    return isOnly(target, behindEscapesFrom: next(state, backslash), .backslash) ? (bytes, target) : nil
  }

  /// Bytes that may follow, up to three.
  private mutating func nextBytes(behind state: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in ForcedText.candidates where next(state, byte) != 0 {
      bytes.append(byte)
      if bytes.count == 3 { break }
    }
    return bytes
  }

  /// `true` when all ways to complete an escape lead to one state.
  private mutating func isOnly(_ target: Int32, behindEscapesFrom state: Int32, _ escape: JSONEscape) -> Bool {
    for byte in escape.candidates {
      let behind = next(state, byte)
      guard behind != 0 else { continue }
      var inner = escape
      switch inner.advance(byte) {
      case .refused: return false
      case .inside: if !isOnly(target, behindEscapesFrom: behind, inner) { return false }
      case .text: if behind != target { return false }
      }
    }
    return true
  }
}

extension JSONEscape {
  /// The bytes that may follow in an escape sequence.
  fileprivate var candidates: [UInt8] {
    switch self {
    case .none: []
    case .backslash, .half, .halfBackslash: Array("\"\\/bfnrtu".utf8)
    case .digits, .secondDigits: Array("0123456789abcdefABCDEF".utf8)
    }
  }
}
