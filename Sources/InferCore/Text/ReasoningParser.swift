/// Splits generated text into reasoning and content, piece by piece.
///
/// Reasoning stands between two tags at the very beginning of the text, where only white space may precede it, or
/// begins at once when the prompt ended with an open start tag. Line breaks around it and before the content are
/// dropped. Anywhere else the tags are text. Reasoning that never ends stays reasoning. How the text is cut into
/// pieces makes no difference.
public struct ReasoningParser: Sendable {
  /// A stretch of text and what it is.
  public enum Piece: Sendable, Equatable {
    /// A part of the reasoning.
    case reasoning(String)
    /// A part of the answer.
    case content(String)
  }

  private enum State { case beginning, reasoningStart, reasoning, contentStart, content }

  private let startTag: [UInt8]
  private let endTag: [UInt8]
  private var state: State
  /// Text that cannot be told apart yet: a possible tag, or line breaks that a tag may follow.
  private var pending: [UInt8] = []

  /// - Parameters:
  ///   - startTag: Opens the reasoning; not empty.
  ///   - endTag: Closes the reasoning; not empty.
  ///   - prompt: The rendered prompt. When it ends with `startTag`, but for white space, the text begins inside the
  ///     reasoning.
  public init(startTag: String = "<think>", endTag: String = "</think>", prompt: String = "") {
    precondition(!startTag.isEmpty && !endTag.isEmpty, "reasoning tags are empty: \"\(startTag)\", \"\(endTag)\"")
    self.startTag = Array(startTag.utf8)
    self.endTag = Array(endTag.utf8)
    let tail = prompt.utf8.reversed().drop(while: Self.isSpace)
    state = tail.starts(with: startTag.utf8.reversed()) ? .reasoningStart : .beginning
  }

  /// Takes the next piece of text and returns what is certain by now, in order and without empty pieces.
  public mutating func append(_ text: String) -> [Piece] {
    pending += text.utf8
    var pieces: [Piece] = []
    while step(&pieces) {}
    return pieces
  }

  /// Ends the text: returns what was held back.
  public mutating func finish() -> [Piece] {
    defer { pending = [] }
    switch state {
    case .beginning, .contentStart, .content: return take(pending.count).map { [.content($0)] } ?? []
    case .reasoningStart, .reasoning:
      return take(pending.count - pending.reversed().prefix(while: Self.isLineBreak).count).map { [.reasoning($0)] }
        ?? []
    }
  }

  /// The whole text at once; `reasoning` is nil when there is none.
  public static func split(
    _ text: String, startTag: String = "<think>", endTag: String = "</think>", prompt: String = ""
  ) -> (reasoning: String?, content: String) {
    var parser = ReasoningParser(startTag: startTag, endTag: endTag, prompt: prompt)
    var reasoning: String?
    var content = ""
    for piece in parser.append(text) + parser.finish() {
      switch piece {
      case .reasoning(let text): reasoning = (reasoning ?? "") + text
      case .content(let text): content += text
      }
    }
    return (reasoning, content)
  }

  /// Goes on as far as one state leads; false when more text is needed.
  private mutating func step(_ pieces: inout [Piece]) -> Bool {
    switch state {
    case .beginning:
      let rest = pending.drop(while: Self.isSpace)
      if rest.starts(with: startTag) {
        pending = Array(rest.dropFirst(startTag.count))
        state = .reasoningStart
      } else if startTag.starts(with: rest) {
        return false
      } else {
        state = .content
      }
    case .reasoningStart, .contentStart:
      pending.removeFirst(pending.prefix(while: Self.isLineBreak).count)
      if pending.isEmpty { return false }
      state = state == .reasoningStart ? .reasoning : .content
    case .reasoning: return stepReasoning(&pieces)
    case .content:
      if let text = take(pending.count) { pieces.append(.content(text)) }
      return false
    }
    return true
  }

  private mutating func stepReasoning(_ pieces: inout [Piece]) -> Bool {
    var position = 0
    while position < pending.count, !pending[position...].starts(with: endTag),
      !endTag.starts(with: pending[position...])
    {
      position += 1
    }
    let isComplete = pending[position...].starts(with: endTag)
    let lineBreaks = pending[..<position].reversed().prefix(while: Self.isLineBreak).count
    if let text = take(position - lineBreaks) { pieces.append(.reasoning(text)) }
    guard isComplete else { return false }
    pending.removeFirst(lineBreaks + endTag.count)
    state = .contentStart
    return true
  }

  /// Removes and returns the first `count` bytes; nil for none.
  private mutating func take(_ count: Int) -> String? {
    guard count > 0 else { return nil }
    defer { pending.removeFirst(count) }
    return String(decoding: pending[..<count], as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
  private static func isLineBreak(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
}
