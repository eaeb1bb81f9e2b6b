/// Names, numbers, strings and operators inside of tags.
extension JinjaLexer {
  private static let operators = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":",
    "|", ",", ";",
  ]

  mutating func expressionToken() throws(TemplateError) -> JinjaToken.Kind {
    guard let first = peek() else { return .end }
    if first.isDecimalDigit { return try number() }
    if first.isIdentifierPart { return .name(try name()) }
    if first == "\"" || first == "'" { return .string(try string(quote: first)) }
    guard let symbol = Self.operators.first(where: { matches($0, at: position) }) else {
      throw error("unexpected character '\(first)'")
    }
    position += symbol.unicodeScalars.count
    return .symbol(symbol)
  }

  /// Names are looked up again and again, at a cost by their length.
  private mutating func name() throws(TemplateError) -> String {
    let name = take { $0.isIdentifierPart }
    guard name.utf8.count <= 1000 else { throw error("a name of \(name.utf8.count) bytes, more than the 1000 allowed") }
    return name
  }

  private mutating func take(while condition: (Unicode.Scalar) -> Bool) -> String {
    let start = position
    while let scalar = peek(), condition(scalar) { position += 1 }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: source[start..<position])
    return String(text)
  }

  private mutating func number() throws(TemplateError) -> JinjaToken.Kind {
    let radixes: [Unicode.Scalar: Int] = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2]
    if peek() == "0", let radix = peek(1).flatMap({ radixes[$0] }) {
      position += 2
      let digits = take { $0 == "_" || $0.isIdentifierPart }.filter { $0 != "_" }
      guard let value = Int(digits, radix: radix) else { throw error("invalid number '\(digits)' to base \(radix)") }
      return .integer(value)
    }
    var text = takeDigits()
    var isInteger = true
    // After a dot, digits are an index and not a fraction: `list.0.1`.
    let followsDot = position > text.count && source[position - text.count - 1] == "."
    if !followsDot, peek() == ".", peek(1)?.isDecimalDigit == true {
      isInteger = false
      position += 1
      text += "." + takeDigits()
    }
    let signLength = peek(1) == "+" || peek(1) == "-" ? 1 : 0
    if !followsDot, peek() == "e" || peek() == "E", peek(1 + signLength)?.isDecimalDigit == true {
      isInteger = false
      text += "e" + (peek(1) == "-" ? "-" : "")
      position += 1 + signLength
      text += takeDigits()
    }
    if isInteger, let value = Int(text) { return .integer(value) }
    if isInteger, let value = LargeInteger(text) { return .largeInteger(value) }
    guard !isInteger, let value = Double(text) else { throw error("the number \(text.prefix(40)) is too large") }
    return .number(value)
  }

  /// Digits, possibly with underscores between them.
  private mutating func takeDigits() -> String {
    take { $0.isDecimalDigit || $0 == "_" }.filter { $0 != "_" }
  }

  private mutating func string(quote: Unicode.Scalar) throws(TemplateError) -> String {
    let startLine = line
    var text = String.UnicodeScalarView()
    position += 1
    while let scalar = peek() {
      position += 1
      if scalar == quote { return String(text) }
      if scalar == "\n" { line += 1 }
      if scalar == "\\" { try escape(into: &text) } else { text.append(scalar) }
    }
    throw .syntax(line: startLine, reason: "missing end of string")
  }

  /// Python's escapes; one it does not know stands for itself, backslash included.
  private mutating func escape(into text: inout String.UnicodeScalarView) throws(TemplateError) {
    guard let scalar = peek() else { return }
    position += 1
    let simple: [Unicode.Scalar: Unicode.Scalar] = [
      "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}",
      "v": "\u{B}",
    ]
    let lengths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
    if let value = simple[scalar] {
      text.append(value)
    } else if let length = lengths[scalar] {
      text.append(try scalarValue(digits: length, radix: 16))
    } else if ("0"..."7").contains(scalar) {
      position -= 1
      var length = 1
      while length < 3, let next = peek(length), ("0"..."7").contains(next) { length += 1 }
      text.append(try scalarValue(digits: length, radix: 8))
    } else if scalar == "\n" {
      line += 1
    } else {
      text.append("\\")
      text.append(scalar)
    }
  }

  private mutating func scalarValue(digits count: Int, radix: Int) throws(TemplateError) -> Unicode.Scalar {
    var remaining = count
    let digits = take { _ in
      remaining -= 1
      return remaining >= 0
    }
    guard digits.count == count, let scalar = UInt32(digits, radix: radix).flatMap(Unicode.Scalar.init) else {
      throw error("invalid escape \\\(digits) in a string")
    }
    return scalar
  }
}

extension Unicode.Scalar {
  /// Python's `str.isspace`: Unicode's white space and four separators of ASCII.
  var isPythonSpace: Bool {
    value < 0x80
      ? value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value) : properties.isWhitespace
  }

  var isDecimalDigit: Bool { ("0"..."9").contains(self) }

  fileprivate var isIdentifierPart: Bool {
    if value < 0x80 { return isDecimalDigit || self == "_" || ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
    return properties.isXIDContinue
  }
}
