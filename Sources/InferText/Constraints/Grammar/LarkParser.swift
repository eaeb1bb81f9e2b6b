/// Reads grammars in the language of Lark (lark-parser.readthedocs.io, "Grammar reference").
///
///     start: greeting ("," NAME)+
///     ?greeting: "hello" | "good" ("morning" | "evening")
///     NAME: /[A-Z][a-z]*/
///     %import common.WS
///     %ignore WS
///
/// A text is read as Lark's dynamic lexer reads it: a terminal may end wherever its definition allows it, whatever would be
/// the longest. `%json { … }` stands for a text that is valid against a schema, as in llguidance. Names for branches, and
/// priorities, say nothing about texts. Refused by name: templates, `%declare`, `%override`, `%extend`, imports from other
/// files, and flags of expressions other than `i`, `s` and `u`.
struct LarkParser {
  private var text: GrammarText
  private var rules = NamedRules()
  private var ignored: [Grammar.Part] = []
  /// `true` in the definition of a terminal, of which nothing is ignored.
  private var isInTerminal = false

  /// The name of the rule for ignored text, which no rule of a grammar can have.
  private static let space = "%ignore"

  private init(_ text: String) { self.text = GrammarText(text, comments: ["//", "#"]) }

  /// The grammar that a text is, of which `start` is the start.
  static func parse(_ text: String) throws(GrammarError) -> Grammar {
    var parser = LarkParser(text)
    parser.text.skipSpace(lines: true)
    while parser.text.next != nil {
      try parser.statement()
      guard parser.text.next == nil || parser.text.next == "\n" else {
        throw parser.text.unexpected("the end of the line")
      }
      parser.text.skipSpace(lines: true)
    }
    return try parser.finished()
  }

  private mutating func finished() throws(GrammarError) -> Grammar {
    let space = rules.reference(Self.space, at: 0)
    try rules.define(Self.space, .repetition(.choice(ignored), least: 0, most: nil), at: 0, text)
    var grammar = try rules.finished(start: "start", text)
    grammar.start = grammar.rules.count
    let main = rules.reference("start", at: 0)
    grammar.rules.append(Grammar.Rule(name: "", body: .sequence([main, space])))
    return grammar
  }

  // MARK: Statements

  private mutating func statement() throws(GrammarError) {
    if text.startsWith("%") { return try directive() }
    let place = text.position
    text.skip { $0 == "?" || $0 == "!" }
    let name = try self.name("the name of a rule or a terminal")
    if text.startsWith("{") { throw text.error("templates are not supported", at: place) }
    if text.take(".") {
      _ = text.take("-")
      guard try text.count() != nil else { throw text.unexpected("a priority") }
    }
    text.skipSpace(lines: false)
    guard text.take(":") else { throw text.unexpected("':'") }
    isInTerminal = Self.isTerminal(name)
    try rules.define(name, try alternatives(isNested: false), at: place, text)
  }

  private mutating func directive() throws(GrammarError) {
    let place = text.position
    text.position += 1
    let name = text.take { Self.isNamePart($0) }
    text.skipSpace(lines: false)
    switch name {
    case "ignore":
      isInTerminal = true
      ignored.append(try alternatives(isNested: false))
    case "import": try readImport()
    default: throw text.error("'%\(name)' is not supported", at: place)
    }
  }

  private mutating func readImport() throws(GrammarError) {
    let place = text.position
    let module = text.take { Self.isNamePart($0) }
    guard module == "common" else {
      throw text.error("only terminals of 'common' can be imported", at: place)
    }
    text.skipSpace(lines: false)
    if text.take(".") {
      let name = try self.name("the name of a terminal")
      text.skipSpace(lines: false)
      var alias = name
      if text.take("->") {
        text.skipSpace(lines: false)
        alias = try self.name("a name")
      }
      return try add(name, as: alias, place)
    }
    guard text.take("(") else { throw text.unexpected("'.' or '('") }
    repeat {
      text.skipSpace(lines: true)
      let name = try self.name("the name of a terminal")
      try add(name, as: name, place)
      text.skipSpace(lines: true)
    } while text.take(",")
    guard text.take(")") else { throw text.unexpected("')'") }
    text.skipSpace(lines: false)
  }

