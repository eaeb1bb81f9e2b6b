/// The pattern of a splitting or replacing step: literal text, or a regular expression.
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

  /// Appends all matches in `text[range]`, left to right and without overlap.
  func findMatches(
    in text: [UInt8], _ range: Range<Int>, with matcher: borrowing RegularExpression.Matcher,
    into matches: inout [Range<Int>]
  ) throws(TokenizerError) {
    switch self {
    case .regex(let expression): try expression.findMatches(in: text, range, with: matcher, into: &matches)
    case .literal(let literal):
      guard let first = literal.first else { return }
      var position = range.lowerBound
      while position + literal.count <= range.upperBound {
        if text[position] == first, text[position..<position + literal.count].elementsEqual(literal) {
          matches.append(position..<position + literal.count)
          position += literal.count
        } else {
          position += 1
        }
      }
    }
  }

  /// `text` with `content` in place of every match.
  func replacingMatches(
    in text: [UInt8], with content: [UInt8], _ matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) -> [UInt8] {
    var matches: [Range<Int>] = []
    try findMatches(in: text, 0..<text.count, with: matcher, into: &matches)
    if matches.isEmpty { return text }
    var output: [UInt8] = []
    var end = 0
    for match in matches {
      output += text[end..<match.lowerBound]
      output += content
      end = match.upperBound
    }
    return output + text[end...]
  }
}
