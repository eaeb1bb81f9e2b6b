/// A piece of a template.
struct JinjaToken: Sendable {
  enum Kind: Sendable, Equatable {
    case data(String)
    case blockBegin, blockEnd, variableBegin, variableEnd
    case name(String)
    case string(String)
    case integer(Int)
    case largeInteger(LargeInteger)
    case number(Double)
    /// An operator or a bracket.
    case symbol(String)
    case end
  }

  let kind: Kind
  let line: Int
}

/// Cuts a template into tokens and applies white-space control, with `trim_blocks` and `lstrip_blocks` on:
/// the line break after a block is dropped, and so is the indentation of a line that a block begins.
struct JinjaLexer {
  let source: [Unicode.Scalar]
  var position = 0
  var line = 1
  private var tokens: [JinjaToken] = []
  /// Whether the text that follows starts a line.
  private var startsLine = true

  private enum Tag { case block, variable, comment, raw }
  /// A line without its indentation ends before the tag; `-` takes all white space; `+` keeps everything.
  private enum Trim { case none, line, all }

  init(_ text: String) {
    // Line breaks are line feeds, and one at the end of the file is not part of the template.
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(text.utf8.count)
    var afterReturn = false
    for scalar in text.unicodeScalars {
      if !(afterReturn && scalar == "\n") { scalars.append(scalar == "\r" ? "\n" : scalar) }
      afterReturn = scalar == "\r"
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  mutating func tokenize() throws(TemplateError) -> [JinjaToken] {
    while position < source.count {
      let start = position
      while position < source.count, tag == nil { position += 1 }
      guard let tag else {
        append(data: start..<position, trim: .none)
        break
      }
      let dataEnd = position
      position += tag == .raw ? 0 : 2
      append(data: start..<dataEnd, trim: trimBefore(tag))
      let tagLine = line
      switch tag {
      case .raw: try raw()
      case .comment: try comment()
      case .block: try expression(from: .blockBegin, to: .blockEnd, line: tagLine)
      case .variable: try expression(from: .variableBegin, to: .variableEnd, line: tagLine)
      }
    }
    tokens.append(JinjaToken(kind: .end, line: line))
    return tokens
  }

  /// The kind of tag that begins at the current position.
  private var tag: Tag? {
    guard peek() == "{" else { return nil }
    switch peek(1) {
    case "%": return wordEnd("raw", from: position) == nil ? .block : .raw
    case "{": return .variable
    case "#": return .comment
    default: return nil
    }
  }

  func peek(_ offset: Int = 0) -> Unicode.Scalar? {
    position + offset < source.count ? source[position + offset] : nil
  }

  func matches(_ text: String, at start: Int) -> Bool {
    source[min(start, source.count)...].starts(with: text.unicodeScalars)
  }

  func error(_ reason: String) -> TemplateError { .syntax(line: line, reason: reason) }

  // MARK: - White space

  /// Reads the sign after an opening tag and says what it does to the text before the tag.
  private mutating func trimBefore(_ tag: Tag) -> Trim {
    let sign = peek(tag == .raw ? 2 : 0)
    if tag != .raw, sign == "-" || sign == "+" { position += 1 }
    return sign == "-" ? .all : sign == "+" || tag == .variable ? .none : .line
  }

  private mutating func append(data range: Range<Int>, trim: Trim) {
    var end = range.upperBound
    while trim != .none, end > range.lowerBound, source[end - 1].isPythonSpace, trim == .all || source[end - 1] != "\n"
    {
      end -= 1
    }
    if trim == .line {
      let reachesLineStart = end == range.lowerBound ? startsLine : source[end - 1] == "\n"
      if !reachesLineStart { end = range.upperBound }
    }
    if end > range.lowerBound {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: source[range.lowerBound..<end])
      tokens.append(JinjaToken(kind: .data(String(text)), line: line))
    }
    line += source[range].count { $0 == "\n" }
    startsLine = false
  }

  /// Steps over a closing tag at the current position, with its sign and the white space that goes with it.
  private mutating func close(_ closing: String, dropsLineBreak: Bool) -> Bool {
    let sign = peek()
    let start = position
    if sign == "-" || (sign == "+" && dropsLineBreak), matches(closing, at: position + 1) {
      position += 3
    } else if matches(closing, at: position) {
      position += 2
      if dropsLineBreak, peek() == "\n" { position += 1 }
    } else {
      return false
    }
    if sign == "-" { while let scalar = peek(), scalar.isPythonSpace { position += 1 } }
    line += source[start..<position].count { $0 == "\n" }
    startsLine = source[position - 1] == "\n"
    return true
  }

  // MARK: - Tags

  private mutating func comment() throws(TemplateError) {
    let start = line
    while position < source.count {
      if close("#}", dropsLineBreak: true) { return }
      if source[position] == "\n" { line += 1 }
      position += 1
    }
    throw .syntax(line: start, reason: "missing end of comment tag")
  }

  /// The position after `{%`, a sign, white space, `word` and white space, if that is what starts at `start`.
  private func wordEnd(_ word: String, from start: Int) -> Int? {
    var end = start + 2
    if end < source.count, source[end] == "-" || source[end] == "+" { end += 1 }
    while end < source.count, source[end].isPythonSpace { end += 1 }
    guard matches(word, at: end) else { return nil }
    end += word.unicodeScalars.count
    while end < source.count, source[end].isPythonSpace { end += 1 }
    return matches("%}", at: end) || matches("-%}", at: end) || matches("+%}", at: end) ? end : nil
  }

  private mutating func raw() throws(TemplateError) {
    let startLine = line
    guard let begin = wordEnd("raw", from: position) else { throw error("malformed raw tag") }
    line += source[position..<begin].count { $0 == "\n" }
    position = begin
    // Unlike other blocks, this one keeps the line break after it.
    guard close("%}", dropsLineBreak: false) else { throw error("malformed raw tag") }
    let start = position
    while position < source.count {
      if matches("{%", at: position), let end = wordEnd("endraw", from: position) {
        let sign = peek(2)
        let tagStart = position
        append(data: start..<position, trim: sign == "-" ? .all : sign == "+" ? .none : .line)
        line += source[tagStart..<end].count { $0 == "\n" }
        position = end
        _ = close("%}", dropsLineBreak: true)
        return
      }
      position += 1
    }
    throw .syntax(line: startLine, reason: "missing end of raw directive")
  }

  private mutating func expression(
    from begin: JinjaToken.Kind, to end: JinjaToken.Kind, line start: Int
  ) throws(TemplateError) {
    tokens.append(JinjaToken(kind: begin, line: line))
    let isBlock = begin == .blockBegin
    var brackets: [String] = []
    while let scalar = peek() {
      let tokenLine = line
      if brackets.isEmpty, close(isBlock ? "%}" : "}}", dropsLineBreak: isBlock) {
        tokens.append(JinjaToken(kind: end, line: tokenLine))
        return
      }
      if scalar.isPythonSpace {
        if scalar == "\n" { line += 1 }
        position += 1
        continue
      }
      let kind = try expressionToken()
      if case .symbol(let symbol) = kind { try balance(symbol, &brackets) }
      tokens.append(JinjaToken(kind: kind, line: tokenLine))
    }
    throw .syntax(line: start, reason: "unexpected end of template in \(isBlock ? "a block" : "a print statement")")
  }

  /// Inside brackets, `}}` is two closing braces.
  private func balance(_ symbol: String, _ brackets: inout [String]) throws(TemplateError) {
    switch symbol {
    case "{": brackets.append("}")
    case "(": brackets.append(")")
    case "[": brackets.append("]")
    case "}", ")", "]":
      guard let expected = brackets.popLast() else { throw error("unexpected '\(symbol)'") }
      guard expected == symbol else { throw error("unexpected '\(symbol)', expected '\(expected)'") }
    default: break
    }
  }
}
