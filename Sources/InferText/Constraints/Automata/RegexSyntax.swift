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
  /// `\b`, or `\B`.
  case wordBoundary(isNegative: Bool)
  /// An assertion that the text here begins with the expression, or does not.
  case lookahead(RegexSyntax, isNegative: Bool)

  /// `true` when the expression looks at what is around it.
  var hasAssertion: Bool {
    switch self {
    case .character: false
    case .start, .end, .wordBoundary, .lookahead: true
    case .sequence(let parts), .alternation(let parts): parts.contains(where: \.hasAssertion)
    case .repetition(let part, _, _): part.hasAssertion
    }
  }

  /// `true` when the expression may match without a character.
  var matchesNothing: Bool {
    switch self {
    case .character: false
    case .start, .end, .wordBoundary, .lookahead: true
    case .sequence(let parts): parts.allSatisfy(\.matchesNothing)
    case .alternation(let parts): parts.contains(where: \.matchesNothing)
    case .repetition(let part, let least, _): least == 0 || part.matchesNothing
    }
  }
}

extension RegexSyntax {
  /// The expression with ASCII's letters in either case.
  var ignoringCase: RegexSyntax {
    switch self {
    case .character(let set): .character(set.ignoringCase)
    case .start, .end, .wordBoundary: self
    case .sequence(let parts): .sequence(parts.map(\.ignoringCase))
    case .alternation(let parts): .alternation(parts.map(\.ignoringCase))
    case .repetition(let part, let least, let most): .repetition(part.ignoringCase, least: least, most: most)
    case .lookahead(let part, let isNegative): .lookahead(part.ignoringCase, isNegative: isNegative)
    }
  }
}

extension CodePointSet {
  /// The set with ASCII's letters in either case.
  fileprivate var ignoringCase: CodePointSet {
    let letters = ranges.flatMap { range in
      [UInt32(0x41)...0x5A, 0x61...0x7A].filter(range.overlaps).map { letters in
        let same = range.clamped(to: letters)
        return same.lowerBound ^ 0x20...same.upperBound ^ 0x20
      }
    }
    return union(CodePointSet(letters))
  }
}

/// A regular expression that cannot be read or held.
struct RegexError: Error, Equatable, CustomStringConvertible {
  /// The offset in the expression, in characters.
  let offset: Int
  let reason: String
  var description: String { "at character \(offset): \(reason)" }
}
