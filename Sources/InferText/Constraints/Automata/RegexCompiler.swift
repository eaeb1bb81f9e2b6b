// Regular expressions as languages of UTF-8 strings.
extension ExpressionPool {
  /// The strings in which a regular expression of ECMAScript matches somewhere.
  mutating func search(_ text: String) throws(RegexError) -> Expression {
    let syntax = try RegexParser.parse(text)
    let rest = characters()
    let here = try compile(syntax, before: rest, isAtStart: true)
    // A match that does not begin at the start has characters before it.
    let later = try compile(syntax, before: rest, isAtStart: false)
    return union([here, sequence(rest, later)])
  }

  /// The strings that a regular expression matches as a whole.
  mutating func match(_ text: String) throws(RegexError) -> Expression {
    try match(try RegexParser.parse(text))
  }

  /// The strings that a regular expression matches as a whole.
  mutating func match(_ syntax: RegexSyntax) throws(RegexError) -> Expression {
    try compile(syntax, before: .emptyString, isAtStart: true)
  }

  /// The strings that an expression matches and that go on with one of `rest`, which is what assertions look at.
  ///
  /// - Parameter isAtStart: `true` when nothing stands before the expression.
  private mutating func compile(
    _ syntax: RegexSyntax, before rest: Expression, isAtStart: Bool
  ) throws(RegexError) -> Expression {
    switch syntax {
    case .character(let set):
      return sequence(character(of: set), rest)
    case .start:
      return isAtStart ? rest : .nothing
    case .end:
      return acceptsEmptyString(rest) ? .emptyString : .nothing
    case .lookahead(let inner, let isNegative):
      let everything = characters()
      let seen = try compile(inner, before: everything, isAtStart: isAtStart)
      return boundedIntersection([rest, isNegative ? complement(seen) : seen])
    case .alternation(let parts):
      var alternatives: [Expression] = []
      for part in parts { alternatives.append(try compile(part, before: rest, isAtStart: isAtStart)) }
      return union(alternatives)
    case .sequence(let parts):
      return try compile(parts[...], before: rest, isAtStart: isAtStart)
    case .repetition(let inner, let least, let most):
      guard inner.hasAssertion else {
        let once = try compile(inner, before: .emptyString, isAtStart: isAtStart)
        return sequence(repetition(once, least: least, most: most), rest)
      }
      if let most, most <= 1 {
        let once = try compile(inner, before: rest, isAtStart: isAtStart)
        return least == 0 ? union([once, rest]) : once
      }
      return try compile(repeated: inner, least, most, before: rest, isAtStart: isAtStart)
    }
  }

  /// A repetition of an expression with assertions: `^` can hold in the first round alone, and `$` in the last.
  private mutating func compile(
    repeated inner: RegexSyntax, _ least: Int, _ most: Int?, before rest: Expression, isAtStart: Bool
  ) throws(RegexError) -> Expression {
    guard !inner.hasLookahead else {
      throw RegexError(offset: 0, reason: "a lookahead that is repeated is not supported")
    }
    let fewer = (least: max(0, least - 1), most: most.map { $0 - 1 })
    let round = try compile(inner.withoutEnd, before: .emptyString, isAtStart: false)
    // The rounds behind the first, of which the last may end with the text.
    func rounds(_ least: Int, _ most: Int?) throws(RegexError) -> Expression {
      let plain = sequence(repetition(round, least: least, most: most), rest)
      guard acceptsEmptyString(rest), most != 0 else { return plain }
      let last = try compile(inner, before: .emptyString, isAtStart: false)
      let before = repetition(round, least: max(0, least - 1), most: most.map { $0 - 1 })
      return union([plain, sequence(before, last)])
    }
    guard isAtStart else { return try rounds(least, most) }
    let first = try compile(inner, before: try rounds(fewer.least, fewer.most), isAtStart: true)
    return least == 0 ? union([first, rest]) : first
  }

  private mutating func compile(
    _ parts: ArraySlice<RegexSyntax>, before rest: Expression, isAtStart: Bool
  ) throws(RegexError) -> Expression {
    // From the last to the first, so that each knows what follows it.
    var starts: [Bool] = []
    var isAtStart = isAtStart
    var mayBeAtStart = isAtStart
    for part in parts {
      if part.hasStart, mayBeAtStart, !isAtStart {
        throw RegexError(offset: 0, reason: "^ behind something that may be empty is not supported")
      }
      starts.append(isAtStart)
      if !part.isZeroWidth { isAtStart = false }
      if !part.matchesNothing { mayBeAtStart = false }
    }
    var result = rest
    for (part, start) in zip(parts, starts).reversed() {
      result = try compile(part, before: result, isAtStart: start)
    }
    return result
  }
}

extension RegexSyntax {
  /// `true` when the expression never takes a character.
  fileprivate var isZeroWidth: Bool {
    switch self {
    case .character: false
    case .start, .end, .lookahead: true
    case .sequence(let parts), .alternation(let parts): parts.allSatisfy(\.isZeroWidth)
    case .repetition(let part, _, let most): most == 0 || part.isZeroWidth
    }
  }

  /// `true` when there is a lookahead in the expression.
  fileprivate var hasLookahead: Bool {
    switch self {
    case .lookahead: true
    case .character, .start, .end: false
    case .repetition(let part, _, _): part.hasLookahead
    case .sequence(let parts), .alternation(let parts): parts.contains(where: \.hasLookahead)
    }
  }

  /// The expression where no `$` holds.
  fileprivate var withoutEnd: RegexSyntax {
    switch self {
    case .end: .character(CodePointSet())
    case .character, .start, .lookahead: self
    case .repetition(let part, let least, let most): .repetition(part.withoutEnd, least: least, most: most)
    case .sequence(let parts): .sequence(parts.map(\.withoutEnd))
    case .alternation(let parts): .alternation(parts.map(\.withoutEnd))
    }
  }

  /// `true` when there is a `^` in the expression.
  fileprivate var hasStart: Bool {
    switch self {
    case .start: true
    case .character, .end: false
    case .lookahead(let part, _), .repetition(let part, _, _): part.hasStart
    case .sequence(let parts), .alternation(let parts): parts.contains(where: \.hasStart)
    }
  }
}
