import OrderedCollections

// Which of several schemas a value may be valid against at once. Constants are tried one by one; of other values it is asked
// of one schema after another whether some value is valid against it and those before.
extension JSONMachine {
  /// The maximum number of constants that are tried.
  private static let maxConstants = 1 << 8

  /// Calls `body` with the outcomes that values have which meet a requirement, each once, until it returns `false`.
  ///
  /// - Returns: `false` when the steps did not suffice.
  mutating func forEachOutcome(
    of requirement: Requirement, _ body: (inout JSONMachine, Outcomes) -> Bool
  ) -> Bool {
    var seen: Set<[Bool]> = []
    work.take(requirement.schemas.count)
    var values = Values(requirement.schemas.map { formula(of: $0) })
    for bits in takeWords(from: &values) + takeTexts(from: &values) + takeNumbers(from: &values) {
      guard goal(of: requirement, behind: bits) != .no, seen.insert(bits).inserted else { continue }
      guard takeStep() else { return false }
      guard body(&self, Outcomes(bits: bits)) else { return true }
    }
    var stack = [(bits: [Bool](), statement: compiler.pool.all(values.rest))]
    while let (bits, statement) = stack.popLast() {
      guard takeStep() else { return false }
      guard goal(of: requirement, behind: bits) != .no else { continue }
      guard bits.count < values.statements.count else {
        guard !seen.insert(bits).inserted || body(&self, Outcomes(bits: bits)) else { return true }
        continue
      }
      let next = values.statements[bits.count]
      let denied = compiler.pool.not(next)
      let (with, without) = (compiler.pool.all([statement, next]), compiler.pool.all([statement, denied]))
      let isTrueOfSome = isPossible(with)
      let isFalseOfSome = !isTrueOfSome || isPossible(without)
      // A statement that settles the next one says as much without it.
      if isFalseOfSome { stack.append((bits + [false], isTrueOfSome ? without : statement)) }
      if isTrueOfSome { stack.append((bits + [true], isFalseOfSome ? with : statement)) }
    }
    return true
  }

  /// The values that statements tell apart.
  private struct Values {
    var statements: [Formula]
    /// Statements that hold of the values which are not taken out yet.
    var rest: [Formula] = []

    init(_ statements: [Formula]) { self.statements = statements }
  }

  /// The truth of a requirement's goal behind the first outcomes of its schemas.
  private func goal(of requirement: Requirement, behind bits: [Bool]) -> Truth {
    compiler.pool.truth(of: requirement.goal) { leaf in
      if case .outcome(let index) = leaf, index < bits.count { Truth(bits[index]) } else { .unknown }
    }
  }

  /// `false` when a statement is true of no value, as far as that shows.
  private mutating func isPossible(_ statement: Formula) -> Bool {
    let parts = JSONKinds.each.map { compiler.pool.restricted(statement, to: $0) }
    if parts.contains(.always) { return true }
    if parts.allSatisfy({ $0 == .never }) { return false }
    return isPossible(number(of: Requirement(schemas: [], goal: statement)))
  }

  // MARK: Constants

  /// The truths of the statements for `null`, `false` and `true`, which are taken out of the values.
  private mutating func takeWords(from values: inout Values) -> [[Bool]] {
    values.rest.append(compiler.pool.leaf(.kinds(.all.subtracting([.null, .boolean]))))
    return [JSONFrame.Word.null, .no, .yes].map { word in
      values.statements.map { statement in
        let restricted = compiler.pool.restricted(statement, to: word == .null ? .null : .boolean)
        return isTrue(restricted, of: word)
      }
    }
  }

  /// The truths of the statements for each text that they name, which are taken out of the values.
  private mutating func takeTexts(from values: inout Values) -> [[Bool]] {
    var (finite, infinite) = (OrderedDictionary<Expression, [[UInt8]]>(), OrderedSet<Expression>())
    for statement in values.statements {
      compiler.pool.forEachLeaf(of: statement) { leaf in
        guard case .string(let language) = leaf, finite[language] == nil else { return }
        if let texts = compiler.automaton.pool.texts(of: language, upTo: Self.maxConstants) {
          finite[language] = texts
        } else {
          infinite.append(language)
        }
      }
    }
    let texts = OrderedSet(finite.values.joined())
    guard !texts.isEmpty, texts.count <= Self.maxConstants else { return [] }
    // Which of the texts are in each language.
    var members: [Expression: [Bool]] = [:]
    for (language, own) in finite {
      var isMember = [Bool](repeating: false, count: texts.count)
      for text in own { if let index = texts.firstIndex(of: text) { isMember[index] = true } }
      members[language] = isMember
    }
    for language in infinite { members[language] = texts.map { compiler.automaton.accepts(language, $0) } }
    let statements = values.statements.map { compiler.pool.restricted($0, to: .string) }
    work.take(texts.count * statements.reduce(0) { $0 + compiler.pool.size(of: $1) })
    let bits = texts.indices.map { index in
      statements.map { statement in
        compiler.pool.truth(of: statement) { leaf in
          if case .string(let language) = leaf { Truth(members[language]?[index] ?? false) } else { .yes }
        } == .yes
      }
    }
    take(.string, from: &values) { if case .string(let language) = $0 { finite[language] != nil } else { false } }
    if !infinite.isEmpty {
      let all = compiler.automaton.pool.union(ofTexts: texts.elements)
      values.rest.append(compiler.pool.leaf(.string(compiler.automaton.pool.complement(all))))
    }
    return bits
  }

  /// The truths of the statements for each number that they name, which are taken out of the values.
  private mutating func takeNumbers(from values: inout Values) -> [[Bool]] {
    var (numbers, isPlain) = (OrderedSet<ExactDecimal>(), false)
    for statement in values.statements {
      compiler.pool.forEachLeaf(of: statement) { leaf in
        guard case .number(let rule) = leaf else { return }
        numbers.append(contentsOf: rule.values ?? [])
        if rule.isPlain { isPlain = true }
      }
    }
    guard !numbers.isEmpty, numbers.count <= Self.maxConstants else { return [] }
    let statements = values.statements.map { compiler.pool.restricted($0, to: .number) }
    work.take(numbers.count * statements.reduce(0) { $0 + compiler.pool.size(of: $1) })
    // A whole number may be written with a fraction, which makes it another one where that counts.
    let bits = numbers.flatMap { number in
      (isPlain ? [true, false] : [true]).map { isWrittenPlainly in
        statements.map { isTrue($0, of: number, isPlain: isWrittenPlainly) }
      }
    }
    take(.number, from: &values) { if case .number(let rule) = $0 { rule.values != nil } else { false } }
    values.rest.append(compiler.pool.leaf(.number(NumberRule(excluded: Set(numbers)))))
    return bits
  }

  /// Makes statements about nothing but constants of a kind false of the rest of that kind.
  private mutating func take(_ kind: JSONKinds, from values: inout Values, _ isConstant: (SchemaLeaf) -> Bool) {
    let others = compiler.pool.leaf(.kinds(.all.subtracting(kind)))
    values.statements = values.statements.map { statement in
      compiler.pool.replacing(statement) { isConstant($0) ? others : nil }
    }
  }
}
