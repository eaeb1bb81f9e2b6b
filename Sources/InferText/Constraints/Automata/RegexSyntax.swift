/// A regular expression as it is written.
indirect enum RegexSyntax: Equatable {
  /// One character of a set.
  case character(CodePointSet)
  case sequence([RegexSyntax])
  case alternation([RegexSyntax])
  case repetition(RegexSyntax, least: Int, most: Int?)
  /// `^`
  case start
  /// `$`
  case end
  /// An assertion that the text here begins with the expression, or does not.
  case lookahead(RegexSyntax, isNegative: Bool)

  /// `true` when the expression looks at what is around it.
  var hasAssertion: Bool {
    switch self {
    case .character: false
    case .start, .end, .lookahead: true
    case .sequence(let parts), .alternation(let parts): parts.contains(where: \.hasAssertion)
    case .repetition(let part, _, _): part.hasAssertion
    }
  }

  /// `true` when the expression may match without a character.
  var matchesNothing: Bool {
    switch self {
    case .character: false
    case .start, .end, .lookahead: true
    case .sequence(let parts): parts.allSatisfy(\.matchesNothing)
    case .alternation(let parts): parts.contains(where: \.matchesNothing)
    case .repetition(let part, let least, _): least == 0 || part.matchesNothing
    }
  }
}

/// A regular expression that cannot be read or held.
struct RegexError: Error, Equatable, CustomStringConvertible {
  /// The offset in the expression, in characters.
  let offset: Int
  let reason: String
  var description: String { "at character \(offset): \(reason)" }
}
