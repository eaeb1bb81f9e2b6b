/// One text on its way to tokens.
struct TokenEncoder {
  let tokenizer: Tokenizer
  let parsingSpecialTokens: Bool
  let scratch: EncoderScratch
  var ids: [Int32] = []

  mutating func encode(_ text: [UInt8]) throws(TokenizerError) {
    for segment in tokenizer.rawMatcher.segments(of: text, parsingSpecialTokens: parsingSpecialTokens) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range): try encodeRaw(text, range)
      }
    }
  }

  private mutating func encodeRaw(_ text: [UInt8], _ range: Range<Int>) throws(TokenizerError) {
    var bytes = range.count == text.count ? text : Array(text[range])
    for normalizer in tokenizer.normalizers {
      bytes = try normalizer.apply(to: bytes, startsText: range.lowerBound == 0, with: scratch.matcher)
    }
    for segment in tokenizer.normalizedMatcher.segments(of: bytes, parsingSpecialTokens: parsingSpecialTokens) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let part):
        let piece = PreTokenizedText(
          part.count == bytes.count ? bytes : Array(bytes[part]),
          startsText: range.lowerBound == 0 && part.lowerBound == 0)
        try encodePieces(piece)
      }
    }
  }

  private mutating func encodePieces(_ text: consuming PreTokenizedText) throws(TokenizerError) {
    for step in tokenizer.preTokenizers { try step.apply(to: &text, scratch) }
    let bytes = text.bytes.span
    for range in text.pieces {
      let piece = bytes.extracting(range)
      guard let key = WordCache.Key(piece) else {
        tokenizer.model.encode(piece, into: &ids, scratch)
        continue
      }
      if scratch.cache.append(key, to: &ids) { continue }
      let start = ids.count
      tokenizer.model.encode(piece, into: &ids, scratch)
      scratch.cache.keep(ids[start...], for: key)
    }
  }
}