  private mutating func add(_ name: String, as alias: String, _ place: Int) throws(GrammarError) {
    guard let pattern = LarkTerminals.patterns[name] else {
      throw text.error("there is no terminal '\(name)' in 'common'", at: place)
    }
    try rules.define(alias, .language(try language(pattern, at: place)), at: place, text)
    text.skipSpace(lines: false)
  }

  // MARK: Expansions

  private mutating func alternatives(isNested: Bool) throws(GrammarError) -> Grammar.Part {
    try text.enter()
    defer { text.leave() }
    text.skipSpace(lines: isNested)
    _ = text.takeBar()
    var parts = [try expansion(isNested: isNested)]
    while text.takeBar() { parts.append(try expansion(isNested: isNested)) }
    return parts.count == 1 ? parts[0] : .choice(parts)
  }

  private mutating func expansion(isNested: Bool) throws(GrammarError) -> Grammar.Part {
    var parts: [Grammar.Part] = []
    text.skipSpace(lines: isNested)
    while let part = try atom() {
      parts.append(try repeated(part))
      text.skipSpace(lines: isNested)
    }
    if text.take("->") {
      text.skipSpace(lines: false)
      _ = try name("the name of an alternative")
      text.skipSpace(lines: isNested)
    }
    return .sequence(parts)
  }

  /// Reads how often a part may stand there.
  private mutating func repeated(_ part: Grammar.Part) throws(GrammarError) -> Grammar.Part {
    text.skipSpace(lines: false)
    let place = text.position
    if text.take("?") { return .repetition(part, least: 0, most: 1) }
    if text.take("*") { return .repetition(part, least: 0, most: nil) }
    if text.take("+") { return .repetition(part, least: 1, most: nil) }
    guard text.take("~") else { return part }
    text.skipSpace(lines: false)
    guard let least = try text.count() else { throw text.unexpected("a number") }
    text.skipSpace(lines: false)
    guard text.take("..") else { return .repetition(part, least: least, most: least) }
    text.skipSpace(lines: false)
    guard let most = try text.count() else { throw text.unexpected("a number") }
    guard least <= most else { throw text.error("~ \(least)..\(most) is out of order", at: place) }
    return .repetition(part, least: least, most: most)
  }

  /// Reads one part; `nil` where none begins.
  private mutating func atom() throws(GrammarError) -> Grammar.Part? {
    let place = text.position
    switch text.next {
    case "(":
      text.position += 1
      return try group(until: ")")
    case "[":
      text.position += 1
      return .repetition(try group(until: "]"), least: 0, most: 1)
    case "\"": return terminal(.language(try string()))
    case "/":
      guard !text.startsWith("//") else { return nil }
      return terminal(.language(try expression()))
    case "%":
      guard text.take("%json") else { throw text.error("'%' stands for nothing here but in '%json'", at: place) }
      return terminal(try schema(place))
    case let scalar? where Self.isNamePart(scalar) && !("0"..."9").contains(scalar):
      let name = try self.name("a name")
      if text.startsWith("{") { throw text.error("templates are not supported", at: place) }
      let part = rules.reference(name, at: place)
      if Self.isTerminal(name) { return terminal(part) }
      if isInTerminal { throw text.error("a terminal cannot be made of rule '\(name)'", at: place) }
      return part
    default: return nil
    }
  }

  private mutating func group(until end: String) throws(GrammarError) -> Grammar.Part {
    let part = try alternatives(isNested: true)
    text.skipSpace(lines: true)
    guard text.take(end) else { throw text.unexpected("'\(end)'") }
    return part
  }

  /// A terminal in a rule, before which others may be ignored.
  private mutating func terminal(_ part: Grammar.Part) -> Grammar.Part {
    isInTerminal ? part : .sequence([rules.reference(Self.space, at: 0), part])
  }

  // MARK: Terminals

