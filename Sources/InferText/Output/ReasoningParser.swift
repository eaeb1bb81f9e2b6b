/// Splits generated text into reasoning and content, piece by piece.
///
/// Reasoning stands between two tags at the very beginning of the text, where only white space may precede it, or
/// begins at once when the prompt ended with an open start tag. Line breaks around it and before the content are
/// dropped. Anywhere else the tags are text. Reasoning that never ends stays reasoning. How the text is cut into
/// pieces makes no difference.
package struct ReasoningParser: Sendable {
  /// A stretch of text and what it is.
  package enum Piece: Sendable, Equatable {
    /// A part of the reasoning.
    case reasoning(String)
    /// A part of the answer.
    case content(String)
  }

  private enum State { case beginning, reasoningStart, reasoning, contentStart, content }

  private let startTag: [UInt8]
  private let endTag: [UInt8]
  private var state: State
  private var text = PendingText()
  /// Line breaks at the end of the reasoning so far, which belong to it if it goes on.
  private var lineBreaks = ""

  /// - Parameters:
  ///   - startTag: Opens the reasoning; not empty.
  ///   - endTag: Closes the reasoning; not empty.
  ///   - prompt: The rendered prompt. When it ends with `startTag`, but for white space, the text begins inside the
  ///     reasoning.
  package init(startTag: String = "<think>", endTag: String = "</think>", prompt: String = "") {
    precondition(!startTag.isEmpty && !endTag.isEmpty, "reasoning tags are empty: \"\(startTag)\", \"\(endTag)\"")
    self.startTag = Array(startTag.utf8)
    self.endTag = Array(endTag.utf8)
    state = Self.openEnd(of: prompt, startTag: startTag) == nil ? .beginning : .reasoningStart
  }

  /// The white space behind the open start tag that a prompt ends with; `nil` for a prompt that does not.
  static func openEnd(of prompt: String, startTag: String) -> String? {
    let space = prompt.utf8.reversed().prefix { $0.isJSONSpace }.count
    guard prompt.utf8.dropLast(space).reversed().starts(with: startTag.utf8.reversed()) else { return nil }
    return String(decoding: prompt.utf8.suffix(space), as: UTF8.self)
  }

  /// Takes the next piece of text and returns what is certain by now, in order and without empty pieces.
  package mutating func append(_ text: String) -> [Piece] { appendPlaced(text).map(\.piece) }

  /// Ends the text: returns what was held back.
  package mutating func finish() -> [Piece] { finishPlaced().map(\.piece) }

  /// A piece and how many bytes of the text stand before it.
  typealias Placed = (piece: Piece, offset: Int)

  mutating func appendPlaced(_ text: String) -> [Placed] {
    self.text.append(text)
    return read()
  }

  mutating func finishPlaced() -> [Placed] {
    text.isComplete = true
    return read()
  }

  /// The whole text at once; `reasoning` is nil when there is none.
  package static func split(
    _ text: String, startTag: String = "<think>", endTag: String = "</think>", prompt: String = ""
  ) -> (reasoning: String?, content: String) {
    var parser = ReasoningParser(startTag: startTag, endTag: endTag, prompt: prompt)
    var reasoning: String?
    var content = ""
    for piece in parser.append(text) + parser.finish() {
      switch piece {
      case .reasoning(let text): if reasoning?.append(text) == nil { reasoning = text }
      case .content(let text): content += text
      }
    }
    return (reasoning, content)
  }

  private mutating func read() -> [Placed] {
    var pieces: [Placed] = []
    while step(&pieces) { text.mark() }
    return pieces
  }

  /// Goes on as far as one state leads; false when more text is needed.
  private mutating func step(_ pieces: inout [Placed]) -> Bool {
    switch state {
    case .beginning:
      let space = text.leadingSpace
      switch text.match(startTag, at: space) {
      case .possible: return false
      case .absent: state = .content
      case .found:
        text.skip(space + startTag.count)
        state = .reasoningStart
      }
    case .reasoningStart, .contentStart:
      while let byte = text.first, byte.isLineBreak { text.skip(1) }
      if text.isEmpty { return false }
      state = state == .reasoningStart ? .reasoning : .content
    case .reasoning: return stepReasoning(&pieces)
    case .content:
      guard !text.isEmpty else { return false }
      let offset = text.offset
      pieces.append((.content(text.take(text.count)), offset))
    }
    return true
  }

  private mutating func stepReasoning(_ pieces: inout [Placed]) -> Bool {
    let (end, match, _) = text.search([endTag])
    let trailing = text.lineBreaksBefore(end)
    if trailing < end {
      let offset = text.offset - lineBreaks.utf8.count
      pieces.append((.reasoning(lineBreaks + text.take(end - trailing)), offset))
      lineBreaks = ""
    }
    lineBreaks += text.take(trailing)
    guard match == .found else {
      text.mark()
      return false
    }
    text.skip(endTag.count)
    state = .contentStart
    return true
  }
}

extension PendingText {
  /// How many of the first `count` bytes are line breaks at their end.
  fileprivate func lineBreaksBefore(_ count: Int) -> Int {
    (0..<count).reversed().prefix { self[$0].isLineBreak }.count
  }
}

extension UInt8 {
  fileprivate var isLineBreak: Bool { self == 0x0A || self == 0x0D }
}
