/// Edits one entry, which may have several lines.
struct LineEditor {
  /// The outcome of a key.
  enum Outcome: Equatable {
    case editing
    case submitted(String)
    /// Ctrl-C: the text is dropped; `true` when there was none.
    case interrupted(wasEmpty: Bool)
    /// Ctrl-D without a text.
    case ended
    case suspended
    case cleared
  }

  private(set) var buffer = EditBuffer()
  private(set) var history: LineHistory
  /// Words that a tab completes at the start of an entry.
  private let words: [String]
  /// Whether enter ends an entry, or begins another line of it.
  private let isComplete: (String) -> Bool

  init(history: LineHistory, words: [String] = [], isComplete: @escaping (String) -> Bool = { _ in true }) {
    self.history = history
    self.words = words
    self.isComplete = isComplete
  }

  mutating func take(_ key: Key) -> Outcome {
    switch key {
    case .enter:
      let text = buffer.text
      guard isComplete(text) else {
        buffer.set(text + "\n")
        return .editing
      }
      history.append(text)
      buffer = EditBuffer()
      return .submitted(text)
    case .up:
      if !buffer.moveUp(), let entry = history.previous(buffer.text) { buffer.set(entry) }
    case .down:
      if !buffer.moveDown(), let entry = history.next() { buffer.set(entry) }
    case .tab: complete()
    case .interrupt:
      let wasEmpty = buffer.isEmpty
      buffer = EditBuffer()
      history.leave()
      return .interrupted(wasEmpty: wasEmpty)
    case .endOfInput:
      if buffer.isEmpty { return .ended }
      _ = buffer.take(.delete)
    case .suspend: return .suspended
    case .clearScreen: return .cleared
    default: _ = buffer.take(key)
    }
    return .editing
  }

  /// Completes a word as far as all that begin so agree. Elsewhere a tab is a tab.
  private mutating func complete() {
    let found = words.filter { $0.hasPrefix(buffer.before) && !buffer.before.isEmpty }
    guard buffer.after.isEmpty, let first = found.first else {
      if !buffer.before.hasPrefix("/") { buffer.insert("\t") }
      return
    }
    let common = found.reduce(first) { $0.commonPrefix(with: $1) }
    buffer.set(found.count == 1 ? first + " " : common)
  }
}

extension String {
  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}
