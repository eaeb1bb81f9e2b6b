// Characters, classes and escapes.
extension RegexParser {
  mutating func characterClass() throws(RegexError) -> CodePointSet {
    let start = position
    position += 1
    let isNegative = take("^")
    var set = CodePointSet()
    while !take("]") {
      guard next != nil else { throw RegexError(offset: start, reason: "a [ without ]") }
      let low = try classAtom()
      let dash = position
      if take("-"), next != "]", next != nil {
        let high = try classAtom()
        guard let first = low.single, let last = high.single else {
          // In annex B a dash beside a class stands for itself.
          set = set.union(low).union(high).union(CodePointSet(0x2D))
          continue
        }
        guard first <= last else { throw RegexError(offset: dash, reason: "a range that is out of order") }
        set = set.union(CodePointSet([first...last]))
      } else {
        position = dash
        set = set.union(low)
      }
    }
    return isNegative ? set.inverse : set
  }

  private mutating func classAtom() throws(RegexError) -> CodePointSet {
    guard take("\\") else {
      guard let scalar = next else { return CodePointSet() }
      position += 1
      return CodePointSet(scalar.value)
    }
    if take("b") { return CodePointSet(0x08) }
    if take("-") { return CodePointSet(0x2D) }
    return try escapedSet()
  }

  mutating func escape() throws(RegexError) -> RegexSyntax {
    position += 1
    if let scalar = next {
      if ("1"..."9").contains(scalar) || scalar == "k" { throw error("backreferences are not supported") }
      if take("b") { return .wordBoundary(isNegative: false) }
      if take("B") { return .wordBoundary(isNegative: true) }
    }
    return .character(try escapedSet())
  }

  /// The rest of an escape sequence, behind the backslash.
  private mutating func escapedSet() throws(RegexError) -> CodePointSet {
    guard let scalar = next else { throw error("a \\ at the end") }
    position += 1
    switch scalar {
    case "d": return .digits
    case "D": return CodePointSet.digits.inverse
    case "w": return .wordCharacters
    case "W": return CodePointSet.wordCharacters.inverse
    case "s": return .whitespace
    case "S": return CodePointSet.whitespace.inverse
    case "n": return CodePointSet(0x0A)
    case "r": return CodePointSet(0x0D)
    case "t": return CodePointSet(0x09)
    case "v": return CodePointSet(0x0B)
    case "f": return CodePointSet(0x0C)
    case "0":
      if let digit = next, ("0"..."9").contains(digit) { throw error("octal escapes are not supported") }
      return CodePointSet(0)
    case "c":
      guard let letter = next, letter.isASCII, letter.properties.isAlphabetic else {
        throw error("\\c without a letter")
      }
      position += 1
      return CodePointSet(letter.value % 32)
    case "x": return CodePointSet(try hexadecimal(2))
    case "u": return CodePointSet(try codePoint())
    case "p", "P":
      let set = try property()
      return scalar == "P" ? set.inverse : set
    default:
      guard !scalar.isASCII || !scalar.properties.isAlphabetic && !("0"..."9").contains(scalar) else {
        position -= 1
        throw error("ECMAScript has no escape \\\(scalar)")
      }
      return CodePointSet(scalar.value)
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(RegexError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let scalar = next, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
        throw error("an escape without \(count) hexadecimal digits")
      }
      value = value * 16 + UInt32(digit)
      position += 1
    }
    return value
  }

  mutating func codePoint() throws(RegexError) -> UInt32 {
    if take("{") {
      var value: UInt32 = 0
      while let scalar = next, scalar.isASCII, let digit = Character(scalar).hexDigitValue {
        value = min(value * 16 + UInt32(digit), 0x110000)
        position += 1
      }
      guard take("}"), value <= 0x10FFFF else { throw error("\\u{…} is no character") }
      return value
    }
    let high = try hexadecimal(4)
    let start = position
    if (0xD800...0xDBFF).contains(high), take("\\u"), next != "{" {
      let low = try hexadecimal(4)
      if (0xDC00...0xDFFF).contains(low) { return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00) }
      position = start
    }
    return high
  }

  private mutating func property() throws(RegexError) -> CodePointSet {
    let start = position - 1
    guard take("{") else { throw error("\\p without {…}") }
    let first = position
    while let scalar = next, scalar != "}" { position += 1; _ = scalar }
    let name = text(first..<position)
    guard take("}") else { throw error("\\p{ without }") }
    guard let set = CodePointSet.withProperty(name) else {
      throw RegexError(offset: start, reason: "the property \(name) is not supported")
    }
    return set
  }
}

extension CodePointSet {
  /// The only code point of the set; `nil` when there are none or several.
  fileprivate var single: UInt32? {
    guard ranges.count == 1, let range = ranges.first, range.lowerBound == range.upperBound else { return nil }
    return range.lowerBound
  }
}
