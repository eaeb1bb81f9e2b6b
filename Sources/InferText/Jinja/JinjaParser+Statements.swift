/// The statements behind their names.
extension JinjaParser {
  mutating func statement() throws(TemplateError) -> JinjaStatement.Kind {
    let name = try expectName()
    switch name {
    case "if": return try conditional()
    case "for": return try loop()
    case "set": return try set()
    case "macro": return .macro(try macro(named: try expectName()))
    case "call": return try call()
    case "with": return try with()
    case "filter":
      var filters = [try filterCall()]
      filters += try filterCalls()
      return .filterBlock(filters, try body(until: "endfilter"))
    case "block": return try block()
    case "autoescape": return .autoescape(try expression(), try body(until: "endautoescape"))
    case "generation": return .scope(try body(until: "endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw error("'\(name)' outside of a loop") }
      return name == "break" ? .breakLoop : .continueLoop
    case "elif", "else", "endif", "endfor", "endmacro", "endset", "endcall", "endwith", "endfilter", "endgeneration",
      "endblock", "endautoescape":
      throw error("unexpected '\(name)'")
    case "extends", "from", "import", "include":
      throw error("the tag '\(name)' is not supported: a chat template stands alone")
    default: throw error("the tag '\(name)' is not supported")
    }
  }

  private mutating func conditional() throws(TemplateError) -> JinjaStatement.Kind {
    var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
    while true {
      let test = try expressionOrTuple(allowsConditional: false)
      branches.append((test, try openBody(until: ["elif", "else", "endif"])))
      if skip(name: "elif") { continue }
      if skip(name: "else") { return .conditional(branches, otherwise: try body(until: "endif")) }
      advance()
      return .conditional(branches, otherwise: [])
    }
  }

  private mutating func loop() throws(TemplateError) -> JinjaStatement.Kind {
    let target = try self.target(allowsAttribute: false)
    guard skip(name: "in") else { throw unexpected("'in'") }
    let sequence = try expressionOrTuple(allowsConditional: false)
    let condition = skip(name: "if") ? try expression() : nil
    let isRecursive = skip(name: "recursive")
    loops += 1
    let statements = try openBody(until: ["endfor", "else"])
    loops -= 1
    var otherwise: [JinjaStatement] = []
    if skip(name: "else") { otherwise = try body(until: "endfor") } else { advance() }
    return .loop(
      JinjaLoopStatement(
        target: target, sequence: sequence, condition: condition, body: statements, otherwise: otherwise,
        isRecursive: isRecursive))
  }

  private mutating func set() throws(TemplateError) -> JinjaStatement.Kind {
    let target = try self.target(allowsAttribute: true)
    if skip(symbol: "=") { return .set(target, try expressionOrTuple()) }
    let filters = try filterCalls()
    return .setBlock(target, filters, try body(until: "endset"))
  }

  /// A macro from its parameters on.
  private mutating func macro(named name: String) throws(TemplateError) -> JinjaMacro {
    try macro(named: name, try parameters()) { parser throws(TemplateError) in try parser.body(until: "endmacro") }
  }

  private mutating func call() throws(TemplateError) -> JinjaStatement.Kind {
    let parameters = isSymbol("(") ? try self.parameters() : []
    let call = try expression()
    guard case .call(_, let arguments) = call.kind else { throw error("expected a call") }
    guard !arguments.named.contains(where: { $0.name == "caller" }) else {
      throw error("the argument 'caller' is the block's own")
    }
    let caller = try macro(named: "caller", parameters) { parser throws(TemplateError) in
      try parser.body(until: "endcall")
    }
    return .call(call, caller: caller)
  }

  /// A macro's body: what it mentions decides how it may be called. What macros inside of it mention counts as well.
  private mutating func macro(
    named name: String, _ parameters: [(name: String, fallback: JinjaExpression?)],
    _ body: (inout JinjaParser) throws(TemplateError) -> [JinjaStatement]
  ) throws(TemplateError) -> JinjaMacro {
    let outer = (loops: loops, names: names)
    (loops, names) = (0, [])
    defer { (loops, names) = (outer.loops, names.union(outer.names)) }
    let statements = try body(&self)
    return JinjaMacro(
      name: name, parameters: parameters, body: statements, takesSurplus: names.contains("varargs"),
      takesUnknownNames: names.contains("kwargs"), takesCaller: names.contains("caller"))
  }

  private mutating func block() throws(TemplateError) -> JinjaStatement.Kind {
    let name = try expectName()
    guard blocks.insert(name) else { throw error("block '\(name)' defined twice") }
    let isScoped = skip(name: "scoped")
    let outer = loops
    loops = 0
    defer { loops = outer }
    let statements = try body(until: "endblock")
    _ = skip(name: name)
    return .block(isScoped: isScoped, statements)
  }

  private mutating func parameters() throws(TemplateError) -> [(name: String, fallback: JinjaExpression?)] {
    var parameters: [(name: String, fallback: JinjaExpression?)] = []
    try expect(symbol: "(")
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(symbol: ",") }
      let name = try expectName()
      let fallback = skip(symbol: "=") ? try expression() : nil
      if fallback == nil, parameters.last?.fallback != nil {
        throw error("the parameter '\(name)' without a default follows one with a default")
      }
      parameters.append((name, fallback))
    }
    advance()
    return parameters
  }

  private mutating func with() throws(TemplateError) -> JinjaStatement.Kind {
    var assignments: [(target: JinjaTarget, value: JinjaExpression)] = []
    while current.kind != .blockEnd {
      if !assignments.isEmpty { try expect(symbol: ",") }
      let target = try singleTarget(allowsAttribute: false)
      try expect(symbol: "=")
      assignments.append((target, try expression()))
    }
    return .with(assignments, try body(until: "endwith"))
  }

  private mutating func target(allowsAttribute: Bool) throws(TemplateError) -> JinjaTarget {
    let first = try singleTarget(allowsAttribute: allowsAttribute)
    guard isSymbol(",") else { return first }
    var targets = [first]
    while skip(symbol: ","), !isName("in"), !isSymbol("="), !isSymbol(")") {
      targets.append(try singleTarget(allowsAttribute: allowsAttribute))
    }
    return .tuple(targets)
  }

  private mutating func singleTarget(allowsAttribute: Bool) throws(TemplateError) -> JinjaTarget {
    if skip(symbol: "(") {
      let target = try nested { parser throws(TemplateError) in
        try parser.target(allowsAttribute: allowsAttribute)
      }
      try expect(symbol: ")")
      return target
    }
    let name = try expectName()
    guard !Self.reserved.contains(name) else { throw error("cannot assign to '\(name)'") }
    if allowsAttribute, skip(symbol: ".") { return .attribute(of: name, try expectName()) }
    return .name(name)
  }
}
