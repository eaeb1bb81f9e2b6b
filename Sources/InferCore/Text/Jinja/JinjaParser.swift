/// Tokens → statements: recursive descent over Jinja's grammar. Expressions are in an extension.
struct JinjaParser {
  private let tokens: [JinjaToken]
  private var position = 0
  /// How deeply the grammar's rules are nested right now; bounded, because the tree is walked recursively.
  private var depth = 0
  /// The loops around this place in the current macro.
  private var loops = 0
  private var blocks: Set<String> = []
  /// Names that the macro being read mentions, as far as they change how it may be called.
  var mentionsSurplus = false
  var mentionsUnknownNames = false

  private static let maximumDepth = 150

  static func parse(_ source: String) throws(TemplateError) -> [JinjaStatement] {
    var lexer = JinjaLexer(source)
    var parser = JinjaParser(tokens: try lexer.tokenize())
    return try parser.statements(until: [])
  }

  private init(tokens: [JinjaToken]) { self.tokens = tokens }

  // MARK: - Tokens

  var current: JinjaToken { tokens[position] }
  var next: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

  mutating func advance() { position = min(position + 1, tokens.count - 1) }

  func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
  func isName(_ name: String) -> Bool { current.kind == .name(name) }

  mutating func skip(symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(symbol: String) throws(TemplateError) {
    guard skip(symbol: symbol) else { throw unexpected("'\(symbol)'") }
  }

  mutating func expect(_ kind: JinjaToken.Kind, _ expected: String) throws(TemplateError) {
    guard current.kind == kind else { throw unexpected(expected) }
    advance()
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw unexpected("a name") }
    advance()
    return name
  }

  func error(_ reason: String) -> TemplateError { .syntax(line: current.line, reason: reason) }

  func unexpected(_ expected: String) -> TemplateError {
    let found =
      switch current.kind {
      case .data: "text"
      case .blockBegin: "'{%'"
      case .blockEnd: "'%}'"
      case .variableBegin: "'{{'"
      case .variableEnd: "'}}'"
      case .name(let name): "'\(name)'"
      case .string: "a string"
      case .integer, .number: "a number"
      case .symbol(let symbol): "'\(symbol)'"
      case .end: "the end of the template"
      }
    return error("expected \(expected), found \(found)")
  }

  /// Counts one more level of nesting around `body`.
  mutating func nested<Result>(
    _ body: (inout JinjaParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    try deepen()
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Counts one more level until the level around it ends: for chains, which nest without recursion.
  mutating func deepen() throws(TemplateError) {
    depth += 1
    guard depth <= Self.maximumDepth else { throw error("nested more than \(Self.maximumDepth) levels deep") }
  }

  /// Runs `body` and forgets the levels that chains in it have counted.
  mutating func restoringDepth<Result>(
    _ body: (inout JinjaParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    let before = depth
    defer { depth = before }
    return try body(&self)
  }

  // MARK: - Statements

  /// Reads up to a block that starts with one of `ends`, which is left to be read; up to the end when there are none.
  private mutating func statements(until ends: [String]) throws(TemplateError) -> [JinjaStatement] {
    var statements: [JinjaStatement] = []
    while true {
      let line = current.line
      switch current.kind {
      case .data(let text):
        statements.append(JinjaStatement(kind: .text(text), line: line))
        advance()
      case .variableBegin:
        advance()
        statements.append(JinjaStatement(kind: .output(try expressionOrTuple()), line: line))
        try expect(.variableEnd, "'}}'")
      case .blockBegin:
        advance()
        if case .name(let name) = current.kind, ends.contains(name) { return statements }
        let kind = try nested { parser throws(TemplateError) in try parser.statement() }
        statements.append(JinjaStatement(kind: kind, line: line))
        try expect(.blockEnd, "'%}'")
      default:
        if ends.isEmpty { return statements }
        throw unexpected(ends.map { "'{% \($0) %}'" }.joined(separator: " or "))
      }
    }
  }

  /// The statements inside of a block, from the end of its opening tag to the name in its closing tag.
  private mutating func body(until end: String) throws(TemplateError) -> [JinjaStatement] {
    let statements = try openBody(until: [end])
    advance()
    return statements
  }

  private mutating func openBody(until ends: [String]) throws(TemplateError) -> [JinjaStatement] {
    _ = skip(symbol: ":")
    try expect(.blockEnd, "'%}'")
    return try statements(until: ends)
  }

  private mutating func statement() throws(TemplateError) -> JinjaStatement.Kind {
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
    guard case .call = call.kind else { throw error("expected a call") }
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
    let outer = (loops, mentionsSurplus, mentionsUnknownNames)
    (loops, mentionsSurplus, mentionsUnknownNames) = (0, false, false)
    let statements = try body(&self)
    let macro = JinjaMacro(
      name: name, parameters: parameters, body: statements, takesSurplus: mentionsSurplus,
      takesUnknownNames: mentionsUnknownNames)
    loops = outer.0
    (mentionsSurplus, mentionsUnknownNames) = (mentionsSurplus || outer.1, mentionsUnknownNames || outer.2)
    return macro
  }

  private mutating func block() throws(TemplateError) -> JinjaStatement.Kind {
    let name = try expectName()
    guard blocks.insert(name).inserted else { throw error("block '\(name)' defined twice") }
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
