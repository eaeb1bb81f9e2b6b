/// An answer under a constraint: which tokens may come next, and what those that came were.
///
/// The constraint is on the content. It begins behind the reasoning, if the prompt opens that or the model does, and an answer
/// that begins with a call of a tool is free of it.
public struct ConstrainedAnswer: Sendable {
  /// The tokens that may come next.
  public enum Next: Sendable {
    /// Any.
    case any
    /// Any but those that end the answer.
    case anyButEnds
    /// Some, and those that end the answer if `mayEnd` is true.
    case some(TokenMask, mayEnd: Bool)
  }

  private enum Phase {
    /// At the beginning of the answer, where something else than content may be opened.
    case beginning
    /// In the reasoning, with the last bytes of it.
    case reasoning(tail: [UInt8])
    case content
    /// In calls.
    case free
  }

  /// A mark with which something else than content begins.
  private struct Opening {
    /// The token that is the mark, if it is one.
    let token: Int32?
    /// The text of the mark so far, where it is no token.
    var cursor: ConstraintCursor?
    let opensReasoning: Bool
  }

  private let tokenizer: Tokenizer
  private let reasoningEnd: [UInt8]
  private var phase: Phase
  private var content: ConstraintCursor
  /// `false` once what stands at the beginning is no content.
  private var isContent = true
  private var openings: [Opening] = []

  /// An answer that has not begun.
  ///
  /// - Parameters:
  ///   - constraint: The constraint on the content, for the tokenizer's vocabulary.
  ///   - vocabulary: That vocabulary.
  ///   - tokenizer: The model's tokenizer.
  ///   - format: The makeup of the model's answers; `nil` for an answer that is all content.
  ///   - prompt: The rendered prompt.
  ///   - mayCall: `true` when the answer may be calls of tools instead.
  public init(
    _ constraint: Constraint, for vocabulary: MaskVocabulary, tokenizer: Tokenizer, format: OutputFormat? = nil,
    prompt: String = "", mayCall: Bool = false
  ) {
    self.tokenizer = tokenizer
    content = constraint.makeCursor(whiteSpace: .generated)
    let tags = format?.reasoningTags
    reasoningEnd = Array((tags?.end ?? "").utf8)
    phase = .content
    guard let format else { return }
    if let tags {
      if format.reasoning == .harmony || ReasoningParser.openEnd(of: prompt, startTag: tags.start) != nil {
        phase = .reasoning(tail: [])
        return
      }
      // A prompt that closes the reasoning has it behind it.
      if ReasoningParser.openEnd(of: prompt, startTag: tags.end) == nil {
        add(tags.start, vocabulary, opensReasoning: true)
      }
    }
    if mayCall, let mark = format.toolCalls?.mark(suffix: format.tagSuffix) {
      add(mark, vocabulary, opensReasoning: false)
    }
    if !openings.isEmpty { phase = .beginning }
  }

  private mutating func add(_ mark: String, _ vocabulary: MaskVocabulary, opensReasoning: Bool) {
    let token = tokenizer.id(for: mark)
    var cursor: ConstraintCursor?
    if token == nil { cursor = (try? Constraint(choice: [mark], for: vocabulary))?.makeCursor() }
    openings.append(Opening(token: token, cursor: cursor, opensReasoning: opensReasoning))
  }

  /// The tokens that may come next.
  public func next() -> Next {
    switch phase {
    case .free: return .any
    case .reasoning: return .anyButEnds
    case .content: return .some(content.mask(), mayEnd: content.mayEnd)
    case .beginning:
      var mask = content.mask()
      if !isContent { mask.subtract(mask) }
      for opening in openings {
        if let token = opening.token { mask.insert(token) }
        if let cursor = opening.cursor { mask.formUnion(cursor.mask()) }
      }
      return .some(mask, mayEnd: isContent && content.mayEnd)
    }
  }

  /// Takes a token of the answer that is none of those that end it. One that could not come leaves nothing that can.
  public mutating func accept(_ token: Int32) {
    let bytes = tokenizer.bytes(for: token)
    switch phase {
    case .free: break
    case .content: if !content.accept(bytes) { content.stop() }
    case .reasoning(let tail): acceptReasoning(tail + bytes)
    case .beginning: acceptBeginning(token, bytes)
    }
  }

  private mutating func acceptReasoning(_ text: [UInt8]) {
    guard let end = Self.end(of: reasoningEnd, in: text) else {
      phase = .reasoning(tail: text.suffix(reasoningEnd.count - 1))
      return
    }
    phase = .content
    let rest = text[end...].drop(while: \.isJSONSpace)
    if !rest.isEmpty, !content.accept(rest) { content.stop() }
  }

  private mutating func acceptBeginning(_ token: Int32, _ bytes: [UInt8]) {
    if let opening = openings.first(where: { $0.token == token }) { return open(opening) }
    isContent = isContent && content.accept(bytes)
    for index in openings.indices.reversed() {
      guard openings[index].cursor?.accept(bytes) ?? false else {
        openings.remove(at: index)
        continue
      }
      if openings[index].cursor?.mayEnd ?? false, !isContent { return open(openings[index]) }
    }
    if openings.isEmpty {
      phase = .content
      if !isContent { content.stop() }
    }
  }

  private mutating func open(_ opening: Opening) {
    phase = opening.opensReasoning ? .reasoning(tail: []) : .free
  }

  /// The index behind the first place of a mark in a text.
  private static func end(of mark: [UInt8], in text: [UInt8]) -> Int? {
    guard text.count >= mark.count else { return nil }
    return (0...text.count - mark.count).first { text[$0...].starts(with: mark) }.map { $0 + mark.count }
  }
}

extension OutputFormat {
  /// The marks around reasoning, behind which the content begins; `nil` where there are none.
  fileprivate var reasoningTags: (start: String, end: String)? {
    switch reasoning {
    case .none: nil
    case .think, .thinkAnswer: tags
    case .harmony: ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>")
    }
  }
}

extension ToolCallFormat {
  /// The mark with which calls begin; `nil` where it could be content as well.
  fileprivate func mark(suffix: String) -> String? {
    guard let opening = opening(of: nil, suffix: suffix, isFenced: false) else { return nil }
    guard let first = opening.utf8.first, first == UInt8(ascii: "<") || first == UInt8(ascii: "[") else { return nil }
    let end = first == UInt8(ascii: "<") ? UInt8(ascii: ">") : UInt8(ascii: "]")
    return opening.utf8.firstIndex(of: end).map { String(opening[...$0]) }
  }
}
