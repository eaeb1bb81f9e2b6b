/// An answer under a constraint: which tokens may come next, and what those that came were.
///
/// The constraint begins behind the reasoning, if the prompt opens that or the model does.
public struct ConstrainedAnswer: Sendable {
  /// The tokens that may come next.
  public enum Next: Sendable {
    /// Any but these, and but those that end the answer.
    case anyBut([Int32])
    /// Some, and those that end the answer if `mayEnd` is true.
    case some(TokenMask, mayEnd: Bool)
  }

  enum Phase {
    /// At the beginning of the answer, where reasoning may be opened.
    case beginning(opening: Opening, isContent: Bool)
    /// In the reasoning, with the last bytes of it.
    case reasoning(tail: [UInt8])
    case content
  }

  /// The mark with which reasoning begins.
  enum Opening {
    case token(Int32)
    /// The text of the mark so far.
    case text(ConstraintCursor)
  }

  let tokenizer: Tokenizer
  let vocabulary: MaskVocabulary
  private let reasoningEnd: ReasoningEnd?
  private(set) var phase: Phase
  private(set) var content: ConstraintCursor

  /// An answer that has not begun.
  ///
  /// - Parameters:
  ///   - constraint: The constraint, for the tokenizer's vocabulary.
  ///   - vocabulary: That vocabulary.
  ///   - tokenizer: The model's tokenizer.
  ///   - format: The makeup of the model's answers; `nil` for an answer that is all content.
  ///   - prompt: The rendered prompt.
  public init(
    _ constraint: Constraint, for vocabulary: MaskVocabulary, tokenizer: Tokenizer, format: OutputFormat? = nil,
    prompt: String = ""
  ) {
    self.tokenizer = tokenizer
    self.vocabulary = vocabulary
    content = constraint.makeCursor(whiteSpace: .generated)
    let tags = constraint.isWhole ? nil : format?.reasoningTags
    reasoningEnd = tags.map { vocabulary.reasoningEnd($0.end) }
    phase = .content
    guard let format, let tags else { return }
    if format.reasoning == .harmony || ReasoningParser.openEnd(of: prompt, startTag: tags.start) != nil {
      phase = .reasoning(tail: [])
    } else if ReasoningParser.openEnd(of: prompt, startTag: tags.end) == nil {
      // A prompt that closes the reasoning has it behind it.
      if let token = tokenizer.id(for: tags.start) {
        phase = .beginning(opening: .token(token), isContent: true)
      } else if format.expectsReasoning, let mark = try? Constraint(choice: [tags.start], for: vocabulary) {
        phase = .beginning(opening: .text(mark.makeCursor()), isContent: true)
      }
    }
  }

  /// The tokens that may come next.
  public func next() -> Next {
    switch phase {
    case .reasoning(let tail): return .anyBut(reasoningEnd?.tokensAcross(behind: tail, into: content) ?? [])
    case .content: return .some(content.mask(), mayEnd: content.mayEnd)
    case .beginning(let opening, let isContent):
      var mask = content.mask()
      if !isContent { mask.subtract(mask) }
      switch opening {
      case .token(let token): mask.insert(token)
      case .text(let cursor): mask.formUnion(cursor.mask())
      }
      return .some(mask, mayEnd: isContent && content.mayEnd)
    }
  }

  /// `true` when the constraint became too large to be followed: nothing may come then.
  public var isFull: Bool { content.isFull }

  /// Takes a token of the answer that is none of those that end it. One that could not come leaves nothing that can.
  public mutating func accept(_ token: Int32) {
    switch phase {
    case .content: acceptContent(vocabulary.bytes(of: token, tokenizer))
    case .reasoning(let tail): acceptReasoning(tail + tokenizer.bytes(for: token))
    case .beginning(let opening, let isContent): acceptBeginning(token, opening, isContent: isContent)
    }
  }

  private mutating func acceptContent(_ bytes: some Collection<UInt8>) {
    phase = .content
    if bytes.isEmpty || !content.accept(bytes) { content.stop() }
  }

  private mutating func acceptReasoning(_ text: [UInt8]) {
    guard let reasoningEnd else { return }
    guard let rest = reasoningEnd.rest(in: text) else { return phase = .reasoning(tail: reasoningEnd.tail(of: text)) }
    phase = .content
    if !rest.isEmpty { acceptContent(rest) }
  }

  private mutating func acceptBeginning(_ token: Int32, _ opening: Opening, isContent: Bool) {
    let bytes = vocabulary.bytes(of: token, tokenizer)
    switch opening {
    case .token(token): phase = .reasoning(tail: [])
    case .token: acceptContent(bytes)
    case .text(var cursor):
      let isContent = isContent && content.accept(bytes)
      guard cursor.accept(bytes) else {
        phase = .content
        if !isContent { content.stop() }
        return
      }
      phase = cursor.mayEnd ? .reasoning(tail: []) : .beginning(opening: .text(cursor), isContent: isContent)
    }
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
