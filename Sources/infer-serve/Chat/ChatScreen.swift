import InferCore

/// Shows a chat: answers as they come on a terminal, or answers alone in a file or pipe.
final class ChatScreen: Sendable {
  /// Where the chat is shown.
  enum Style: Sendable {
    case terminal(isColored: Bool)
    /// Nothing but answers on standard output; all else goes to standard error, and reasoning nowhere.
    case plain
  }

  /// The part of the answer under way that was shown last.
  private struct State {
    var isReasoning: Bool?
    /// Whether any text of this part was shown.
    var hasText = false
    var isAtLineStart = true
    var isBroken = false
  }

  private let style: Style
  private let state = Monitor(State())

  init(_ style: Style) { self.style = style }

  /// The style for standard output, with `NO_COLOR` (no-color.org) heeded.
  static func style(isTerminal: Bool, _ environment: [String: String]) -> Style {
    isTerminal ? .terminal(isColored: environment["NO_COLOR", default: ""].isEmpty) : .plain
  }

  /// Shows a part of an answer. Empty lines before the first text are left out.
  func take(_ part: ChatPart) throws(CommandFailure) {
    let output = state.withLock { state in
      switch part {
      case .reasoning(let text): write(text, isReasoning: true, &state)
      case .content(let text): write(text, isReasoning: false, &state)
      }
    }
    try put(output)
  }

  /// Shows the end of an answer.
  func end() throws(CommandFailure) {
    let output = state.withLock { state in
      let output = close(&state)
      state = State(isBroken: state.isBroken)
      return output
    }
    try put(output)
  }

  /// Shows a line of the program's own.
  func tell(_ text: String) throws(CommandFailure) {
    let text = TerminalText.shown(text)
    switch style {
    case .plain: note(text)
    case .terminal(let isColored): try put((isColored ? "\u{1B}[2m\(text)\u{1B}[0m" : text) + "\n")
    }
  }

  /// Shows an error.
  func complain(_ text: String) throws(CommandFailure) {
    switch style {
    case .plain: note("infer-serve: \(TerminalText.line(text))")
    case .terminal(let isColored):
      let text = TerminalText.line(text)
      try put((isColored ? "\u{1B}[31m\(text)\u{1B}[0m" : text) + "\n")
    }
  }

  /// `true` when standard output takes nothing any more.
  var isBroken: Bool { state.withLock { $0.isBroken } }

  private func put(_ text: String) throws(CommandFailure) {
    do { try emit(text) } catch {
      state.withLock { $0.isBroken = true }
      throw error
    }
  }

  private func write(_ text: String, isReasoning: Bool, _ state: inout State) -> String {
    guard case .terminal(let isColored) = style else {
      guard !isReasoning else { return "" }
      state.isReasoning = false
      state.isAtLineStart = text.last.map(\.isNewline) ?? state.isAtLineStart
      state.hasText = true
      return text
    }
    var output = ""
    if state.isReasoning != isReasoning {
      if state.isReasoning != nil { output += close(&state) + "\n" }
      state = State(isReasoning: isReasoning, isBroken: state.isBroken)
    }
    var text = TerminalText.shown(text)
    if !state.hasText { text = String(text.drop(while: \.isNewline)) }
    guard let last = text.last else { return output }
    if !state.hasText, isReasoning { output += isColored ? "\u{1B}[2m" : "(thinking)\n" }
    if !state.hasText, !isReasoning, !isColored, !output.isEmpty { output += "(answer)\n" }
    state.hasText = true
    state.isAtLineStart = last.isNewline
    return output + text
  }

  /// Ends the line and the style.
  private func close(_ state: inout State) -> String {
    guard state.hasText || isPlain else { return "" }
    var output = state.isAtLineStart && state.hasText ? "" : "\n"
    if case .terminal(isColored: true) = style { output += "\u{1B}[0m" }
    return output
  }

  private var isPlain: Bool { if case .plain = style { true } else { false } }
}
