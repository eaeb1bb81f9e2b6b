import TestSupport
import Testing

@testable import InferText

@Suite struct StopStrings {
  @Test func holdsBackAPossiblePrefixOnly() {
    var matcher = StopStringMatcher(["\n\nUser:", "END"])
    #expect(matcher.append("Hi\n") == .init(text: "Hi", stopString: nil))
    #expect(matcher.append("\nUse") == .init(text: "", stopString: nil))
    #expect(matcher.append("ful EN") == .init(text: "\n\nUseful ", stopString: nil))
    #expect(matcher.append("D of it") == .init(text: "", stopString: "END"))
    #expect(matcher.append("more") == .init(text: "", stopString: "END"))
    #expect(matcher.finish() == "")
  }

  @Test func includesTheStopStringWhenAsked() {
    var matcher = StopStringMatcher(["."], includesStopString: true)
    #expect(matcher.append("One. Two.") == .init(text: "One.", stopString: "."))
  }

  @Test func finishReleasesWhatWasHeldBack() {
    var matcher = StopStringMatcher(["", "aab"])
    #expect(matcher.append("xaa").text == "x")
    #expect(matcher.finish() == "aa")
    var none = StopStringMatcher([])
    #expect(none.append("text") == .init(text: "text", stopString: nil))
  }

  @Test func canonicallyEquivalentTextIsNotTheStopString() {
    var matcher = StopStringMatcher(["\u{E9}"])
    #expect(matcher.append("cafe\u{301}!").stopString == nil)
  }

  /// The definition: the first end of any stop string, the longest of those that end there.
  private static func reference(_ text: String, _ stops: [String]) -> (text: String, stop: String?) {
    let bytes = Array(text.utf8)
    for end in bytes.indices {
      let found = stops.filter { bytes[...end].reversed().starts(with: $0.utf8.reversed()) }
      guard let stop = found.max(by: { $0.utf8.count < $1.utf8.count }) else { continue }
      return (String(decoding: bytes[..<(end + 1 - stop.utf8.count)], as: UTF8.self), stop)
    }
    return (text, nil)
  }

  @Test func findsTheSameHoweverTheTextIsCut() {
    var random = SeededGenerator(seed: 4)
    let letter = { (random: inout SeededGenerator) in ["a", "b", "é", "雞"].randomElement(using: &random) ?? "" }
    for _ in 0..<2000 {
      let text = (0..<12).map { _ in letter(&random) }
      let stops = (0..<3).map { _ in (0..<Int.random(in: 1...5, using: &random)).map { _ in letter(&random) }.joined() }
      let expected = Self.reference(text.joined(), stops)
      var matcher = StopStringMatcher(stops)
      var output = ""
      var stop: String?
      var rest = text[...]
      while !rest.isEmpty, stop == nil {
        let count = Int.random(in: 1...rest.count, using: &random)
        let piece = matcher.append(rest.prefix(count).joined())
        rest = rest.dropFirst(count)
        output += piece.text
        stop = piece.stopString
      }
      output += matcher.finish()
      #expect(output == expected.text && stop == expected.stop, "\(text.joined()) \(stops)")
    }
  }
}
