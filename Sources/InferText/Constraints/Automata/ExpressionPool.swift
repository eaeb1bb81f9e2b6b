import OrderedCollections

/// A language of byte strings in an ``ExpressionPool``: two with the same number are the same expression.
struct Expression: Hashable, Sendable {
  let index: Int32

  init(number: Int32) { index = number }

  /// Ascending in the order in which expressions were made.
  var number: Int { Int(index) }

  /// No string.
  static let nothing = Expression(number: 0)
  /// The empty string alone.
  static let emptyString = Expression(number: 1)
  /// Every string.
  static let everything = Expression(number: 2)

  static func < (a: Expression, b: Expression) -> Bool { a.index < b.index }
}

/// Regular expressions over bytes with intersection and complement, and their derivatives: the language of what may follow
/// a byte (Brzozowski 1964; Owens, Reppy and Turon 2009).
///
/// Every expression is stored once and simplified when it is made, so that there are few derivatives, and one that was
/// taken is looked up. Sets of literals are tries, whose nodes are expressions, so that thousands of them cost no more to
/// follow than one.
///
/// Expressions of one union or intersection that are made of characters are within characters at the same places, as their
/// derivatives by the same bytes are. So all are in ``anyText`` where it is one of them.
struct ExpressionPool {
  enum Node: Hashable {
    case nothing
    case emptyString
    case everything
    case bytes(ByteSet)
    case sequence(Expression, Expression)
    case union([Expression])
    case intersection([Expression])
    case complement(Expression)
    /// At least `least` times, and at most `most` times if that is a number.
    case repetition(Expression, least: Int, most: Int?)
    /// One of the strings below a node of the trie of literals.
    case literals(Int32)
    /// The strings of the definition of a variable, in which it may stand behind a byte.
    case variable(Int32)
  }

  /// A node of the trie of literals.
  struct LiteralNode {
    var children: [(byte: UInt8, node: Int32)] = []
    var isEnd = false
  }

  /// The maximum number of expressions.
  let limit: Int
  var work = WorkMeter()
  private var nodes = InternTable<Node>()
  private var isNullable: [Bool] = [false, true, true]
  /// `true` where the language may be empty though the expression does not say so.
  var mayBeEmpty: [Bool] = [false, false, false]
  /// `true` where all strings are UTF-8 as far as they were made of characters.
  private var isTextual: [Bool] = [true, true, false]
  var literals: [LiteralNode] = []
  /// The languages of variables, by number.
  private(set) var definitions: [Expression] = []
  var derivatives = Derivatives()
  /// The expressions of one character each that were made.
  var characterSets: [CodePointSet: Expression] = [:]
  private var characterExpressions: Set<Expression> = []
  /// Any number of characters.
  private(set) var anyText = Expression.nothing

  init(limit: Int = Constraint.stateLimit) {
    self.limit = limit
    for node in [Node.nothing, .emptyString, .everything] {
      _ = nodes.insert(node)
      derivatives.addExpression()
    }
    let character = character(of: .all)
    anyText = repetition(character, least: 0, most: nil)
  }

  /// `true` once there are more expressions than there may be, or a question took more work: nothing that the pool says can be
  /// relied on any more.
  var isFull: Bool { nodes.count > limit || literals.count > Self.maxLiteralNodes || work.isSpent }

  /// `true` once there are half as many expressions as there may be, or it is full.
  var isHalfFull: Bool { nodes.count > limit / 2 || literals.count > Self.maxLiteralNodes / 2 || work.isSpent }

  /// The maximum number of bytes of literals, of which those of common beginnings count once.
  private static let maxLiteralNodes = 1 << 22

  subscript(expression: Expression) -> Node { nodes[Int(expression.index)] }

  /// `true` for an expression that the empty string is in.
  func acceptsEmptyString(_ expression: Expression) -> Bool { isNullable[Int(expression.index)] }

  /// `true` for an expression that is made of characters, without complements but within what limits them.
  func isText(_ expression: Expression) -> Bool { isTextual[Int(expression.index)] }

  /// `true` for an expression of single characters that was made as such.
  func isCharacter(_ expression: Expression) -> Bool { characterExpressions.contains(expression) }

  mutating func markCharacter(_ expression: Expression) -> Expression {
    characterExpressions.insert(expression)
    return expression
  }

  // MARK: Variables

  /// A new variable, whose language must be defined before it is asked for: one of characters, in which the variable stands
  /// behind a character where it does.
  ///
  /// - Parameter nullable: `true` when the empty string will be in the language.
  mutating func makeVariable(acceptsEmptyString nullable: Bool) -> Expression {
    definitions.append(.nothing)
    return make(.variable(Int32(definitions.count - 1)), isNullable: nullable, mayBeEmpty: true)
  }

