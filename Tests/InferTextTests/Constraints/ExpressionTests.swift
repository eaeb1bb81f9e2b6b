import Testing

@testable import InferText

@Suite struct ExpressionTests {
  /// All texts of up to some length over a few characters.
  private static func texts(over alphabet: String, upTo length: Int) -> [String] {
    var all = [""]
    var last = [""]
    for _ in 0..<length {
      last = last.flatMap { text in alphabet.map { text + String($0) } }
      all += last
    }
    return all
  }

  /// Limits that a limit on the length makes idle are left out, and no text is gained or lost by it.
  @Test(arguments: [
    (#"^(?:.{1,2}\.){1,3}[a-b]+$"#, 7), (#"^(?:.{1,2}\.){1,3}[a-b]+$"#, 5), (#"^(?:a|b\.){0,4}$"#, 4),
    (#"^(?:(?:a\.){1,2}b){2,3}$"#, 7),
  ]) func limitsThatALengthMakesIdleChangeNothing(pattern: String, length: Int) throws {
    var automaton = ByteAutomaton()
    let language = try automaton.pool.search(pattern)
    let one = automaton.pool.character(of: .all)
    let short = automaton.pool.repetition(one, least: 0, most: length)
    let plain = automaton.pool.intersection([language, short])
    let bounded = automaton.pool.boundedIntersection([language, short])
    for text in Self.texts(over: "ab.", upTo: 8) {
      #expect(automaton.accepts(plain, text.utf8) == automaton.accepts(bounded, text.utf8), "\(text)")
    }
  }

  /// A count that a text can never reach is no part of the expressions behind it.
  @Test func idleLimitsAreLeftOut() throws {
    var automaton = ByteAutomaton()
    let bounded = try automaton.pool.search(#"^(?=.{1,20}$)(?:.{1,6}\.){1,10}[a-z]$"#)
    let free = try automaton.pool.search(#"^(?=.{1,20}$)(?:.{1,6}\.)+[a-z]$"#)
    #expect(bounded == free)
  }

  @Test(
    arguments: [
      ("^Abs$", ["Abs"]), ("^(?:a|bc)$", ["a", "bc"]), ("^[xy]z$", ["xz", "yz"]), ("^a*$", nil), ("^.$", nil),
    ] as [(String, [String]?)]) func textsOfFiniteLanguages(pattern: String, texts: [String]?) throws
  {
    var automaton = ByteAutomaton()
    let language = try automaton.pool.search(pattern)
    let found = automaton.pool.texts(of: language, upTo: 16)
    #expect(found.map { Set($0.map { String(decoding: $0, as: UTF8.self) }) } == texts.map { Set($0) })
  }
}
