import InferText

/// Rules out the tokens that a constraint does not allow.
struct AnswerConstraint: LogitsProcessor {
  private var answer: ConstrainedAnswer
  private let endTokens: Set<Int32>
  /// The logits of the tokens that end the answer, while the others are looked at.
  private var endLogits: [Float]

  /// - Parameters:
  ///   - answer: The answer before its first token.
  ///   - endTokens: The tokens that end the answer.
  init(_ answer: ConstrainedAnswer, endTokens: Set<Int32>) {
    self.answer = answer
    self.endTokens = endTokens
    endLogits = Array(repeating: 0, count: endTokens.count)
  }

  /// Where the answer can only end, it may, whatever ruled that out before. Takes from the heap for a mask that is new.
  mutating func apply(to logits: inout MutableSpan<Float>) {
    let (mask, mayEnd): (TokenMask, Bool)
    switch answer.next() {
    case .anyButEnds:
      for token in endTokens where logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
      return
    case .some(let tokens, let end): (mask, mayEnd) = (tokens, end)
    }
    for (index, token) in endTokens.enumerated() where logits.indices.contains(Int(token)) {
      endLogits[index] = logits[Int(token)]
    }
    keep(mask, &logits)
    let isOver = mask.isEmpty
    for (index, token) in endTokens.enumerated() where logits.indices.contains(Int(token)) {
      let logit = isOver && endLogits[index] == -.infinity ? 0 : endLogits[index]
      logits[Int(token)] = mayEnd ? logit : -.infinity
    }
  }

  private func keep(_ mask: TokenMask, _ logits: inout MutableSpan<Float>) {
    let count = logits.count
    for (index, word) in mask.words.enumerated() where word != .max {
      for token in index << 6..<min(count, (index + 1) << 6) where word >> UInt64(token & 63) & 1 == 0 {
        logits[token] = -.infinity
      }
    }
    for token in min(count, mask.words.count << 6)..<count { logits[token] = -.infinity }
  }

  mutating func accept(_ token: Int32) {
    if !endTokens.contains(token) { answer.accept(token) }
  }
}
