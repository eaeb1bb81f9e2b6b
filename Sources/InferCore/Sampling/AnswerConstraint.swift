import InferText

/// Rules out the tokens that a constraint does not allow.
struct AnswerConstraint: LogitsProcessor {
  private var answer: ConstrainedAnswer
  private let endTokens: Set<Int32>

  /// - Parameters:
  ///   - answer: The answer before its first token.
  ///   - endTokens: The tokens that end the answer.
  init(_ answer: ConstrainedAnswer, endTokens: Set<Int32>) {
    self.answer = answer
    self.endTokens = endTokens
  }

  /// Where the answer can only end, it may, whatever ruled that out before.
  func apply(to logits: inout MutableSpan<Float>) {
    let (mask, mayEnd): (TokenMask, Bool)
    switch answer.next() {
    case .any: return
    case .anyButEnds:
      for token in endTokens where logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
      return
    case .some(let tokens, let end): (mask, mayEnd) = (tokens, end)
    }
    var ends: [(token: Int, logit: Float)] = []
    for token in endTokens where logits.indices.contains(Int(token)) { ends.append((Int(token), logits[Int(token)])) }
    keep(mask, &logits)
    let isOver = mask.isEmpty
    for (token, logit) in ends { logits[token] = mayEnd ? isOver && logit == -.infinity ? 0 : logit : -.infinity }
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
