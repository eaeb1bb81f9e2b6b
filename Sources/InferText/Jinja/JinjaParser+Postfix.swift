/// Parsing behind a value: attributes, subscripts, calls, filters, tests.
extension JinjaParser {
  mutating func postfix(_ value: JinjaExpression) throws(TemplateError) -> JinjaExpression {
    var value = value
    while true {
      let line = current.line
      let kind: JinjaExpression.Kind
      if skip(symbol: ".") {
        if case .integer(let index) = current.kind {
          kind = .element(value, JinjaExpression(kind: .literal(.integer(index)), line: line))
          advance()
        } else {
          kind = .attribute(value, try expectName())
        }
      } else if skip(symbol: "[") {
        kind = try subscription(of: value)
      } else if isSymbol("(") {
        kind = .call(value, try arguments())
      } else {
        return value
      }
      try deepen()
      value = JinjaExpression(kind: kind, line: line)
    }
  }

  private mutating func subscription(of value: JinjaExpression) throws(TemplateError) -> JinjaExpression.Kind {
    let start = isSymbol(":") ? nil : try expressionOrList()
    guard skip(symbol: ":") else {
      guard let start else { throw unexpected("an expression") }
      try expect(symbol: "]")
      return .element(value, start)
    }
    let stop = isSymbol(":") || isSymbol("]") ? nil : try expression()
    let step = skip(symbol: ":") && !isSymbol("]") ? try expression() : nil
    try expect(symbol: "]")
    return .slice(value, start: start, stop: stop, step: step)
  }

  /// `a[1, 2]` has a tuple for a key.
  private mutating func expressionOrList() throws(TemplateError) -> JinjaExpression {
    let line = current.line
    var elements = [try expression()]
    while skip(symbol: ",") { elements.append(try expression()) }
    return elements.count == 1 ? elements[0] : JinjaExpression(kind: .tuple(elements), line: line)
  }

  mutating func arguments() throws(TemplateError) -> JinjaCallArguments {
    var arguments = JinjaCallArguments()
    try expect(symbol: "(")
    var isFirst = true
    while !isSymbol(")") {
      if !isFirst { try expect(symbol: ",") }
      if isSymbol(")") { break }
      isFirst = false
      let isComplete = arguments.unpackedNamed != nil
      if !isComplete, skip(symbol: "**") {
        arguments.unpackedNamed = try expression()
      } else if !isComplete, arguments.unpacked == nil, skip(symbol: "*") {
        arguments.unpacked = try expression()
      } else if !isComplete, case .name(let name) = current.kind, next.kind == .symbol("=") {
        advance()
        advance()
        arguments.named.append((name, try expression()))
      } else if !isComplete, arguments.unpacked == nil, arguments.named.isEmpty {
        arguments.positional.append(try expression())
      } else {
        throw error("an argument without a name follows one with a name")
      }
    }
    advance()
    return arguments
  }

  /// A filter from its name on.
  mutating func filterCall() throws(TemplateError) -> JinjaFilterCall {
    let line = current.line
    var name = try expectName()
    while skip(symbol: ".") { name += "." + (try expectName()) }
    return JinjaFilterCall(name: name, arguments: isSymbol("(") ? try arguments() : JinjaCallArguments(), line: line)
  }

  /// `| a | b(1)`, possibly none.
  mutating func filterCalls() throws(TemplateError) -> [JinjaFilterCall] {
    var calls: [JinjaFilterCall] = []
    while skip(symbol: "|") { calls.append(try filterCall()) }
    return calls
  }

  /// A test from `is` on. A single argument needs no parentheses.
  mutating func test(_ value: JinjaExpression) throws(TemplateError) -> JinjaExpression {
    let line = current.line
    advance()
    let isNegated = skip(name: "not")
    let name = try expectName()
    var arguments = JinjaCallArguments()
    if isSymbol("(") {
      arguments = try self.arguments()
    } else if startsArgument {
      arguments.positional = [try simpleOperand()]
    }
    let test = JinjaExpression(kind: .test(value, name, arguments), line: line)
    return isNegated ? JinjaExpression(kind: .not(test), line: line) : test
  }

  private var startsArgument: Bool {
    switch current.kind {
    case .string, .integer, .largeInteger, .number, .symbol("["), .symbol("{"): true
    case .name(let name): !["else", "or", "and", "is", "if", "in", "not"].contains(name)
    default: false
    }
  }
}
