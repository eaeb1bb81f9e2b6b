/// The rules of a grammar as finite automata whose edges are terminals and rules.
///
/// A rule that does not recur is one language if no machine is a part of it, so that texts are followed by rules only where
/// they nest. Rules from which no text can be made are left out.
struct GrammarTables {
  /// A way from a position in a rule to another.
  enum Edge: Hashable {
    case language(Expression, to: Int32)
    case machine(Int32, to: Int32)
    case rule(Int32, to: Int32)
  }

  /// The edges from each position of all rules.
  private(set) var edges: [[Edge]] = []
  /// `true` for positions at which their rule may end.
  private(set) var isFinal: [Bool] = []
  /// The first position of each rule, -1 for those that no text can be made from or that are a language.
  private(set) var starts: [Int32] = []
  /// `true` for rules that may be empty.
  private(set) var isNullable: [Bool] = []

  private static let maxPositions = 1 << 17
  private static let maxEdges = 1 << 20
  /// Rules within rules that are made one language.
  private static let maxDepth = 100

  private var languages: [Language]
  /// Positions that each leads to without a byte.
  private var ways: [[Int32]] = []
  private var edgeCount = 0

  private enum Language {
    case unknown
    case pending
    case none
    case some(Expression)
  }

  /// - Throws: ``GrammarError`` where the grammar is too large, or no text can be made from it.
  init(_ grammar: inout Grammar) throws(GrammarError) {
    languages = Array(repeating: .unknown, count: grammar.rules.count)
    for rule in grammar.rules.indices { _ = language(ofRule: rule, &grammar, depth: 0) }
    guard !grammar.automaton.pool.isFull else { throw GrammarError("it is too large") }
    let isProductive = fixpoint(of: grammar) { part, known in isTrue(part, known, grammar, ofTexts: true) }
    guard isProductive[grammar.start] else { throw Self.textless(grammar, isProductive) }
    isNullable = fixpoint(of: grammar) { part, known in isTrue(part, known, grammar, ofTexts: false) }
    starts = Array(repeating: -1, count: grammar.rules.count)
    for rule in grammar.rules.indices where isProductive[rule] {
      if case .some = languages[rule], rule != grammar.start { continue }
      try add(rule, isProductive, grammar)
    }
  }

  // MARK: Rules that are languages

  private mutating func language(ofRule rule: Int, _ grammar: inout Grammar, depth: Int) -> Expression? {
    switch languages[rule] {
    case .some(let expression): return expression
    case .none, .pending: return nil
    case .unknown: break
    }
    guard depth < Self.maxDepth else { return nil }
    languages[rule] = .pending
    let result = language(of: grammar.rules[rule].body, &grammar, depth: depth + 1)
    languages[rule] = result.map { .some($0) } ?? .none
    return result
  }

  private mutating func language(of part: Grammar.Part, _ grammar: inout Grammar, depth: Int) -> Expression? {
    switch part {
    case .language(let expression): return expression
    case .machine: return nil
    case .rule(let rule): return language(ofRule: rule, &grammar, depth: depth)
    case .sequence(let parts):
      var result: Expression? = .emptyString
      for part in parts.reversed() {
        guard let first = language(of: part, &grammar, depth: depth), let rest = result else {
          result = nil
          continue
        }
        result = grammar.automaton.pool.sequence(first, rest)
      }
      return result
    case .choice(let parts):
      var all: [Expression] = []
      for part in parts {
        if let one = language(of: part, &grammar, depth: depth) { all.append(one) }
      }
      return all.count == parts.count ? grammar.automaton.pool.union(all) : nil
    case .repetition(let part, let least, let most):
      guard let one = language(of: part, &grammar, depth: depth) else { return nil }
      return grammar.automaton.pool.repetition(one, least: least, most: most)
    }
  }

  // MARK: What is known of rules

  /// The refusal of a grammar from whose start no text can be made. It names the rule at fault, which the start leads to.
  private static func textless(_ grammar: Grammar, _ isProductive: [Bool]) -> GrammarError {
    var (rule, passed) = (grammar.start, Set<Int>())
    while passed.insert(rule).inserted {
      var next: Int?
      grammar.rules[rule].body.forEachRule { if !isProductive[$0] { next = next ?? $0 } }
      guard let next else { return GrammarError("no text can be made from the rule \(grammar.rules[rule].name)") }
      rule = next
    }
    return GrammarError("no text can be made from the rule \(grammar.rules[rule].name): it always needs itself again")
  }

