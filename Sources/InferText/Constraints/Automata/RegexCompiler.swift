// Regular expressions as languages of UTF-8 strings.
extension ExpressionPool {
  /// The strings in which a regular expression of ECMAScript matches somewhere.
  mutating func search(_ text: String) throws(RegexError) -> Expression {
    let before = RegexSyntax.repetition(.character(.all), least: 0, most: nil)
    let whole = RegexSyntax.sequence([before, try RegexParser.parse(text)])
    return try compile(whole, before: Continuation(anyText))[.start, false]
  }

  /// The strings that a regular expression matches as a whole.
  mutating func match(_ text: String) throws(RegexError) -> Expression {
    try match(try RegexParser.parse(text))
  }

  /// The strings that a regular expression matches as a whole.
  mutating func match(_ syntax: RegexSyntax) throws(RegexError) -> Expression {
    try compile(syntax, before: Continuation(.emptyString))[.start, false]
  }

  /// The strings that an expression matches and that go on with one of `rest`, which is what assertions look at.
  private mutating func compile(
    _ syntax: RegexSyntax, before rest: Continuation
  ) throws(RegexError) -> Continuation {
    work.take(Continuation.maxCount * WorkMeter.expression)
    if let rest = rest.common, !syntax.hasAssertion { return Continuation(sequence(plain(syntax), rest)) }
    switch syntax {
    case .character(let set):
      let (behindWord, behindOther) = (rest[.wordCharacter, true], rest[.other, true])
      if behindWord == behindOther { return Continuation(sequence(character(of: set), behindWord)) }
      let word = character(of: set.intersection(.wordCharacters))
      let other = character(of: set.intersection(CodePointSet.wordCharacters.inverse))
      return Continuation(union([sequence(word, behindWord), sequence(other, behindOther)]))
    case .start:
      return rest.map { before, _, rest in before == .start ? rest : .nothing }
    case .end:
      return rest.map { _, _, rest in acceptsEmptyString(rest) ? .emptyString : .nothing }
    case .wordBoundary(let isNegative):
      let word = sequence(character(of: .wordCharacters), anyText)
      let other = union([
        .emptyString, sequence(character(of: CodePointSet.wordCharacters.inverse), anyText),
      ])
      return rest.map { before, _, rest in
        boundedIntersection([rest, (before == .wordCharacter) == isNegative ? word : other])
      }
    case .lookahead(let inner, let isNegative):
      let seen = try compile(inner, before: Continuation(anyText))
      return rest.map { before, _, rest in
        boundedIntersection([rest, isNegative ? complement(seen[before, false]) : seen[before, false]])
      }
    case .alternation(let parts):
      var alternatives: [Continuation] = []
      for part in parts { alternatives.append(try compile(part, before: rest)) }
      return rest.map { before, hasMoved, _ in union(alternatives.map { $0[before, hasMoved] }) }
    case .sequence(let parts):
      var result = rest
      for part in parts.reversed() { result = try compile(part, before: result) }
      return result
    case .repetition(let inner, let least, let most):
      return inner.hasAssertion
        ? try compile(repeated: inner, least, most, before: rest)
        : try compile(repeatedPlain: inner, inner.matchesNothing ? 0 : least, most, before: rest)
    }
  }

  /// The strings that an expression without assertions matches.
  private mutating func plain(_ syntax: RegexSyntax) -> Expression {
    switch syntax {
    case .character(let set): return character(of: set)
    case .sequence(let parts):
      var result = Expression.emptyString
      for part in parts.reversed() { result = sequence(plain(part), result) }
      return result
    case .alternation(let parts):
      var alternatives: [Expression] = []
      for part in parts { alternatives.append(plain(part)) }
      return union(alternatives)
    case .repetition(let inner, let least, let most): return repetition(plain(inner), least: least, most: most)
    case .start, .end, .wordBoundary, .lookahead: preconditionFailure("\(syntax) is an assertion")
    }
  }

  /// A repetition of an expression without assertions: what stands before the rest is decided by the last round.
  private mutating func compile(
    repeatedPlain inner: RegexSyntax, _ least: Int, _ most: Int?, before rest: Continuation
  ) throws(RegexError) -> Continuation {
    guard most != 0 else { return rest }
    let last = try compile(inner, before: rest.afterMoving)[.start, false]
    let rounds = repetition(plain(inner), least: max(0, least - 1), most: most.map { $0 - 1 })
    let some = sequence(rounds, last)
    return least == 0 ? rest.map { _, _, rest in union([rest, some]) } : Continuation(some)
  }

  /// The maximum count of an expression with assertions, of which each round is an expression of its own.
  private static let maxAssertions = 1000

  /// A repetition of an expression with assertions. Rounds that need not be take a character at least (ECMA-262, 22.2.2.3.1).
  private mutating func compile(
    repeated inner: RegexSyntax, _ least: Int, _ most: Int?, before rest: Continuation
  ) throws(RegexError) -> Continuation {
    guard max(least, most ?? 0) <= Self.maxAssertions else {
      throw RegexError(offset: 0, reason: "more than \(Self.maxAssertions) repetitions of an assertion")
    }
    var result = rest
    if let most {
      for _ in least..<most where !isFull {
        let round = try compile(inner, before: result.afterMoving)
        result = rest.map { before, hasMoved, rest in union([rest, round[before, false]]) }
      }
    } else {
      result = try compile(endless: inner, before: rest)
    }
    for _ in 0..<least where !isFull { result = try compile(inner, before: result) }
    return result
  }

  /// Any number of rounds: a variable for each kind of character behind which another may begin.
  private mutating func compile(
    endless inner: RegexSyntax, before rest: Continuation
  ) throws(RegexError) -> Continuation {
    let again = rest.map { before, hasMoved, rest in
      hasMoved && before != .start ? makeVariable(acceptsEmptyString: acceptsEmptyString(rest)) : .nothing
    }
    let round = try compile(inner, before: again)
    for before in [Continuation.Before.wordCharacter, .other] {
      define(again[before, true], as: union([rest[before, true], round[before, false]]))
    }
    return rest.map { before, _, rest in union([rest, round[before, false]]) }
  }
}

/// The languages of what follows a place in a regular expression, by what stands before the place.
private struct Continuation {
  enum Before: Int, CaseIterable {
    /// Nothing: the place is the start of the text.
    case start
    case wordCharacter
    case other
  }

  static let maxCount = 2 * Before.allCases.count

  /// One, or one for each kind of place.
  private let languages: [Expression]

  /// A language that is the same behind everything.
  init(_ language: Expression) { languages = [language] }

  private init(_ languages: [Expression]) {
    self.languages = languages.dropFirst().allSatisfy { $0 == languages[0] } ? [languages[0]] : languages
  }

  /// The language that is the same behind everything; `nil` where there are several.
  var common: Expression? { languages.count == 1 ? languages[0] : nil }

  /// - Parameter hasMoved: `true` when the innermost repetition around the place has taken a character in this round.
  subscript(before: Before, hasMoved: Bool) -> Expression {
    languages.count == 1 ? languages[0] : languages[2 * before.rawValue + (hasMoved ? 1 : 0)]
  }

  func map(_ body: (Before, Bool, Expression) -> Expression) -> Continuation {
    Continuation(
      Before.allCases.flatMap { before in [false, true].map { body(before, $0, self[before, $0]) } })
  }

  /// The languages where a character was taken, and none where it was not.
  var afterMoving: Continuation { map { _, hasMoved, rest in hasMoved ? rest : .nothing } }
}
