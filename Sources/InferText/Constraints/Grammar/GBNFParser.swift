/// Reads grammars in GBNF, as llama.cpp (`grammars/README.md`) and, with the same words, XGrammar have it.
///
///     root ::= "yes" | "no" ("," ws root)?
///     ws   ::= [ \t\n]*
///
/// An alternative may begin on the next line. Refused by name: tokens (`<think>`) and lookaheads (`(= …)`).
struct GBNFParser {
  private var text: GrammarText
  private var rules = NamedRules()

  private init(_ text: String) { self.text = GrammarText(text, comments: ["#"]) }

  /// The grammar that a text is, of which `root` is the start.
  static func parse(_ text: String) throws(GrammarError) -> Grammar {
    var parser = GBNFParser(text)
    parser.text.skipSpace(lines: true)
    while parser.text.next != nil {
      try parser.rule()
      parser.text.skipSpace(lines: true)
    }
    return try parser.rules.finished(start: "root", parser.text)
  }

  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "_")
  }

  private mutating func rule() throws(GrammarError) {
    let place = text.position
    let name = text.take(while: Self.isNamePart)
    guard !name.isEmpty else { throw text.unexpected("the name of a rule") }
    text.skipSpace(lines: false)
    guard text.take("::=") else { throw text.unexpected("'::='") }
    text.skipSpace(lines: true)
    let body = try alternatives(isNested: false)
    guard text.next == nil || text.next == "\n" else { throw text.unexpected("the end of the line") }
    try rules.define(name, body, at: place, text)
  }

  private mutating func alternatives(isNested: Bool) throws(GrammarError) -> Grammar.Part {
    try text.enter()
    defer { text.leave() }
    var parts = [try sequence(isNested: isNested)]
    while text.takeBar() {
      text.skipSpace(lines: true)
      parts.append(try sequence(isNested: isNested))
    }
    return parts.count == 1 ? parts[0] : .choice(parts)
  }

  private mutating func sequence(isNested: Bool) throws(GrammarError) -> Grammar.Part {
    var parts: [Grammar.Part] = []
    while let scalar = text.next {
      let place = text.position
      var part: Grammar.Part
      switch scalar {
      case "\"":
        text.position += 1
        part = try literal()
      case "[":
        text.position += 1
        part = .language(rules.grammar.automaton.pool.character(of: try characters()))
      case ".":
        text.position += 1
        part = .language(rules.grammar.automaton.pool.character(of: .all))
      case "(":
        text.position += 1
        if text.startsWith("=") { throw text.error("lookaheads are not supported", at: place) }
        text.skipSpace(lines: true)
        part = try alternatives(isNested: true)
        text.skipSpace(lines: true)
        guard text.take(")") else { throw text.unexpected("')'") }
      case "<", "!": throw text.error("tokens are not supported", at: place)
      case let scalar where Self.isNamePart(scalar):
        part = rules.reference(text.take(while: Self.isNamePart), at: place)
      default: return .sequence(parts)
      }
      text.skipSpace(lines: isNested)
      while let (least, most) = try counts() {
        part = .repetition(part, least: least, most: most)
        text.skipSpace(lines: isNested)
      }
      parts.append(part)
    }
    return .sequence(parts)
  }

  private mutating func literal() throws(GrammarError) -> Grammar.Part {
    var value = ""
    while let scalar = text.next, scalar != "\"" {
      text.position += 1
      value.unicodeScalars.append(scalar == "\\" ? try text.escaped(others: "\"\\[]/'") : scalar)
    }
    guard text.take("\"") else { throw text.unexpected("'\"'") }
    return rules.grammar.text(value)
  }

  /// Reads a set of characters, from behind its bracket.
  private mutating func characters() throws(GrammarError) -> CodePointSet {
    let isInverse = text.take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while let first = text.next, first != "]" {
      let place = text.position
      let low = try character()
      guard text.next == "-", text.position + 1 < text.scalars.count, text.scalars[text.position + 1] != "]" else {
        ranges.append(low...low)
        continue
      }
      text.position += 1
      let high = try character()
      guard low <= high else { throw text.error("the ends of a range are out of order", at: place) }
      ranges.append(low...high)
    }
    guard text.take("]") else { throw text.unexpected("']'") }
    let set = CodePointSet(ranges)
    return isInverse ? set.inverse : set
  }

  private mutating func character() throws(GrammarError) -> UInt32 {
    guard let scalar = text.next else { throw text.unexpected("']'") }
    text.position += 1
    return scalar == "\\" ? try text.escaped(others: "\"\\[]-^/'").value : scalar.value
  }

  /// Reads how often the part before may stand there; `nil` where nothing says so.
  private mutating func counts() throws(GrammarError) -> (Int, Int?)? {
    if text.take("*") { return (0, nil) }
    if text.take("+") { return (1, nil) }
    if text.take("?") { return (0, 1) }
    let place = text.position
    guard text.take("{") else { return nil }
    text.skipSpace(lines: false)
    guard let least = try text.count() else { throw text.unexpected("a number") }
    text.skipSpace(lines: false)
    var most: Int? = least
    if text.take(",") {
      text.skipSpace(lines: false)
      most = try text.count()
      text.skipSpace(lines: false)
    }
    guard text.take("}") else { throw text.unexpected("'}'") }
    if let most, most < least { throw text.error("{\(least),\(most)} is out of order", at: place) }
    return (least, most)
  }
}
