/// What a splitting or replacing step looks for: literal text, or a regular expression.
enum SplitPattern: Sendable {
  case literal([UInt8])
  case regex(RegularExpression)

  /// Reads `{"String": "…"}` or `{"Regex": "…"}`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    if let literal = field["String"] {
      self = .literal(Array(try literal.string().utf8))
    } else if let regex = field["Regex"] {
      self = .regex(try RegularExpression(try regex.string(), at: regex.path))
    } else {
      throw field.invalid("expected {\"String\": …} or {\"Regex\": …}, found \(field.value.kind)")
    }
  }

  /// All matches in `text[range]`, left to right and without overlap.
  func matches(
    in text: [UInt8], _ range: Range<Int>, with matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) -> [Range<Int>] {
    switch self {
    case .regex(let expression): return try expression.matches(in: text, range, with: matcher)
    case .literal(let literal):
      guard let first = literal.first else { return [] }
      var matches: [Range<Int>] = []
      var position = range.lowerBound
      while position + literal.count <= range.upperBound {
        if text[position] == first, text[position..<position + literal.count].elementsEqual(literal) {
          matches.append(position..<position + literal.count)
          position += literal.count
        } else {
          position += 1
        }
      }
      return matches
    }
  }
}
