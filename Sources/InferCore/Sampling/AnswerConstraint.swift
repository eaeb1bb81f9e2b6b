public import InferText

/// A constraint on an answer: it rules out the tokens that may not come, and forces those that must.
public struct AnswerConstraint: LogitsProcessor {
  private var answer: ConstrainedAnswer
  private var endTokens: Set<Int32> = []
  /// The logits of the tokens that end the answer, while the others are looked at.
  private var endLogits: [Float] = []
  /// Tokens that must come next, in reverse order; `nil` while that is not known.
  private var forced: [Int32]?

  /// The constraint of an answer before its first token.
  public init(_ answer: ConstrainedAnswer) { self.answer = answer }

  /// `true` where neither a token nor the end may come.
  private var isStuck = false

  /// The reason for which nothing may come: ``FinishReason/constraintFull`` once the constraint is too large to be followed,
  /// ``FinishReason/deadEnd`` where no text goes on.
  public var failure: FinishReason? { answer.isFull ? .constraintFull : isStuck ? .deadEnd : nil }

  /// Notes the tokens with which the answer may end.
  public mutating func begin(_ context: AnswerContext) {
    endTokens = context.endTokens
    endLogits = Array(repeating: 0, count: endTokens.count)
  }

  /// Where the answer can only end, it may, whatever ruled that out before; and so may a token that must come.
  public mutating func apply(to logits: inout MutableSpan<Float>) {
    if let token = forcedToken(), logits.indices.contains(Int(token)) { return keep(token, &logits) }
    let (mask, mayEnd): (TokenMask, Bool)
    switch answer.next() {
    case .anyBut(let tokens):
      for token in endTokens.union(tokens) where logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
      return
    case .some(let tokens, let end): (mask, mayEnd) = (tokens, end)
    }
    for (index, token) in endTokens.enumerated() where logits.indices.contains(Int(token)) {
      endLogits[index] = logits[Int(token)]
    }
    mask.apply(to: &logits)
    let isOver = mask.isEmpty
    isStuck = isOver && !mayEnd
    for (index, token) in endTokens.enumerated() where logits.indices.contains(Int(token)) {
      let logit = isOver && endLogits[index] == -.infinity ? 0 : endLogits[index]
      logits[Int(token)] = mayEnd ? logit : -.infinity
    }
  }

  private func keep(_ token: Int32, _ logits: inout MutableSpan<Float>) {
    let logit = logits[Int(token)]
    for other in logits.indices { logits[other] = -.infinity }
    logits[Int(token)] = logit == -.infinity ? 0 : logit
  }

  /// The first of the tokens in which the tokenizer writes the only text that may follow.
  public mutating func forcedToken() -> Int32? {
    if forced == nil { forced = answer.forcedTokens().prefix { !endTokens.contains($0) }.reversed() }
    return forced?.last
  }

  /// Follows the answer.
  public mutating func accept(_ token: Int32) {
    guard !endTokens.contains(token) else { return forced = [] }
    if let next = forced?.popLast(), next != token { forced = nil }
    if forced?.isEmpty ?? true { forced = nil }
    answer.accept(token)
  }
}

extension TokenMask {
  /// Rules out the tokens that are not in the set: their logits become −∞.
  public func apply(to logits: inout MutableSpan<Float>) {
    let count = logits.count
    for (index, word) in words.enumerated() where word != .max {
      for token in min(count, index << 6)..<min(count, (index + 1) << 6) where word >> UInt64(token & 63) & 1 == 0 {
        logits[token] = -.infinity
      }
    }
    for token in min(count, words.count << 6)..<count { logits[token] = -.infinity }
  }
}
