/// Asks for entries on a terminal.
struct TerminalPrompt {
  /// The outcome of waiting for an entry.
  enum Entry: Equatable {
    case entered(String)
    /// Ctrl-C at an empty prompt.
    case interrupted
    /// Ctrl-D at an empty prompt, or a terminal that is gone.
    case ended
  }

  private let terminal: TerminalDevice
  private let prompt: String
  private let continuation: String
  private var editor: LineEditor
  private var decoder = KeyDecoder()
  /// The time in which a sequence that an escape begins goes on, in milliseconds.
  private static let patience: Int32 = 50

  init(_ terminal: TerminalDevice, prompt: String, continuation: String, editor: LineEditor) {
    self.terminal = terminal
    self.prompt = prompt
    self.continuation = continuation
    self.editor = editor
  }

  /// Waits for the next entry, on the thread that calls.
  mutating func next() throws(CommandFailure) -> Entry {
    terminal.set(.editing)
    defer { terminal.set(.quiet) }
    // What is pasted comes between marks.
    try emit("\u{1B}[?2004h")
    let entry = try edit()
    try emit("\u{1B}[?2004l")
    return entry
  }

  private mutating func edit() throws(CommandFailure) -> Entry {
    var display = EditorDisplay()
    try draw(&display)
    while true {
      let byte: UInt8
      switch terminal.read(within: decoder.isWaiting ? Self.patience : -1) {
      case .byte(let read): byte = read
      case .nothing:
        decoder.giveUpWaiting()
        continue
      case .end: return .ended
      }
      guard let key = decoder.take(byte) else { continue }
      let layout = layout().atEnd()
      switch editor.take(key) {
      case .editing: break
      case .submitted(let text):
        try emit(display.draw(layout, height: terminal.size.rows) + "\n")
        return .entered(text)
      case .interrupted(let wasEmpty):
        try emit(display.draw(layout, height: terminal.size.rows) + (wasEmpty ? "\n" : "^C\n"))
        if wasEmpty { return .interrupted }
        display = EditorDisplay()
      case .ended:
        try emit("\n")
        return .ended
      case .suspended:
        try emit("\u{1B}[?2004l\n")
        terminal.suspend()
        terminal.set(.editing)
        try emit("\u{1B}[?2004h")
        display = EditorDisplay()
      case .cleared:
        try emit("\u{1B}[H\u{1B}[2J")
        display = EditorDisplay()
      }
      // A paste without marks, or keys that came faster than they were read, are drawn once.
      if terminal.hasInput { continue }
      try draw(&display)
    }
  }

  private func layout() -> EditorLayout {
    EditorLayout(editor.buffer, prompt: prompt, continuation: continuation, columns: terminal.size.columns)
  }

  private func draw(_ display: inout EditorDisplay) throws(CommandFailure) {
    try emit(display.draw(layout(), height: terminal.size.rows))
  }
}