  /// The least set of rules of which a statement is true, which may depend on others.
  private func fixpoint(of grammar: Grammar, _ statement: (Grammar.Part, [Bool]) -> Bool) -> [Bool] {
    var users: [[Int]] = Array(repeating: [], count: grammar.rules.count)
    for (index, rule) in grammar.rules.enumerated() { rule.body.forEachRule { users[$0].append(index) } }
    var known = Array(repeating: false, count: grammar.rules.count)
    var pending = Array(grammar.rules.indices)
    while let rule = pending.popLast() {
      guard !known[rule], statement(grammar.rules[rule].body, known) else { continue }
      known[rule] = true
      pending += users[rule]
    }
    return known
  }

  /// `true` when texts, or the empty one, can be made from a part, for rules of which the same is known.
  private func isTrue(_ part: Grammar.Part, _ known: [Bool], _ grammar: Grammar, ofTexts: Bool) -> Bool {
    switch part {
    case .language(let expression):
      ofTexts ? expression != .nothing : grammar.automaton.pool.acceptsEmptyString(expression)
    case .machine(let machine): ofTexts || grammar.acceptsNothing[machine]
    case .rule(let rule): known[rule]
    case .sequence(let parts): parts.allSatisfy { isTrue($0, known, grammar, ofTexts: ofTexts) }
    case .choice(let parts): parts.contains { isTrue($0, known, grammar, ofTexts: ofTexts) }
    case .repetition(let part, let least, _): least == 0 || isTrue(part, known, grammar, ofTexts: ofTexts)
    }
  }

  // MARK: Positions

  private mutating func position() throws(GrammarError) -> Int32 {
    guard edges.count < Self.maxPositions else { throw GrammarError("it is too large") }
    edges.append([])
    isFinal.append(false)
    ways.append([])
    return Int32(edges.count - 1)
  }

  /// Adds a rule's positions, from the last to the first: each part is told what follows it.
  private mutating func add(_ rule: Int, _ isProductive: [Bool], _ grammar: Grammar) throws(GrammarError) {
    let end = try position()
    isFinal[Int(end)] = true
    starts[rule] = try add(grammar.rules[rule].body, before: end, isProductive, grammar)
    try takeWays(from: Int(end))
  }

  /// Adds a part that goes on at a position, and returns the position before it.
  private mutating func add(
    _ part: Grammar.Part, before next: Int32, _ isProductive: [Bool], _ grammar: Grammar
  ) throws(GrammarError) -> Int32 {
    let before: Int32
    // Nothing leads on from where no text can be completed.
    guard isTrue(part, isProductive, grammar, ofTexts: true) else { return try position() }
    switch part {
    case .language(let expression): return try edge(.language(expression, to: next))
    case .machine(let machine): return try edge(.machine(Int32(machine), to: next))
    case .rule(let rule):
      if case .some(let expression) = languages[rule] { return try edge(.language(expression, to: next)) }
      return try edge(.rule(Int32(rule), to: next))
    case .sequence(let parts):
      var next = next
      for part in parts.reversed() { next = try add(part, before: next, isProductive, grammar) }
      return next
    case .choice(let parts):
      before = try position()
      for part in parts { ways[Int(before)].append(try add(part, before: next, isProductive, grammar)) }
      return before
    case .repetition(let part, let least, let most):
      var next = next
      if let most {
        let end = next
        for _ in least..<max(least, most) {
          let once = try add(part, before: next, isProductive, grammar)
          next = try position()
          ways[Int(next)] = [once, end]
        }
      } else {
        // A position to which the part leads back.
        let loop = try position()
        ways[Int(loop)] = [next, try add(part, before: loop, isProductive, grammar)]
        next = loop
      }
      for _ in 0..<least { next = try add(part, before: next, isProductive, grammar) }
      return next
    }
  }

  private mutating func edge(_ edge: Edge) throws(GrammarError) -> Int32 {
    let before = try position()
    edges[Int(before)].append(edge)
    return before
  }

  /// Gives positions, from one on, the edges of all that they lead to without a byte.
  private mutating func takeWays(from first: Int) throws(GrammarError) {
    var all: [[Edge]] = []
    for position in first..<edges.count {
      var (reached, pending) = (Set([Int32(position)]), [Int32(position)])
      var found: Set<Edge> = []
      while let next = pending.popLast() {
        found.formUnion(edges[Int(next)])
        if isFinal[Int(next)] { isFinal[position] = true }
        for way in ways[Int(next)] where reached.insert(way).inserted { pending.append(way) }
      }
      edgeCount += found.count
      guard edgeCount <= Self.maxEdges else { throw GrammarError("it is too large") }
      all.append(Array(found))
    }
    edges.replaceSubrange(first..., with: all)
  }
}

extension Grammar.Part {
  fileprivate func forEachRule(_ body: (Int) -> Void) {
    switch self {
    case .language, .machine: break
    case .rule(let rule): body(rule)
    case .sequence(let parts), .choice(let parts): for part in parts { part.forEachRule(body) }
    case .repetition(let part, _, _): part.forEachRule(body)
    }
  }
}