  mutating func define(_ variable: Expression, as language: Expression) {
    guard case .variable(let number) = self[variable] else { preconditionFailure("\(self[variable]) is no variable") }
    precondition(acceptsEmptyString(variable) == acceptsEmptyString(language), "\(variable) was declared otherwise")
    definitions[Int(number)] = language
  }

  // MARK: Making expressions

  private mutating func make(_ node: Node, isNullable nullable: Bool, mayBeEmpty mayBe: Bool) -> Expression {
    let (isNew, number) = nodes.insert(node)
    let expression = Expression(number: Int32(number))
    guard isNew else { return expression }
    isNullable.append(nullable)
    mayBeEmpty.append(mayBe)
    isTextual.append(isText(node))
    derivatives.addExpression()
    return expression
  }

  private func isText(_ node: Node) -> Bool {
    switch node {
    case .nothing, .emptyString, .bytes, .literals, .variable: true
    case .everything, .complement: false
    case .sequence(let first, let second): isText(first) && isText(second)
    case .union(let parts): parts.allSatisfy(isText)
    case .intersection(let parts): parts.contains(where: isText)
    case .repetition(let inner, _, _): isText(inner)
    }
  }

  /// One byte of a set.
  mutating func bytes(_ set: ByteSet) -> Expression {
    set.isEmpty ? .nothing : make(.bytes(set), isNullable: false, mayBeEmpty: false)
  }

  /// The bytes of a text, one after another.
  mutating func text(_ bytes: some Sequence<UInt8>) -> Expression { union(ofTexts: [Array(bytes)]) }

  /// A string of the first, and then one of the second.
  mutating func sequence(_ first: Expression, _ second: Expression) -> Expression {
    if first == .nothing || second == .nothing { return .nothing }
    if first == .emptyString { return second }
    if second == .emptyString { return first }
    if first == .everything, second == .everything { return .everything }
    // Sequences lean to the right, so that there is one expression for each.
    var (heads, last) = ([Expression](), first)
    while case .sequence(let head, let tail) = self[last] {
      heads.append(head)
      last = tail
    }
    guard heads.isEmpty else {
      var result = sequence(last, second)
      for head in heads.reversed() {
        guard !isFull else { return .nothing }
        result = sequence(head, result)
      }
      return result
    }
    return make(
      .sequence(first, second), isNullable: acceptsEmptyString(first) && acceptsEmptyString(second),
      mayBeEmpty: mayBeEmpty[Int(first.index)] || mayBeEmpty[Int(second.index)])
  }

  /// The strings of any of the expressions.
  mutating func union(_ expressions: [Expression]) -> Expression {
    var (parts, set, seen) = (Set<Expression>(), ByteSet(), 0)
    func add(_ expression: Expression) {
      seen += 1
      switch self[expression] {
      case .nothing: break
      case .union(let more): more.forEach(add)
      case .bytes(let bytes): set = set.union(bytes)
      default: parts.insert(expression)
      }
    }
    expressions.forEach(add)
    work.take(seen * WorkMeter.expression)
    if parts.contains(.everything) { return .everything }
    if !set.isEmpty { parts.insert(bytes(set)) }
    if parts.contains(anyText) { parts = parts.filter { $0 == anyText || !isText($0) } }
    if parts.contains(where: { $0 != .emptyString && acceptsEmptyString($0) }) { parts.remove(.emptyString) }
    if parts.contains(where: { if case .complement(let part) = self[$0] { parts.contains(part) } else { false } }) {
      return .everything
    }
    guard parts.count > 1 else { return parts.first ?? .nothing }
    let sorted = parts.sorted(by: <)
    if let fewer = takenTogether(sorted) { return union(fewer) }
    return make(
      .union(sorted), isNullable: sorted.contains(where: acceptsEmptyString),
      mayBeEmpty: sorted.allSatisfy { mayBeEmpty[Int($0.index)] })
  }

  /// Alternatives with those in one that differ in how often they begin with something alone, where the numbers touch; `nil`
  /// where there are none. Counts of counts have very many derivatives without it.
  private mutating func takenTogether(_ parts: [Expression]) -> [Expression]? {
    var others: [Expression] = []
    var heads: OrderedDictionary<Expression, [RepeatedHead]> = [:]
    var headCount = 0
    next: for part in parts {
      guard let head = repeatedHead(of: part) else {
        others.append(part)
        continue
      }
      for (place, known) in (heads[head.rest] ?? []).enumerated() {
        guard let both = known.union(head) else { continue }
        heads[head.rest]?[place] = both
        continue next
      }
      heads[head.rest, default: []].append(head)
      headCount += 1
    }
    guard others.count + headCount < parts.count else { return nil }
    for head in heads.values.joined() {
      others.append(sequence(repetition(head.inner, least: head.least, most: head.most), head.rest))
    }
    return others
  }

