import Foundation
import Testing

@testable import infer_serve

struct LineEditorTests {
  private func keys(_ bytes: String) -> [Key] { keys(Array(bytes.utf8)) }

  private func keys(_ bytes: [UInt8]) -> [Key] {
    var decoder = KeyDecoder()
    return bytes.compactMap { decoder.take($0) }
  }

  /// What an editor holds after keys, with `|` for the cursor, and what they led to last.
  private func type(
    _ bytes: String, _ editor: inout LineEditor
  ) -> (text: String, outcome: LineEditor.Outcome?) {
    var outcome: LineEditor.Outcome?
    for key in keys(bytes) { outcome = editor.take(key) }
    return (editor.buffer.before + "|" + editor.buffer.after, outcome)
  }

  private func type(_ bytes: String) -> String {
    var editor = LineEditor(history: LineHistory())
    return type(bytes, &editor).text
  }

  @Test func bytesAreKeys() {
    #expect(keys("a雞\r\n\t\u{7F}") == [.characters("a"), .characters("雞"), .enter, .enter, .tab, .backspace])
    #expect(
      keys("\u{1B}[A\u{1B}OB\u{1B}[1;5C\u{1B}[1;3D\u{1B}[H\u{1B}[4~") == [
        .up, .down, .wordRight, .wordLeft, .home, .end,
      ])
    #expect(keys("\u{1B}\r\u{1B}[13;2u\u{1B}[27;2;13~") == [.newline, .newline, .newline])
    #expect(keys("\u{1B}[200~a\rb\u{1B}[Ac\r\nd\u{1B}[201~e") == [.paste("a\nb\u{1B}[Ac\nd"), .characters("e")])
    // A character that breaks off, and bytes of none.
    #expect(keys([0xE9, 0x41, 0xFF, 0x42]) == [.characters("\u{FFFD}"), .characters("\u{FFFD}"), .characters("B")])
    // Sequences that no key has are none, however long.
    #expect(keys("\u{1B}[99~\u{1B}[?1;2cx") == [.characters("x")])
    #expect(keys("\u{1B}[" + String(repeating: "1;", count: 40) + "Ax").last == .characters("x"))
  }

  @Test func anEscapeAloneIsNoKey() {
    var decoder = KeyDecoder()
    #expect(decoder.take(0x1B) == nil && decoder.isWaiting)
    decoder.giveUpWaiting()
    #expect(decoder.take(0x41) == .characters("A"))
  }

  @Test func pastesThatAreTooLongEnd() {
    let text = String(repeating: "x", count: KeyDecoder.pasteLimit + 100)
    guard case .paste(let pasted) = keys("\u{1B}[200~\(text)\u{1B}[201~").last else {
      Issue.record("no paste")
      return
    }
    #expect(pasted.utf8.count > KeyDecoder.pasteLimit - 10 && pasted.utf8.count <= KeyDecoder.pasteLimit)
    #expect(pasted.allSatisfy { $0 == "x" })
  }

  @Test(arguments: [
    ("abc\u{01}x\u{05}y", "xabcy|"), ("abc\u{02}\u{02}\u{7F}", "|bc"), ("abc\u{1B}[D\u{1B}[3~", "ab|"),
    ("one two\u{17}x", "one x|"), ("one two\u{1B}b\u{0B}", "one |"), ("one two\u{15}\u{19}\u{19}", "one twoone two|"),
    ("one two\u{1B}b\u{1B}b\u{1B}d", "| two"), ("e\u{301}x\u{7F}\u{7F}", "|"), ("雞兔\u{1B}[D鴨", "雞鴨|兔"),
    ("ab\u{1B}\rcd\u{1B}[A!", "ab!|\ncd"), ("abc\u{1B}\rd\u{1B}[A\u{1B}[B!", "abc\nd!|"),
    ("abc\u{1B}\rd\u{01}\u{0B}x", "abc\nx|"), ("ab\u{1B}[200~c\nd\u{1B}[201~\u{1B}[D", "abc\n|d"),
  ])
  func keysEdit(_ bytes: String, _ expected: String) { #expect(type(bytes) == expected) }

  @Test func entriesComeAgain() {
    var editor = LineEditor(history: LineHistory())
    #expect(type("one\r", &editor).outcome == .submitted("one"))
    _ = type("one\rtwo\r", &editor)
    #expect(editor.history.entries == ["one", "two"])
    #expect(type("draft\u{1B}[A", &editor).text == "two|")
    #expect(type("\u{10}", &editor).text == "one|")
    #expect(type("\u{1B}[A", &editor).text == "one|")
    #expect(type("\u{1B}[B\u{1B}[B", &editor).text == "draft|")
    #expect(type("\u{1B}[B", &editor).text == "draft|")
  }

  @Test func controlKeysEndEntries() {
    var editor = LineEditor(history: LineHistory())
    #expect(type("abc\u{03}", &editor).outcome == .interrupted(wasEmpty: false))
    #expect(type("\u{03}", &editor).outcome == .interrupted(wasEmpty: true))
    #expect(type("a\u{01}\u{04}", &editor) == ("|", .editing))
    #expect(type("\u{04}", &editor).outcome == .ended)
    #expect(type("\u{1A}", &editor).outcome == .suspended)
  }

  @Test func incompleteEntriesGoOn() {
    var editor = LineEditor(history: LineHistory(), isComplete: ChatInput.isComplete)
    #expect(type("a\\\r", &editor) == ("a\\\n|", .editing))
    #expect(type("b\r", &editor).outcome == .submitted("a\\\nb"))
    #expect(type("\"\"\"a\rb\r\"\"\"\r", &editor).outcome == .submitted("\"\"\"a\nb\n\"\"\""))
  }

  @Test func commandsAreCompleted() {
    var editor = LineEditor(history: LineHistory(), words: ["/save", "/set", "/stats", "/undo"])
    #expect(type("/u\t", &editor).text == "/undo |")
    #expect(type("\u{15}/sa\t", &editor).text == "/save |")
    #expect(type("\u{15}/s\t", &editor).text == "/s|")
    #expect(type("\u{15}a\t", &editor).text == "a\t|")
  }

  @Test func historyOutlivesTheProgram() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "history-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "state/chat-history")
    var history = LineHistory(file: file)
    for entry in ["one", "two\nlines \\ and n\\n", "雞"] { history.append(entry) }
    #expect(LineHistory(file: file).entries == ["one", "two\nlines \\ and n\\n", "雞"])
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    // Bytes that are no text, and more entries than are kept.
    try Data([0xFF, 0x0A] + Array(String(repeating: "x\ny\n", count: 2000).utf8)).write(to: file)
    #expect(LineHistory(file: file).entries.count == LineHistory.limit)
    #expect(try Data(contentsOf: file).count == 2 * LineHistory.limit)
    #expect(LineHistory(file: folder).entries.isEmpty)
  }

  @Test func rowsAreNoWiderThanTheTerminal() {
    var buffer = EditBuffer()
    buffer.insert("雞兔同籠ab\nc\td\u{1B}[31m")
    _ = buffer.take(.left)
    let layout = EditorLayout(buffer, prompt: "> ", continuation: ". ", columns: 7)
    // A wide character that has half the room goes to the next row; a control character is shown.
    #expect(layout.rows == ["> 雞兔", "同籠ab", ". c    ", "d␛[31m"])
    #expect((layout.cursorRow, layout.cursorColumn) == (3, 5))
    #expect((layout.atEnd().cursorRow, layout.atEnd().cursorColumn) == (3, 6))
    buffer.set("12345")
    let full = EditorLayout(buffer, prompt: "> ", continuation: ". ", columns: 7)
    #expect(full.rows == ["> 12345", ""] && full.cursorRow == 1 && full.cursorColumn == 0)
  }

  @Test func entriesOfMoreRowsThanTheTerminalShowThoseAroundTheCursor() {
    var buffer = EditBuffer()
    buffer.insert((0..<30).map(String.init).joined(separator: "\n"))
    var display = EditorDisplay()
    let output = display.draw(EditorLayout(buffer, prompt: "", continuation: "", columns: 80), height: 4)
    #expect(output == "\r\u{1B}[J26\r\n27\r\n28\r\n29\r\u{1B}[2C")
    _ = buffer.moveUp()
    let next = display.draw(EditorLayout(buffer, prompt: "", continuation: "", columns: 80), height: 4)
    #expect(next == "\r\u{1B}[3A\u{1B}[J26\r\n27\r\n28\r\n29\u{1B}[1A\r\u{1B}[2C")
  }
}
