/// Bytes as text of printable characters, as Python writes them in literals and llama.cpp's files of RWKV spell tokens:
/// `\xff`, `\n`, `\\`.
enum EscapedBytes {
  private static let backslash = UInt8(ascii: "\\")
  private static let named: [(letter: UInt8, byte: UInt8)] = [
    (UInt8(ascii: "n"), 0x0A), (UInt8(ascii: "r"), 0x0D), (UInt8(ascii: "t"), 0x09), (backslash, backslash),
  ]

  /// The text of some bytes.
  static func spelling(of bytes: some Collection<UInt8>) -> [UInt8] {
    // A literal stands in single quotes unless it has these and no double ones.
    let escapesQuotes = bytes.contains(UInt8(ascii: "'")) && bytes.contains(UInt8(ascii: "\""))
    var text: [UInt8] = []
    for byte in bytes {
      if let letter = named.first(where: { $0.byte == byte })?.letter {
        text += [backslash, letter]
      } else if byte == UInt8(ascii: "'"), escapesQuotes {
        text += [backslash, byte]
      } else if (0x20..<0x7F).contains(byte) {
        text.append(byte)
      } else {
        text += [backslash, UInt8(ascii: "x"), digit(byte >> 4), digit(byte & 15)]
      }
    }
    return text
  }

  /// The bytes of a text, as llama.cpp reads it: what it does not know behind a backslash stands for itself. `nil` where an
  /// escape is not whole.
  static func bytes(spelledBy text: some Sequence<UInt8>) -> [UInt8]? {
    var rest = text.makeIterator()
    var bytes: [UInt8] = []
    while let byte = rest.next() {
      guard byte == backslash else {
        bytes.append(byte)
        continue
      }
      guard let letter = rest.next() else { return nil }
      if letter == UInt8(ascii: "x") {
        guard let high = rest.next().flatMap(value), let low = rest.next().flatMap(value) else { return nil }
        bytes.append(high << 4 | low)
      } else {
        bytes.append(named.first { $0.letter == letter }?.byte ?? letter)
      }
    }
    return bytes
  }

  /// The bytes of a Python literal of a string or of bytes, `'…'`, `"…"` or `b'…'`; `nil` where it is none.
  static func bytes(ofLiteral literal: some Collection<UInt8>) -> [UInt8]? {
    let isBytes = literal.first == UInt8(ascii: "b")
    let quoted = literal.dropFirst(isBytes ? 1 : 0)
    guard quoted.count >= 2, let quote = quoted.first, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(quote),
      Array(quoted.suffix(1)) == [quote]
    else { return nil }
    var rest = quoted.dropFirst().dropLast().makeIterator()
    var bytes: [UInt8] = []
    while let byte = rest.next() {
      guard byte == backslash else {
        guard byte != quote, !isBytes || byte < 0x80 else { return nil }
        bytes.append(byte)
        continue
      }
      guard let letter = rest.next() else { return nil }
      switch letter {
      case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
        let digits = letter == UInt8(ascii: "x") ? 2 : letter == UInt8(ascii: "u") ? 4 : 8
        if isBytes && digits > 2 { return nil }
        var code: UInt32 = 0
        for _ in 0..<digits {
          guard let value = rest.next().flatMap(value) else { return nil }
          code = code << 4 | UInt32(value)
        }
        if isBytes {
          bytes.append(UInt8(truncatingIfNeeded: code))
        } else {
          guard let scalar = Unicode.Scalar(code) else { return nil }
          bytes += Array(String(Character(scalar)).utf8)
        }
      case UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(letter)
      default:
        guard let byte = named.first(where: { $0.letter == letter })?.byte else { return nil }
        bytes.append(byte)
      }
    }
    return bytes
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
