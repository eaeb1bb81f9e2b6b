/// Takes an answer apart into reasoning, content and calls of tools, piece by piece.
///
/// How the text is cut into pieces makes no difference to what the pieces of each kind are when joined. Where calls count
/// when they are complete, those that go wrong or break off are content. Where they count once their names are known, a
/// call that goes wrong stays without ``OutputPiece/callEnd``, and content begins where it went wrong.
public struct OutputParser: Sendable {
  private var harmony: HarmonyParser?
  private var reasoning: ReasoningParser?
  private var answer: AnswerTagFilter?
  private var calls: ToolCallParser?

  /// - Parameters:
  ///   - format: How the model writes.
  ///   - prompt: The rendered prompt, which may have opened the reasoning.
  ///   - tools: The tools of the request, as in a request; `nil` when there are none, and no calls are looked for.
  ///   - streaming: Whether a call counts, and is told, once its name is known. Otherwise it counts when it is complete,
  ///     so that one that breaks off is content.
  public init(_ format: OutputFormat, prompt: String, tools: JSONValue? = nil, streaming: Bool = true) {
    let toolCalls = tools == nil ? nil : format.toolCalls
    if format.reasoning == .harmony || toolCalls == .harmony {
      harmony = HarmonyParser(takesCalls: toolCalls == .harmony, streaming: streaming)
      return
    }
    if format.reasoning != .none {
      reasoning = ReasoningParser(startTag: format.tags.start, endTag: format.tags.end, prompt: prompt)
    }
    if format.reasoning == .thinkAnswer { answer = AnswerTagFilter() }
    calls = toolCalls?.parser(ToolSchemas(tools), suffix: format.tagSuffix, streaming: streaming)
  }

  /// Takes the next piece of text.
  ///
  /// - Parameter text: Whole characters.
  /// - Returns: What is certain by now, in order and without empty pieces.
  public mutating func append(_ text: String) -> [OutputPiece] {
    if harmony != nil { return harmony?.append(text) ?? [] }
    guard let pieces = reasoning?.append(text) else { return content(text) }
    return self.pieces(pieces)
  }

  /// Ends the text.
  ///
  /// - Returns: What was held back.
  public mutating func finish() -> [OutputPiece] {
    if harmony != nil { return harmony?.finish() ?? [] }
    var pieces = self.pieces(reasoning?.finish() ?? [])
    if let rest = answer?.finish(), !rest.isEmpty { pieces += callsOrContent(rest) }
    return pieces + (calls?.finish() ?? [])
  }

  private mutating func pieces(_ pieces: [ReasoningParser.Piece]) -> [OutputPiece] {
    var output: [OutputPiece] = []
    for piece in pieces {
      switch piece {
      case .reasoning(let text): output.append(.reasoning(text))
      case .content(let text): output += content(text)
      }
    }
    return output
  }

  private mutating func content(_ text: String) -> [OutputPiece] {
    callsOrContent(answer?.append(text) ?? text)
  }

  private mutating func callsOrContent(_ text: String) -> [OutputPiece] {
    if text.isEmpty { return [] }
    return calls?.append(text) ?? [.content(text)]
  }
}

/// Takes the tags off an answer that stands between `<answer>` and `</answer>`, with the line breaks inside of them.
struct AnswerTagFilter: Sendable {
  private enum State { case beginning, lineBreak, content }

  private static let start = Array("<answer>".utf8)
  private static let end = Array("</answer>".utf8)

  private var state = State.beginning
  private var text = PendingText()

  mutating func append(_ piece: String) -> String {
    text.append(piece)
    return read()
  }

  mutating func finish() -> String {
    text.isComplete = true
    return read()
  }

  private mutating func read() -> String {
    if state == .beginning {
      let space = text.leadingSpace
      switch text.match(Self.start, at: space) {
      case .possible: return ""
      case .absent: state = .content
      case .found:
        text.skip(space + Self.start.count)
        state = .lineBreak
      }
    }
    if state == .lineBreak, let first = text.first {
      if first == UInt8(ascii: "\n") { text.skip(1) }
      state = .content
    }
    guard state == .content else { return "" }
    var output = ""
    while true {
      // A line break before the end tag goes with it.
      let (end, match, _) = text.search([Array("\n".utf8) + Self.end, Self.end])
      output += text.take(end)
      text.mark()
      guard match == .found else { return output }
      text.skip((text.first == UInt8(ascii: "\n") ? 1 : 0) + Self.end.count)
    }
  }
}
