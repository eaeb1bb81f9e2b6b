import InferText
import Testing

/// Texts held against context-free grammars.
@Suite struct GrammarTests {
  struct Case: CustomTestStringConvertible {
    let grammar: String
    let accepted: [String]
    let refused: [String]
    var testDescription: String { grammar }
  }

  /// Rules each of which is the next one twice.
  static func doubling(_ count: Int) -> String {
    let rules = (0..<count).map { "r\($0) ::= r\($0 + 1) r\($0 + 1)\n" }.joined()
    return "root ::= r0\n\(rules)r\(count) ::= \"a\""
  }

  static let cases = [
    // Nothing but a language.
    Case(
      grammar: "root ::= \"yes\" | \"no\" (\",\" ws root)?  # either\nws ::= [ \\t]*",
      accepted: ["yes", "no, yes", "no,no"],
      refused: ["", "yes,no", "no,"]),
    // Nested.
    Case(
      grammar: "root ::= expr\nexpr ::= term ([-+] term)*\nterm ::= [0-9]{1,3} | \"(\" expr \")\"",
      accepted: ["1", "(1+2)-33", "((((7))))"], refused: ["(1", "1)", "1234", "()", "1+"]),
    // Left recursion, with what may be empty before it.
    Case(
      grammar: "root ::= sum\nsum ::= sum \"+\" item | item\nitem ::= gap \"x\"\ngap ::= gap \"-\" | \"\"",
      accepted: ["x", "x+x", "--x+-x+x"], refused: ["+x", "x+", "xx", "-"]),
    // Rules that call each other from the left.
    Case(
      grammar: "root ::= a\na ::= b \"1\" | \"0\"\nb ::= a \"2\" | \"3\"", accepted: ["0", "31", "021", "3121"],
      refused: ["1", "02", "3"]),
    // Recursion in the middle, and two ways at each step.
    Case(
      grammar: "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\"", accepted: ["", "ab", "aacb", "aaabcb"],
      refused: ["a", "abb", "ba"]),
    // Recursion at the end, ambiguous throughout.
    Case(grammar: "root ::= \"a\" root | \"aa\" root | \"a\"", accepted: ["a", "aaaa"], refused: ["", "ab"]),
    Case(
      grammar: "root ::= s s\ns ::= \"(\" s \")\" s | \"\"", accepted: ["", "()", "(())()"], refused: [")", "(()"]),
    // A rule from which nothing can be made takes with it what it is a part of.
    Case(grammar: "root ::= \"a\" | \"ab\" never\nnever ::= \"x\" never", accepted: ["a"], refused: ["ab", "abx"]),
    // Repetitions of what nests, within each other.
    Case(
      grammar: "root ::= (p* \";\"){2,3}\np ::= \"[\" p* \"]\"", accepted: [";;", "[][[]];;", ";[];;"],
      refused: [";", ";;;;", "[;]"]),
    Case(
      grammar: "root ::= [^\"\\\\\\n] \"\\x41\\u00e9\" . [a\\-\\]]", accepted: ["üAéx]", "xAé\n-"],
      refused: ["\"Aéxa", "xAéxb"]),
    Case(
      grammar: """
        start: greeting ("," NAME)+ "!"
        ?greeting: "hello"i
          | "good" ("morning" | "evening" -> late)
        NAME.2: /[A-Z][a-z]*/
        %import common.WS
        %ignore WS
        """, accepted: ["Hello,Ann!", "good  evening , Bob,\nCy ! "], refused: ["good,Ann!", "hello!", "hello,ann!"]),
    Case(
      grammar: """
        start: sum
        sum: product | sum "+" product
        product: atom ~ 1..2 | product "*" atom
        atom: NUMBER | "-" atom | "(" sum ")" | ["$"] "a".."c"
        %import common (NUMBER, WS_INLINE)
        %ignore WS_INLINE
        """, accepted: ["1+2*3", "-(a + 2.5e3) * $b", "1 2"], refused: ["", "1 2 3", "+1", "d", "$1"]),
    Case(
      grammar: "start: \"call(\" %json {\"type\": \"object\", \"required\": [\"a}\"]} \")\" /x.y/s",
      accepted: [#"call({"a}": 1})x"# + "\ny"], refused: ["call({})xzy", #"call({"a}": 1}xzy"#]),
  ]

  @Test(arguments: cases) func accepts(_ each: Case) throws {
    let constraint = try Constraint(grammar: each.grammar, for: .bytes)
    for text in each.accepted { #expect(constraint.accepts(text), "\(text)") }
    for text in each.refused { #expect(!constraint.accepts(text), "\(text)") }
  }

  @Test(arguments: [
    ("root ::= a", "line 1, column 10: there is no rule 'a'"), ("a ::= \"x\"", "there is no rule 'root'"),
    ("root ::= \"x\"\nroot ::= \"y\"", "line 2, column 1: rule 'root' is defined twice"),
    ("root ::= \"x", "line 1, column 12: expected '\"', not the end"),
    ("root ::= (\"x\"", "expected ')', not the end"), ("root ::= [b-a]", "the ends of a range are out of order"),
    ("root ::= \"x\"{3,1}", "{3,1} is out of order"), ("root ::= \"x\"{9999999999}", "more than 100000 repetitions"),
    ("root ::= \"\\q\"", "unknown escape '\\q'"), ("root ::= <think>", "tokens are not supported"),
    ("root ::= root", "no text can be made from the rule root: it always needs itself again"),
    ("root ::= \"x\" a\na ::= b \"y\"\nb ::= \"z\" b", "no text can be made from the rule b: it always needs itself"),
    (doubling(20), "it is too large"),
    ("root ::= (x x){100000}\nx ::= \"(\" x \")\" | \"\"", "it is too large"),
    ("root ::= \"\\ud800\"", "hexadecimal"), ("start: _sep{a, b}", "templates are not supported"),
    ("start: A\n%declare A", "'%declare' is not supported"),
    ("start: A\n%import python.NAME", "only terminals of 'common'"),
    ("start: /a(?<=b)/", "line 1, column 8"), ("start: /a/x", "flag 'x' is not supported"),
    ("start: %json {\"$dynamicRef\": \"#a\"}", "the schema cannot be held"),
    ("start: A\nA: b\nb: \"x\"", "rule 'b'"),
    ("", "there is no rule 'start'"),
  ])
  func refuses(_ grammar: String, _ reason: String) {
    let error = #expect(throws: ConstraintError.self) { try Constraint(grammar: grammar, for: .bytes) }
    #expect(error?.reason.hasPrefix("grammar: ") == true)
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
  }

  /// Deep nesting, long lists, and many ways to read a text take time in proportion to the text.
  /// Behind JSON in a text there is white space for a while, and then the text goes on.
  @Test func whiteSpaceBehindJSONEnds() throws {
    let constraint = try Constraint(grammar: #"start: "<" %json {"type":"boolean"} ">""#, for: .bytes)
    for (count, isTaken) in [(0, true), (100, true), (101, false), (5000, false)] {
      #expect(constraint.accepts("<true" + String(repeating: " ", count: count) + ">") == isTaken, "\(count)")
    }
  }

  @Test func followsLongTexts() throws {
    let nested = try Constraint(grammar: "root ::= \"(\" root \")\" | \"\"", for: .bytes)
    #expect(nested.accepts(String(repeating: "(", count: 1000) + String(repeating: ")", count: 1000)))
    let ambiguous = try Constraint(grammar: "root ::= root root | \"a\" root? | \"\"", for: .bytes)
    #expect(ambiguous.accepts(String(repeating: "a", count: 60)))
    let list = try Constraint(
      grammar: "root ::= item \",\" root | item\nitem ::= \"[\" root \"]\" | \"x\"", for: .bytes)
    #expect(list.accepts(Array(repeating: "x", count: 3000).joined(separator: ",")))
  }
}
