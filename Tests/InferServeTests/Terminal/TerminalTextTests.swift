import Testing

@testable import infer_serve

struct TerminalTextTests {
  @Test(arguments: [
    ("plain 雞\n\ttext", "plain 雞\n\ttext"), ("\u{1B}[31mred\u{1B}]0;title\u{07}", "␛[31mred␛]0;title␇"),
    ("a\r\nb\rc", "a\nbc"), ("\u{9B}31m\u{7F}\u{0}", "\u{FFFD}31m␡␀"), ("\u{202E}abc\u{2069}", "\u{FFFD}abc\u{FFFD}"),
  ])
  func nothingThatATerminalObeysIsShown(_ text: String, _ shown: String) {
    #expect(TerminalText.shown(text).unicodeScalars.elementsEqual(shown.unicodeScalars))
  }

  @Test func linesAreOne() { #expect(TerminalText.line("a\n\u{1B}b\r\nc") == "a ␛b c") }

  @Test(arguments: [
    ("a", 1), ("é", 1), ("e\u{301}", 1), ("雞", 2), ("ｱ", 1), ("！", 2), ("😀", 2), ("👨‍👩‍👧", 2), ("🇹🇼", 2), ("❤\u{FE0F}", 2),
    ("❤", 1),
    ("한", 2), ("\u{200B}", 0), ("→", 1),
  ])
  func charactersHaveColumns(_ text: String, _ columns: Int) { #expect(text.columns == columns, "\(text)") }

  @Test func textIsCutAndPaddedByColumns() {
    let text = "混元a模e\u{301}"
    let cut = (0...8).map { String(text.prefix(columns: $0)) }
    #expect(cut == ["", "", "混", "混", "混元", "混元a", "混元a", "混元a模", text])
    #expect(text.padded(toColumns: 10) == text + "  " && text.padded(toColumns: 3) == text)
  }
}
