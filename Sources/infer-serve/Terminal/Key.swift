/// A key that was pressed, or a text that was pasted.
enum Key: Equatable {
  case characters(String)
  case paste(String)
  case enter
  /// Alt or shift with enter.
  case newline
  case tab
  case left, right, up, down, home, end, wordLeft, wordRight
  case backspace, delete, deleteWordLeft, deleteWordRight, deleteToStart, deleteToEnd, yank
  case clearScreen, interrupt, endOfInput, suspend
}

/// Makes keys of the bytes that a terminal sends (xterm's sequences, which others share).
struct KeyDecoder {
  private enum State {
    case ground
    case escape
    /// Behind `ESC [`, with what came.
    case sequence([UInt8])
    /// Behind `ESC O`.
    case shifted
    case character([UInt8], length: Int)
    case pasting([UInt8])
  }

  private var state = State.ground

  /// More bytes of one paste are dropped.
  static let pasteLimit = 1 << 20
  private static let pasteEnd = Array("\u{1B}[201~".utf8)

  /// `true` when an escape came that may be a key by itself or begin a sequence.
  var isWaiting: Bool { if case .escape = state { true } else { false } }

  /// Takes the next byte; returns the key that it completes.
  mutating func take(_ byte: UInt8) -> Key? {
    switch state {
    case .ground: return ground(byte)
    case .escape: return escape(byte)
    case .shifted:
      state = .ground
      return Self.named(byte, [])
    case .sequence(let bytes): return sequence(bytes, byte)
    case .character(let bytes, let length): return character(bytes, length, byte)
    case .pasting(var bytes):
      // Held here alone, so that nothing is copied.
      state = .ground
      // Of what is too long, the end is looked for in what stays.
      if bytes.count >= Self.pasteLimit { bytes.remove(at: bytes.count - Self.pasteEnd.count) }
      bytes.append(byte)
      return paste(bytes)
    }
  }

  /// Takes it that nothing follows an escape.
  mutating func giveUpWaiting() { if isWaiting { state = .ground } }

  private mutating func ground(_ byte: UInt8) -> Key? {
    switch byte {
    case 0x1B: state = .escape
    case 0x20..<0x7F: return .characters(String(UnicodeScalar(byte)))
    case 0x7F: return .backspace
    case 0..<0x20: return Self.control(byte)
    case 0xC2...0xDF: state = .character([byte], length: 2)
    case 0xE0...0xEF: state = .character([byte], length: 3)
    case 0xF0...0xF4: state = .character([byte], length: 4)
    default: return .characters("\u{FFFD}")
    }
    return nil
  }

  private static func control(_ byte: UInt8) -> Key? {
    switch byte {
    case 0x01: .home
    case 0x02: .left
    case 0x03: .interrupt
    case 0x04: .endOfInput
    case 0x05: .end
    case 0x06: .right
    case 0x08: .backspace
    case 0x09: .tab
    case 0x0A, 0x0D: .enter
    case 0x0B: .deleteToEnd
    case 0x0C: .clearScreen
    case 0x0E: .down
    case 0x10: .up
    case 0x15: .deleteToStart
    case 0x17: .deleteWordLeft
    case 0x19: .yank
    case 0x1A: .suspend
    default: nil
    }
  }

  private mutating func escape(_ byte: UInt8) -> Key? {
    state = .ground
    switch byte {
    case 0x1B: state = .escape
    case UInt8(ascii: "["): state = .sequence([])
    case UInt8(ascii: "O"): state = .shifted
    case 0x0A, 0x0D: return .newline
    case UInt8(ascii: "b"), UInt8(ascii: "B"): return .wordLeft
    case UInt8(ascii: "f"), UInt8(ascii: "F"): return .wordRight
    case UInt8(ascii: "d"), UInt8(ascii: "D"): return .deleteWordRight
    case 0x08, 0x7F: return .deleteWordLeft
    default: break
    }
    return nil
  }

  private mutating func sequence(_ bytes: [UInt8], _ byte: UInt8) -> Key? {
    guard 0x40...0x7E ~= byte else {
      // No key has a sequence that is longer.
      state = 0x20...0x3F ~= byte && bytes.count < 32 ? .sequence(bytes + [byte]) : .ground
      return nil
    }
    state = .ground
    let numbers = String(decoding: bytes, as: UTF8.self).split(separator: ";", omittingEmptySubsequences: false)
      .map { Int($0) ?? 0 }
    if byte == UInt8(ascii: "~"), numbers.first == 200 {
      state = .pasting([])
      return nil
    }
    return Self.named(byte, numbers)
  }

  /// The key of a sequence's last byte and of its numbers, the second of which tells what else was held down.
  private static func named(_ byte: UInt8, _ numbers: [Int]) -> Key? {
    let isModified = numbers.count > 1 && numbers[1] > 1
    switch byte {
    case UInt8(ascii: "A"): return .up
    case UInt8(ascii: "B"): return .down
    case UInt8(ascii: "C"): return isModified ? .wordRight : .right
    case UInt8(ascii: "D"): return isModified ? .wordLeft : .left
    case UInt8(ascii: "H"): return .home
    case UInt8(ascii: "F"): return .end
    // Terminals that tell enter with a modifier: of kitty's protocol, and of xterm's modifyOtherKeys.
    case UInt8(ascii: "u") where numbers.first == 13: return isModified ? .newline : .enter
    case UInt8(ascii: "~"):
      switch numbers.first {
      case 1, 7: return .home
      case 3: return isModified ? .deleteWordRight : .delete
      case 4, 8: return .end
      case 27 where numbers.count > 2 && numbers[2] == 13: return .newline
      default: return nil
      }
    default: return nil
    }
  }

  private mutating func character(_ bytes: [UInt8], _ length: Int, _ byte: UInt8) -> Key? {
    state = .ground
    // What breaks off a character may be a key of its own, which is lost with it.
    guard 0x80...0xBF ~= byte else { return .characters("\u{FFFD}") }
    let bytes = bytes + [byte]
    guard bytes.count == length else {
      state = .character(bytes, length: length)
      return nil
    }
    return .characters(String(decoding: bytes, as: UTF8.self))
  }

  private mutating func paste(_ bytes: [UInt8]) -> Key? {
    guard bytes.count >= Self.pasteEnd.count, bytes.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) else {
      state = .pasting(bytes)
      return nil
    }
    let text = String(decoding: bytes.dropLast(Self.pasteEnd.count), as: UTF8.self)
    return .paste(text.replacing("\r\n", with: "\n").replacing("\r", with: "\n"))
  }
}
