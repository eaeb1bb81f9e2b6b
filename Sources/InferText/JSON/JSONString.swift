/// String literals, the greater part of a tokenizer file: a run without escapes is validated and copied in one go.
extension JSONParser {
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    guard try runEnd() == UInt8(ascii: "\\") else {
      defer { position += 1 }
      return try text(start..<position)
    }
    var text = try text(start..<position)
    while peek == UInt8(ascii: "\\") {
      text.unicodeScalars.append(try escape())
      let start = position
      _ = try runEnd()
      text += try self.text(start..<position)
    }
    position += 1
    return text
  }

  /// Moves to the next quote or backslash and returns it.
  private mutating func runEnd() throws(JSONError) -> UInt8 {
    while let byte = peek {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return byte }
      guard byte >= 0x20 else { throw error("control character \(byte) in a string must be escaped", at: position) }
      position += 1
    }
    throw unexpected("'\"' to end the string")
  }

  private func text(_ range: Range<Int>) throws(JSONError) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw error("the string is not valid UTF-8", at: range.lowerBound)
    }
    return text
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    defer { position += 1 }
    switch peek {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape(from: start)
    default: throw unexpected("one of \"\\/bfnrtu after a backslash")
    }
  }

  /// Reads `uXXXX`, and for a high surrogate the `\uXXXX` that must follow; ends on the last digit.
  private mutating func unicodeEscape(from start: Int) throws(JSONError) -> Unicode.Scalar {
    let first = try hexUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    if first < 0xDC00, position + 2 < bytes.count, bytes[position + 1] == UInt8(ascii: "\\"),
      bytes[position + 2] == UInt8(ascii: "u")
    {
      position += 2
      let second = try hexUnit()
      if (0xDC00..<0xE000).contains(second) {
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
      }
    }
    throw error("unpaired surrogate \\u\(String(first, radix: 16))", at: start)
  }

  private mutating func hexUnit() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      position += 1
      guard let digit = peek.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
        throw unexpected("four hexadecimal digits after \\u")
      }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
  }
}
