/// Tokens → statements: recursive descent over Jinja's grammar. The kinds of statements and expressions are in extensions.
struct JinjaParser {
  private let tokens: [JinjaToken]
  private var position = 0
  /// How deeply the grammar's rules are nested right now; bounded, because the tree is walked recursively.
  private var depth = 0
  /// The loops around this place in the current macro.
  var loops = 0
  var blocks: Set<ExactText> = []
  /// All names that expressions mention, in the macro being read or outside of all.
  var names: Set<ExactText> = []

  private static let maximumDepth = 150

  /// A template's statements, and the names that its expressions mention.
  static func parse(
    _ source: String
  ) throws(TemplateError) -> (statements: [JinjaStatement], names: Set<ExactText>) {
    var lexer = JinjaLexer(source)
    var parser = JinjaParser(tokens: try lexer.tokenize())
    let statements = try parser.statements(until: [])
    return (statements, parser.names)
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
      case .integer, .largeInteger, .number: "a number"
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
  mutating func body(until end: String) throws(TemplateError) -> [JinjaStatement] {
    let statements = try openBody(until: [end])
    advance()
    return statements
  }

  mutating func openBody(until ends: [String]) throws(TemplateError) -> [JinjaStatement] {
    _ = skip(symbol: ":")
    try expect(.blockEnd, "'%}'")
    return try statements(until: ends)
  }
}
