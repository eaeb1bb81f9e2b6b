/// The place in an escape sequence of a JSON string (RFC 8259, 7).
enum JSONEscape: Hashable {
  case none
  case backslash
  /// Behind `\u` and so many digits.
  case digits(count: UInt8, value: UInt16)
  /// Behind the escape of the first half of a character.
  case half(UInt16)
  case halfBackslash(UInt16)
  case secondDigits(half: UInt16, count: UInt8, value: UInt16)
}

extension JSONEscape {
  enum Step {
    /// The byte may not stand here.
    case refused
    /// The byte belongs to a sequence that is not complete.
    case inside
    /// The byte completes a character, or a part of one, whose UTF-8 this is.
    case text([UInt8])
  }

  /// Takes a byte of a string other than the quotation mark at its end.
  mutating func advance(_ byte: UInt8) -> Step {
    switch self {
    case .none:
      if byte == UInt8(ascii: "\\") {
        self = .backslash
        return .inside
      }
      return byte >= 0x20 ? .text([byte]) : .refused
    case .backslash:
      if byte == UInt8(ascii: "u") {
        self = .digits(count: 0, value: 0)
        return .inside
      }
      guard let character = Self.escaped(byte) else { return .refused }
      self = .none
      return .text([character])
    case .digits(let count, let value):
      guard let digit = Self.hexadecimal(byte) else { return .refused }
      let value = value << 4 | digit
      if count < 3 {
        self = .digits(count: count + 1, value: value)
      } else if (0xD800...0xDBFF).contains(value) {
        self = .half(value)
      } else {
        return complete(UInt32(value))
      }
      return .inside
    case .half(let half):
      self = .halfBackslash(half)
      return byte == UInt8(ascii: "\\") ? .inside : .refused
    case .halfBackslash(let half):
      self = .secondDigits(half: half, count: 0, value: 0)
      return byte == UInt8(ascii: "u") ? .inside : .refused
    case .secondDigits(let half, let count, let value):
      guard let digit = Self.hexadecimal(byte) else { return .refused }
      let value = value << 4 | digit
      if count < 3 {
        self = .secondDigits(half: half, count: count + 1, value: value)
        return .inside
      }
      guard (0xDC00...0xDFFF).contains(value) else { return .refused }
      return complete(Self.scalar(half, value))
    }
  }

  private mutating func complete(_ value: UInt32) -> Step {
    guard let scalar = Unicode.Scalar(value) else { return .refused }
    self = .none
    return .text(Array(String(scalar).utf8))
  }

  private static func scalar(_ high: UInt16, _ low: UInt16) -> UInt32 {
    0x10000 + (UInt32(high) - 0xD800) << 10 + UInt32(low) - 0xDC00
  }

  /// The characters with which the sequence may end. Empty where it cannot.
  var characters: CodePointSet {
    switch self {
    case .none, .backslash: return .all
    case .digits(let count, let value):
      let width = 4 * (4 - UInt32(count))
      let (low, high) = (UInt32(value) << width, UInt32(value) << width + (1 << width - 1))
      // The first halves of characters beyond 16 bits are among the first digits as well.
      let (first, last) = (max(low, 0xD800), min(high, 0xDBFF))
      var ranges = [low...high]
      if first <= last { ranges.append(Self.scalar(UInt16(first), 0xDC00)...Self.scalar(UInt16(last), 0xDFFF)) }
      return CodePointSet(ranges)
    case .half(let half), .halfBackslash(let half):
      return CodePointSet([Self.scalar(half, 0xDC00)...Self.scalar(half, 0xDFFF)])
    case .secondDigits(let half, let count, let value):
      let width = 4 * (4 - UInt32(count))
      let low = max(UInt32(value) << width, 0xDC00)
      let high = min(UInt32(value) << width + (1 << width - 1), 0xDFFF)
      guard low <= high else { return CodePointSet() }
      return CodePointSet([Self.scalar(half, UInt16(low))...Self.scalar(half, UInt16(high))])
    }
  }

  private static func escaped(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
