/// Expressions, from the loosest to the tightest: conditional, or, and, not, comparison, + -, ~, * / // %, **, sign,
/// then calls, attributes, filters and tests.
extension JinjaParser {
  static let reserved: Set<String> = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None",
  ]

  /// An expression, or several with commas between them as a tuple.
  mutating func expressionOrTuple(allowsConditional: Bool = true) throws(TemplateError) -> JinjaExpression {
    let line = current.line
    let first = try expression(allowsConditional: allowsConditional)
    guard isSymbol(",") else { return first }
    var elements = [first]
    while skip(symbol: ",") {
      if current.kind == .variableEnd || current.kind == .blockEnd || isSymbol(")") { break }
      elements.append(try expression(allowsConditional: allowsConditional))
    }
    return JinjaExpression(kind: .tuple(elements), line: line)
  }

  mutating func expression(allowsConditional: Bool = true) throws(TemplateError) -> JinjaExpression {
    try nested { parser throws(TemplateError) in
      try parser.restoringDepth { parser throws(TemplateError) in
        allowsConditional ? try parser.conditionalExpression() : try parser.disjunction()
      }
    }
  }

  private mutating func conditionalExpression() throws(TemplateError) -> JinjaExpression {
    var value = try disjunction()
    while isName("if") {
      let line = current.line
      advance()
      try deepen()
      let test = try disjunction()
      let otherwise = skip(name: "else") ? try expression() : nil
      value = JinjaExpression(kind: .conditional(value, test: test, otherwise: otherwise), line: line)
    }
    return value
  }

  private mutating func disjunction() throws(TemplateError) -> JinjaExpression {
    var left = try conjunction()
    while isName("or") {
      left = try join(left) {
        .or($0, $1)
      } with: { parser throws(TemplateError) in
        try parser.conjunction()
      }
    }
    return left
  }

  private mutating func conjunction() throws(TemplateError) -> JinjaExpression {
    var left = try negation()
    while isName("and") {
      left = try join(left) {
        .and($0, $1)
      } with: { parser throws(TemplateError) in
        try parser.negation()
      }
    }
    return left
  }

  /// Steps over an operator, reads its right side and makes one expression of both sides.
  private mutating func join(
    _ left: JinjaExpression, _ make: (JinjaExpression, JinjaExpression) -> JinjaExpression.Kind,
    with operand: (inout JinjaParser) throws(TemplateError) -> JinjaExpression
  ) throws(TemplateError) -> JinjaExpression {
    let line = current.line
    advance()
    try deepen()
    return JinjaExpression(kind: make(left, try operand(&self)), line: line)
  }

  private mutating func negation() throws(TemplateError) -> JinjaExpression {
    guard isName("not") else { return try comparison() }
    let line = current.line
    advance()
    let operand = try nested { parser throws(TemplateError) in try parser.negation() }
    return JinjaExpression(kind: .not(operand), line: line)
  }

  private mutating func comparison() throws(TemplateError) -> JinjaExpression {
    let line = current.line
    let first = try sum()
    var operands: [(by: JinjaComparison, operand: JinjaExpression)] = []
    while let comparison = comparisonOperator {
      advance()
      if comparison == .isNotIn { advance() }
      operands.append((comparison, try sum()))
    }
    return operands.isEmpty ? first : JinjaExpression(kind: .comparison(first, operands), line: line)
  }

  private var comparisonOperator: JinjaComparison? {
    switch current.kind {
    case .symbol(let symbol): JinjaComparison(rawValue: symbol)
    case .name("in"): .isIn
    case .name("not"): next.kind == .name("in") ? .isNotIn : nil
    default: nil
    }
  }

  private mutating func sum() throws(TemplateError) -> JinjaExpression {
    try chain(["+", "-"]) { parser throws(TemplateError) in try parser.concatenation() }
  }

  private mutating func concatenation() throws(TemplateError) -> JinjaExpression {
    let line = current.line
    var parts = [try product()]
    while skip(symbol: "~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : JinjaExpression(kind: .concatenation(parts), line: line)
  }

  private mutating func product() throws(TemplateError) -> JinjaExpression {
    try chain(["*", "/", "//", "%"]) { parser throws(TemplateError) in
      try parser.chain(["**"]) { parser throws(TemplateError) in try parser.unary(takesFilters: true) }
    }
  }

  /// Operands joined from the left by operators of one precedence.
  private mutating func chain(
    _ symbols: [String], _ operand: (inout JinjaParser) throws(TemplateError) -> JinjaExpression
  ) throws(TemplateError) -> JinjaExpression {
    var left = try operand(&self)
    while case .symbol(let symbol) = current.kind, symbols.contains(symbol),
      let kind = JinjaArithmetic(rawValue: symbol)
    {
      left = try join(left, { .arithmetic(kind, $0, $1) }, with: operand)
    }
    return left
  }

  /// A sign binds tighter than a filter: `-x | abs` is the absolute value of `-x`.
  private mutating func unary(takesFilters: Bool) throws(TemplateError) -> JinjaExpression {
    let line = current.line
    var value: JinjaExpression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      advance()
      let operand = try nested { parser throws(TemplateError) in try parser.unary(takesFilters: false) }
      value = JinjaExpression(kind: isNegative ? .negative(operand) : .positive(operand), line: line)
    } else {
      value = try primary()
    }
    value = try postfix(value)
    while takesFilters {
      if isSymbol("|") {
        try deepen()
        let line = current.line
        advance()
        value = JinjaExpression(kind: .filter(value, try filterCall()), line: line)
      } else if isName("is") {
        try deepen()
        value = try test(value)
      } else if isSymbol("(") {
        value = try postfix(value)
      } else {
        break
      }
    }
    return value
  }

  /// The argument of a test without parentheses.
  mutating func simpleOperand() throws(TemplateError) -> JinjaExpression { try postfix(try primary()) }

  private mutating func primary() throws(TemplateError) -> JinjaExpression {
    let token = current
    let kind: JinjaExpression.Kind
    switch token.kind {
    case .name(let name): kind = try nameOrConstant(name)
    case .string(var text):
      advance()
      // Strings side by side are one string.
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      return JinjaExpression(kind: .literal(.plain(text)), line: token.line)
    case .integer(let value): kind = .literal(.integer(value))
    case .largeInteger(let value): kind = .literal(.largeInteger(value))
    case .number(let value): kind = .literal(.number(value))
    case .symbol("("): return try parenthesized()
    case .symbol("["): return JinjaExpression(kind: .list(try elements(until: "]")), line: token.line)
    case .symbol("{"): return JinjaExpression(kind: .dictionary(try pairs()), line: token.line)
    default: throw unexpected("an expression")
    }
    advance()
    return JinjaExpression(kind: kind, line: token.line)
  }

  private mutating func nameOrConstant(_ name: String) throws(TemplateError) -> JinjaExpression.Kind {
    switch name {
    case "true", "True": return .literal(.bool(true))
    case "false", "False": return .literal(.bool(false))
    case "none", "None": return .literal(.none)
    default:
      guard !Self.reserved.contains(name) else { throw unexpected("an expression") }
      names.insert(name)
      return .name(name)
    }
  }

  private mutating func parenthesized() throws(TemplateError) -> JinjaExpression {
    let line = current.line
    advance()
    if skip(symbol: ")") { return JinjaExpression(kind: .tuple([]), line: line) }
    let value = try expressionOrTuple()
    try expect(symbol: ")")
    return value
  }

  private mutating func elements(until end: String) throws(TemplateError) -> [JinjaExpression] {
    advance()
    var elements: [JinjaExpression] = []
    while !isSymbol(end) {
      if !elements.isEmpty { try expect(symbol: ",") }
      if isSymbol(end) { break }
      elements.append(try expression())
    }
    advance()
    return elements
  }

  private mutating func pairs() throws(TemplateError) -> [(key: JinjaExpression, value: JinjaExpression)] {
    advance()
    var pairs: [(key: JinjaExpression, value: JinjaExpression)] = []
    while !isSymbol("}") {
      if !pairs.isEmpty { try expect(symbol: ",") }
      if isSymbol("}") { break }
      let key = try expression()
      try expect(symbol: ":")
      pairs.append((key, try expression()))
    }
    advance()
    return pairs
  }
}