  /// Reads a string, or a range of two of one character.
  private mutating func string() throws(GrammarError) -> Expression {
    let place = text.position
    let first = try characters()
    let rest = text.position
    text.skipSpace(lines: false)
    guard text.take("..") else {
      text.position = rest
      let ignoresCase = text.take("i")
      let parts = first.map { RegexSyntax.character(CodePointSet($0.value)) }
      return try language(.sequence(parts), ignoresCase: ignoresCase, at: place)
    }
    text.skipSpace(lines: false)
    let last = try characters()
    guard first.count == 1, last.count == 1, first[0] <= last[0] else {
      throw text.error("a range is from one character to a later one", at: place)
    }
    return rules.grammar.automaton.pool.character(of: CodePointSet([first[0].value...last[0].value]))
  }

  private mutating func characters() throws(GrammarError) -> [Unicode.Scalar] {
    guard text.take("\"") else { throw text.unexpected("'\"'") }
    var value: [Unicode.Scalar] = []
    while let scalar = text.next, scalar != "\"", scalar != "\n" {
      text.position += 1
      value.append(scalar == "\\" ? try text.escaped(others: "\"\\'/") : scalar)
    }
    guard text.take("\"") else { throw text.unexpected("'\"'") }
    return value
  }

  /// Reads `/…/` with its flags.
  private mutating func expression() throws(GrammarError) -> Expression {
    let place = text.position
    text.position += 1
    var pattern = ""
    while let scalar = text.next, scalar != "/", scalar != "\n" {
      text.position += 1
      if scalar == "\\", let escaped = text.next {
        text.position += 1
        if escaped != "/" { pattern.unicodeScalars.append(scalar) }
        pattern.unicodeScalars.append(escaped)
      } else {
        pattern.unicodeScalars.append(scalar)
      }
    }
    guard text.take("/") else { throw text.unexpected("'/'") }
    let flags = text.take { ("a"..."z").contains($0) }
    if let flag = flags.unicodeScalars.first(where: { !"isu".unicodeScalars.contains($0) }) {
      throw text.error("flag '\(flag)' is not supported", at: place)
    }
    return try language(
      pattern, ignoresCase: flags.contains("i"), dotIsAny: flags.contains("s"), at: place)
  }

  private mutating func language(
    _ pattern: String, ignoresCase: Bool = false, dotIsAny: Bool = false, at place: Int
  ) throws(GrammarError) -> Expression {
    let syntax: RegexSyntax
    do { syntax = try RegexParser.parse(pattern, dotIsAny: dotIsAny) } catch {
      throw text.error("\(error.reason) (in /\(pattern)/, at character \(error.offset))", at: place)
    }
    return try language(syntax, ignoresCase: ignoresCase, at: place)
  }

  private mutating func language(
    _ syntax: RegexSyntax, ignoresCase: Bool, at place: Int
  ) throws(GrammarError) -> Expression {
    do { return try rules.grammar.automaton.pool.match(ignoresCase ? syntax.ignoringCase : syntax) } catch {
      throw text.error(error.reason, at: place)
    }
  }

  /// Reads the schema behind `%json`.
  private mutating func schema(_ place: Int) throws(GrammarError) -> Grammar.Part {
    text.skipSpace(lines: true)
    var scanner = JSONScanner()
    let start = text.position
    while let scalar = text.next {
      text.position += 1
      let progress = scalar.utf8.reduce(JSONScanner.Progress.more) { $0 == .more ? scanner.advance($1) : $0 }
      if progress == .complete { break }
      if progress != .more { throw text.error("the schema is not a JSON object", at: start) }
    }
    do {
      let json = text.scalars[start..<text.position].reduce(into: "") { $0.unicodeScalars.append($1) }
      return rules.grammar.part(try JSONMachine(try JSONValue(parsing: json)))
    } catch {
      throw text.error("the schema cannot be held: \(error)", at: place)
    }
  }

  // MARK: Names

  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
  }

  private static func isTerminal(_ name: String) -> Bool {
    name.unicodeScalars.first { $0 != "_" }.map { ("A"..."Z").contains($0) } ?? false
  }

  private mutating func name(_ expected: String) throws(GrammarError) -> String {
    let name = text.take { Self.isNamePart($0) }
    guard !name.isEmpty else { throw text.unexpected(expected) }
    return name
  }
}
