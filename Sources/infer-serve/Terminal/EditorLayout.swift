/// An entry under way as rows of a terminal.
struct EditorLayout: Equatable {
  /// The rows, none wider than the terminal.
  private(set) var rows = [""]
  /// The place of the cursor.
  private(set) var cursorRow = 0
  private(set) var cursorColumn = 0

  private let columns: Int
  private var width = 0

  /// - Parameters:
  ///   - prompt: Stands before the first line.
  ///   - continuation: Stands before the others.
  ///   - columns: The terminal's width.
  init(_ buffer: EditBuffer, prompt: String, continuation: String, columns: Int) {
    self.columns = max(4, columns)
    add(prompt, continuation)
    add(buffer.before, continuation)
    // The cursor has no place behind the last column.
    if width == self.columns { breakRow() }
    (cursorRow, cursorColumn) = (rows.count - 1, width)
    add(buffer.after, continuation)
  }

  private mutating func add(_ text: String, _ continuation: String) {
    for character in text {
      if character.isNewline {
        breakRow()
        for character in continuation { add(String(character), character.columns) }
      } else if character == "\t" {
        for _ in 0..<4 { add(" ", 1) }
      } else {
        let shown = TerminalText.shown(String(character))
        add(shown, shown.columns)
      }
    }
  }

  private mutating func add(_ text: String, _ count: Int) {
    if width + count > columns { breakRow() }
    rows[rows.count - 1] += text
    width += count
  }

  private mutating func breakRow() {
    rows.append("")
    width = 0
  }

  /// The same with the cursor at the end.
  func atEnd() -> EditorLayout {
    var copy = self
    (copy.cursorRow, copy.cursorColumn) = (rows.count - 1, width)
    return copy
  }
}

/// Draws entries, each over the one before.
struct EditorDisplay {
  /// The row of the cursor among those that are shown.
  private var row = 0

  /// The bytes that have the terminal show a layout. Of more rows than it has, those around the cursor are shown.
  mutating func draw(_ layout: EditorLayout, height: Int) -> String {
    let height = max(1, height)
    let first = max(0, min(layout.cursorRow - height / 2, layout.rows.count - height))
    let rows = layout.rows[first..<min(layout.rows.count, first + height)]
    var output = "\r" + Self.up(row) + "\u{1B}[J" + rows.joined(separator: "\r\n")
    row = layout.cursorRow - first
    output += Self.up(rows.count - 1 - row) + "\r"
    if layout.cursorColumn > 0 { output += "\u{1B}[\(layout.cursorColumn)C" }
    return output
  }

  private static func up(_ count: Int) -> String { count > 0 ? "\u{1B}[\(count)A" : "" }
}
