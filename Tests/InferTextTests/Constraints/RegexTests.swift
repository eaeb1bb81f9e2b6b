import InferText
import Testing

/// Texts held against regular expressions and choices.
@Suite struct RegexTests {
  @Test(arguments: [
    ("[a-z]+@[a-z]+\\.(com|org)", ["a@b.com", "xy@z.org"], ["a@b.net", "@b.com", "a@b.comm"]),
    ("\\d{3}-\\d{4}", ["555-1234"], ["5555-123", "555-12345"]), ("(ab|cd)*", ["", "abcdab"], ["abc"]),
    ("a.c", ["abc", "aüc"], ["a\nc", "ac"]), ("(?=.*\\d)[a-z0-9]{2,4}", ["a1", "12ab"], ["ab", "a1b2c"]),
    ("(?!foo)\\w+", ["fo", "bar"], ["foo", "foobar"]), ("[^\\s]+", ["x-y"], ["x y", ""]),
    ("^abc$", ["abc"], ["ab", "abcd"]), ("\\u00e9|\\x41", ["é", "A"], ["e"]), ("x{0,2}y?", ["", "xxy"], ["xxx"]),
    ("a{1,2}b|a{3,4}b|a{6,}b", ["ab", "aaab", "aaaab", "aaaaaab", "aaaaaaaab"], ["b", "aaaaab"]),
    ("^(?:(?!ab).)*$", ["", "ba", "xa"], ["ab", "xabx"]), ("(?:(?=a)..|b)*", ["", "axb", "bab"], ["xb", "ba"]),
    ("(?:(?!a)\\w|a(?=b)){2,3}b*", ["cab", "abb", "cdeb"], ["caa", "b", "abac"]),
    ("(?:^a|b)+", ["ab", "bb"], ["aa", "ba"]),
    ("a?^b", ["b"], ["ab"]), ("(?:^)*b(?:$)+", ["b"], ["ab", ""]), ("(?:a$|b)*", ["bba", "ba"], ["ab", "aa"]),
    ("(?:(?:(?!x).)*,)*y", ["a,,b,y"], ["ax,y"]),
    ("\\bfoo\\b[ -]?\\w*", ["foo", "foo-bar"], ["foobar"]), ("\\w+\\b.*", ["a b", "ab"], ["-a", ""]),
    ("a\\Bb|é\\B ?", ["ab", "é", "é "], ["b"]), ("(?:\\b\\w+\\b ?)+", ["one two", "x "], ["one  two", " x"]),
    ("(\\w?\\b-?){3}x", ["a-x", "x"], ["aax", "ax"]), ("\\p{Letter}\\P{L}\\p{gc=Nd}", ["é-1", "字 ٣"], ["1-1", "éé1"]),
    ("\\p{Script=Greek}+\\p{scx=Deva}?[\\p{ASCII}\\p{Emoji}]", ["αx", "α।🙂"], ["ax", "αé"]),
    ("(?<a>b)|(?<a>c)(?P<été>d)(?<$\\u0061>e)", ["b", "cde"], ["c"]), ("a{2}?b{,3}c{", ["aab{,3}c{"], ["ab"]),
    ("(a{1,2}\\.){1,2}b|(a{2,3}\\.){2,3}b", ["a.b", "aa.aaa.b", "aaa.aaa.aa.b"], ["aaa.b", "a.aaa.b", "a.a.a.b"]),
  ])
  func matches(_ pattern: String, _ accepted: [String], _ refused: [String]) throws {
    let constraint = try Constraint(regex: pattern, for: .bytes)
    for text in accepted { #expect(constraint.accepts(text), "\(text)") }
    for text in refused { #expect(!constraint.accepts(text), "\(text)") }
  }

  @Test(arguments: [
    "(a", "a{2,1}", "[b-a]", "(a)\\1", "(?<=a)b", "[a&&b]{99999999999999999999}", "(?=a)b",
    "a{2}{3}", "a?{2}", "a**", "a{2}?{3}", "{2}", "^{2}", "\\b+", "\\07", "\\00", "[\\07]", "(?<>b)", "(?<1a>b)",
    "(?<a>b)(?<a>c)",
    "(?<a", "(?<a b>c)", "\\p{Greek}", "\\p{letter}", "\\p{Script=Nowhere}", "\\p{sc=greek}", "\\p{Lu", "\\p{L&}",
    "\\p{Xan}",
    "(?:\\b.){1001}", "\\ud800",
  ])
  func refuses(_ pattern: String) {
    let error = #expect(throws: ConstraintError.self) { try Constraint(regex: pattern, for: .bytes) }
    #expect(error?.reason.hasPrefix("regex: ") == true)
  }

  /// Nested repetitions, with which engines that go back take for ever.
  @Test func isLinear() throws {
    let constraint = try Constraint(regex: "(a+)+(a|aa)*b", for: .bytes)
    #expect(!constraint.accepts(String(repeating: "a", count: 5000)))
    #expect(constraint.accepts(String(repeating: "a", count: 5000) + "b"))
  }

  /// Counts within counts, of which every beginning of a text can be read in many ways.
  @Test func countsCounts() throws {
    let constraint = try Constraint(regex: "(?=.{1,255}$)(.{1,63}\\.){1,127}(?![0-9]*$)[a-z0-9-]+\\.?", for: .bytes)
    #expect(constraint.accepts(String(repeating: "a.", count: 100) + "b"))
    #expect(!constraint.accepts(String(repeating: "a.", count: 100) + "1"))
    #expect(!constraint.accepts(String(repeating: "a.", count: 128)))
  }

  @Test func choosesOneOfSomeTexts() throws {
    let constraint = try Constraint(choice: ["yes", "no", "", "nö"], for: .bytes)
    for text in ["yes", "no", "", "nö"] { #expect(constraint.accepts(text)) }
    for text in ["y", "nono", "n"] { #expect(!constraint.accepts(text)) }
    #expect(throws: ConstraintError.self) { try Constraint(choice: [], for: .bytes) }
  }
}
