/// Takes an answer apart into reasoning, content and calls of tools, piece by piece.
///
/// How the text is cut into pieces makes no difference to what the pieces of each kind are when joined. A call counts once
/// its name is known. One that goes wrong or breaks off stays without ``OutputPiece/callEnd``: content begins where it went
/// wrong, and markup that the end of the text cuts short is nothing.
public struct OutputParser: Sendable {
  private var harmony: HarmonyParser?
  private var reasoning: ReasoningParser?
  private var answer: AnswerTagFilter?
  private var calls: ToolCallParser?
  /// The offset of the content in the text; `nil` while there is none.
  private var contentStart: Int?
  private let demandsCalls: Bool
  /// Bytes of content that have passed, where no calls are looked for.
  private var passed = 0

  /// - Parameters:
  ///   - format: How the model writes.
  ///   - prompt: The rendered prompt, which may have opened the reasoning.
  ///   - tools: The tools of the request, as in a request; `nil` when there are none, and no calls are looked for.
  ///   - demandsCalls: `true` for an answer that is held to being calls: what stands in the place of content can only be a
  ///     call that broke off before its name was known, and is dropped.
  public init(_ format: OutputFormat, prompt: String, tools: JSONValue? = nil, demandsCalls: Bool = false) {
    self.demandsCalls = demandsCalls
    let toolCalls = tools == nil ? nil : format.toolCalls
    if format.reasoning == .harmony || toolCalls == .harmony {
      harmony = HarmonyParser(takesCalls: toolCalls == .harmony)
      return
    }
    if format.reasoning != .none {
      reasoning = ReasoningParser(startTag: format.tags.start, endTag: format.tags.end, prompt: prompt)
    } else {
      contentStart = 0
    }
    if format.reasoning == .thinkAnswer { answer = AnswerTagFilter() }
    calls = toolCalls?.parser(ToolSchemas(tools), suffix: format.tagSuffix)
  }

  /// Takes the next piece of text.
  ///
  /// - Parameter text: Whole characters.
  /// - Returns: What is certain by now, in order and without empty pieces.
  package mutating func append(_ text: String) -> [OutputPiece] { appendPlaced(text).map(\.piece) }

  /// Ends the text.
  ///
  /// - Returns: What was held back.
  package mutating func finish() -> [OutputPiece] { finishPlaced().map(\.piece) }

  /// Takes the next piece of text, as ``append(_:)``, and says where in the text the pieces stand.
  package mutating func appendPlaced(_ text: String) -> [PlacedPiece] {
    let pieces = read(text)
    return demandsCalls ? pieces.withoutContent : pieces
  }

  /// Ends the text, as ``finish()``, and says where in the text the pieces stand.
  package mutating func finishPlaced() -> [PlacedPiece] {
    let pieces = readEnd()
    return demandsCalls ? pieces.withoutContent : pieces
  }

  private mutating func read(_ text: String) -> [PlacedPiece] {
    if harmony != nil { return harmony?.append(text) ?? [] }
    guard let pieces = reasoning?.appendPlaced(text) else { return content(text) }
    return self.pieces(pieces)
  }

  private mutating func readEnd() -> [PlacedPiece] {
    if harmony != nil { return harmony?.finish() ?? [] }
    var pieces = self.pieces(reasoning?.finishPlaced() ?? [])
    if let rest = answer?.finish(), !rest.isEmpty { pieces += callsOrContent(rest) }
    return pieces + placedInText(calls?.finish() ?? [])
  }

  private mutating func pieces(_ pieces: [ReasoningParser.Placed]) -> [PlacedPiece] {
    var output: [PlacedPiece] = []
    for (piece, offset) in pieces {
      switch piece {
      case .reasoning(let text): output.append(PlacedPiece(.reasoning(text), at: offset))
      case .content(let text):
        contentStart = contentStart ?? offset
        output += content(text)
      }
    }
    return output
  }

  private mutating func content(_ text: String) -> [PlacedPiece] {
    callsOrContent(answer?.append(text) ?? text)
  }

  private mutating func callsOrContent(_ text: String) -> [PlacedPiece] {
    if text.isEmpty { return [] }
    if let pieces = calls?.append(text) { return placedInText(pieces) }
    defer { passed += text.utf8.count }
    return placedInText([PlacedPiece(.content(text), at: passed)])
  }

  /// Pieces that are placed in the content, without tags, placed in the text. Content that tags stood in comes in parts.
  private func placedInText(_ pieces: [PlacedPiece]) -> [PlacedPiece] {
    let start = contentStart ?? 0
    guard let answer else { return pieces.map { PlacedPiece($0.piece, at: start + $0.offset) } }
    return pieces.flatMap { placed -> [PlacedPiece] in
      guard case .content(let text) = placed.piece else {
        return [PlacedPiece(placed.piece, at: start + answer.source(of: placed.offset))]
      }
      var rest = text.utf8[...]
      var parts: [PlacedPiece] = []
      while !rest.isEmpty {
        let offset = placed.offset + text.utf8.count - rest.count
        let count = min(rest.count, answer.connectedBytes(from: offset))
        parts.append(
          PlacedPiece(
            .content(String(decoding: rest.prefix(count), as: UTF8.self)), at: start + answer.source(of: offset)))
        rest = rest.dropFirst(count)
      }
      return parts
    }
  }
}

extension [PlacedPiece] {
  fileprivate var withoutContent: [PlacedPiece] { filter { if case .content = $0.piece { false } else { true } } }
}