  private struct RepeatedHead {
    let inner: Expression
    var least: Int
    var most: Int?
    let rest: Expression

    func union(_ other: RepeatedHead) -> RepeatedHead? {
      func touches(_ a: RepeatedHead, _ b: RepeatedHead) -> Bool { a.most.map { b.least - 1 <= $0 } ?? true }
      guard inner == other.inner, rest == other.rest, touches(self, other), touches(other, self) else { return nil }
      var both = self
      both.least = min(least, other.least)
      both.most = most.flatMap { most in other.most.map { max(most, $0) } }
      return both
    }
  }

  private func repeatedHead(of expression: Expression) -> RepeatedHead? {
    switch self[expression] {
    case .repetition(let inner, let least, let most):
      return RepeatedHead(inner: inner, least: least, most: most, rest: .emptyString)
    case .sequence(let first, let rest):
      guard case .repetition(let inner, let least, let most) = self[first] else { return nil }
      return RepeatedHead(inner: inner, least: least, most: most, rest: rest)
    default: return nil
    }
  }

  /// The strings that are in all of the expressions.
  mutating func intersection(_ expressions: [Expression]) -> Expression {
    var parts = Set<Expression>()
    func add(_ expression: Expression) {
      switch self[expression] {
      case .everything: break
      case .intersection(let more): more.forEach(add)
      default: parts.insert(expression)
      }
    }
    expressions.forEach(add)
    work.take((expressions.count + parts.count) * WorkMeter.expression)
    if parts.contains(.nothing) { return .nothing }
    if parts.contains(.emptyString) { return parts.allSatisfy(acceptsEmptyString) ? .emptyString : .nothing }
    if parts.contains(where: { if case .complement(let part) = self[$0] { parts.contains(part) } else { false } }) {
      return .nothing
    }
    if parts.contains(where: deniesText), parts.contains(where: isText) { return .nothing }
    if parts.contains(where: { $0 != anyText && isText($0) }) { parts.remove(anyText) }
    guard parts.count > 1 else { return parts.first ?? .everything }
    let sorted = parts.sorted(by: <)
    return make(.intersection(sorted), isNullable: sorted.allSatisfy(acceptsEmptyString), mayBeEmpty: true)
  }

  /// `true` for an expression that no text of characters is in, as it says plainly.
  private func deniesText(_ expression: Expression) -> Bool {
    guard case .complement(let inner) = self[expression] else { return false }
    let parts = if case .union(let parts) = self[inner] { parts } else { [inner] }
    return parts.contains(anyText)
  }

  /// The strings that are not in the expression.
  mutating func complement(_ expression: Expression) -> Expression {
    switch self[expression] {
    case .nothing: .everything
    case .everything: .nothing
    case .complement(let inner): inner
    default: make(.complement(expression), isNullable: !acceptsEmptyString(expression), mayBeEmpty: true)
    }
  }

  /// A string of the expression so many times; without end when `most` is `nil`.
  mutating func repetition(_ expression: Expression, least: Int, most: Int?) -> Expression {
    precondition(least >= 0 && most.map { $0 >= least } ?? true, "\(least) … \(most ?? -1) times")
    if most == 0 || expression == .emptyString { return .emptyString }
    if expression == .nothing { return least == 0 ? .emptyString : .nothing }
    if least == 1, most == 1 { return expression }
    if expression == .everything { return .everything }
    if case .repetition(_, 0, nil) = self[expression] { return expression }
    if case .bytes(.all) = self[expression], least == 0, most == nil { return .everything }
    // An expression that takes the empty string may take it each time.
    let least = acceptsEmptyString(expression) ? 0 : least
    return make(
      .repetition(expression, least: least, most: most), isNullable: least == 0,
      mayBeEmpty: least > 0 && mayBeEmpty[Int(expression.index)])
  }

  /// One of some texts. O(bytes).
  mutating func union(ofTexts texts: [[UInt8]]) -> Expression {
    guard !texts.isEmpty else { return .nothing }
    let root = literals.count
    literals.append(LiteralNode())
    for text in texts {
      var node = root
      for byte in text { node = child(of: node, byte) }
      literals[node].isEnd = true
    }
    return literal(root)
  }

  private mutating func child(of node: Int, _ byte: UInt8) -> Int {
    if let child = literals[node].children.first(where: { $0.byte == byte }) { return Int(child.node) }
    literals.append(LiteralNode())
    literals[node].children.append((byte, Int32(literals.count - 1)))
    return literals.count - 1
  }

  mutating func literal(_ node: Int) -> Expression {
    make(.literals(Int32(node)), isNullable: literals[node].isEnd, mayBeEmpty: false)
  }
}
