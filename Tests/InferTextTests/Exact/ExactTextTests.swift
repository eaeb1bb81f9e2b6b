import InferText
import Testing

@Suite struct ExactTexts {
  /// Texts that Swift's strings take for equal.
  static let equivalents = [
    ("\u{3AF}", "\u{1F77}"), ("\u{387}", "\u{B7}"), ("\u{2126}", "\u{3A9}"), ("\u{212B}", "\u{C5}"), ("é", "e\u{301}"),
    ("\u{1E69}", "s\u{307}\u{323}"), ("\u{37E}", ";"), ("\u{212A}", "K"), ("각", "\u{1100}\u{1161}\u{11A8}"),
  ]

  @Test(arguments: equivalents) func equivalentTextsDiffer(_ first: String, _ second: String) {
    #expect(first == second)
    #expect(!first.isExactly(second))
    #expect(ExactText(first) != ExactText(second))
    #expect(Set([ExactText(first), ExactText(second)]).count == 2)
    #expect(!"a\(first)b".containsExactly(second))
    #expect(![first].containsExactly(second))
    var values: TextDictionary<Int> = [first: 1]
    #expect(values[second] == nil)
    values[second] = 2
    #expect(values.keys.map { Array($0.utf8) } == [Array(first.utf8), Array(second.utf8)])
    #expect(values.values == [1, 2])
  }

  /// A combining mark behind a prefix belongs to its last character, but the bytes are there.
  @Test func affixesGoByBytes() {
    #expect("<a\u{338}b".hasExactPrefix("<a"))
    #expect("<a\u{338}b".removing(exactPrefix: "<a")?.unicodeScalars.elementsEqual("\u{338}b".unicodeScalars) == true)
    #expect("x\u{301}".hasExactSuffix("\u{301}"))
    #expect("ab".removing(exactSuffix: "b") == "a")
    #expect("ab".removing(exactSuffix: "a") == nil)
    #expect(">\u{338}".containsExactly(">"))
  }

  @Test func dictionariesKeepTheirOrder() throws {
    var values: TextDictionary<Int> = ["b": 1, "a": 2, "b": 3]
    #expect(values.map(\.value) == [3, 2])
    values.updateValue(4, forKey: "c", insertingAt: 0)
    values["a", default: 0] += 5
    #expect(values == ["c": 4, "b": 3, "a": 7])
    #expect(values != ["b": 3, "c": 4, "a": 7])
    #expect(values.merging(["b": 9, "d": 1], uniquingKeysWith: +) == ["c": 4, "b": 12, "a": 7, "d": 1])
    #expect(values.removeValue(forKey: "b") == 3)
    #expect(values.mapValues(String.init) == ["c": "4", "a": "7"])
  }
}
