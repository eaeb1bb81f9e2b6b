/// One text on its way to tokens.
struct TokenEncoder: ~Copyable {
  let tokenizer: Tokenizer
  let parsingSpecialTokens: Bool
  var ids: [Int32] = []
  private let matcher = RegularExpression.Matcher()
  private var queue = MergeQueue()

  init(_ tokenizer: Tokenizer, parsingSpecialTokens: Bool) {
    self.tokenizer = tokenizer
    self.parsingSpecialTokens = parsingSpecialTokens
  }

  mutating func encode(_ text: [UInt8]) throws(TokenizerError) {
    for segment in tokenizer.rawMatcher.segments(of: text, parsingSpecialTokens: parsingSpecialTokens) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range): try encodeNormalized(try normalize(Array(text[range])))
      }
    }
  }

  private func normalize(_ text: [UInt8]) throws(TokenizerError) -> [UInt8] {
    var text = text
    for normalizer in tokenizer.normalizers { text = try normalizer.apply(to: text, with: matcher) }
    return text
  }

  private mutating func encodeNormalized(_ text: [UInt8]) throws(TokenizerError) {
    for segment in tokenizer.normalizedMatcher.segments(of: text, parsingSpecialTokens: parsingSpecialTokens) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range): try encodePieces(PreTokenizedText(Array(text[range])))
      }
    }
  }

  private mutating func encodePieces(_ text: consuming PreTokenizedText) throws(TokenizerError) {
    var text = text
    for step in tokenizer.preTokenizers { try step.apply(to: &text, with: matcher) }
    for range in text.pieces {
      let piece = text.bytes[range]
      tokenizer.cache.tokens(of: piece, into: &ids) { tokenizer.model.encode(piece, into: &$0, &queue) }
    }
  }
}
