/// One text on its way to tokens.
struct TokenEncoder {
  let tokenizer: Tokenizer
  /// The places where names of special tokens are those tokens.
  let places: SpecialTokenPlaces
  let scratch: EncoderScratch
  /// The place at which the text begins.
  var start = TextStart.beginning
  var ids: [Int32] = []
  /// Where texts between added tokens begin: the byte of the text, and the number of tokens before it.
  private(set) var starts: [(byte: Int, tokens: Int)] = []

  mutating func encode(_ text: [UInt8]) throws(TokenizerError) {
    for segment in tokenizer.rawMatcher.segments(of: text, findingSpecialTokens: places) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let range):
        starts.append((range.lowerBound, ids.count))
        try encodeRaw(text, range)
      }
    }
  }

  private mutating func encodeRaw(_ text: [UInt8], _ range: Range<Int>) throws(TokenizerError) {
    let start = range.lowerBound == 0 ? start : .behindToken
    let bytes = try tokenizer.normalizing(
      range.count == text.count ? text : Array(text[range]), at: start, scratch.matcher)
    let places = try places(text, range, normalized: bytes)
    for segment in tokenizer.normalizedMatcher.segments(of: bytes, findingSpecialTokens: places) {
      switch segment {
      case .token(let id): ids.append(id)
      case .text(let part):
        let piece = PreTokenizedText(
          part.count == bytes.count ? bytes : Array(bytes[part]),
          at: part.lowerBound == 0 ? start : .behindToken)
        try encodePieces(piece)
      }
    }
  }

  /// The places in a part of the text after normalising. Normalising the stretches between borders by themselves shows
  /// where the borders went; from the first that cannot be found on, nothing is a special token.
  private func places(
    _ text: [UInt8], _ part: Range<Int>, normalized: [UInt8]
  ) throws(TokenizerError) -> SpecialTokenPlaces {
    let places = places.within(part)
    guard tokenizer.normalizedMatcher.hasSpecialTokens, case .outside(let ranges) = places else { return places }
    guard !tokenizer.normalizers.isEmpty else { return .outside(ranges) }
    let raw = Array(text[part])
    let borders = ranges.flatMap { [$0.lowerBound, $0.upperBound] } + [part.count]
    var moved: [Int] = []
    var (start, end) = (0, 0)
    for border in borders {
      let stretch = try normalizedStretch(raw, start..<border, at: part.lowerBound == 0 ? self.start : .behindToken)
      guard normalized[end...].starts(with: stretch) else { break }
      end += stretch.count
      start = border
      moved.append(end)
    }
    return .outside(
      stride(from: 0, to: ranges.count * 2, by: 2).compactMap { index in
        let lower = index < moved.count ? moved[index] : end
        let upper = index + 1 < moved.count ? moved[index + 1] : normalized.count
        return lower < upper && index <= moved.count ? lower..<upper : nil
      })
  }

  /// The normal form of a stretch of a text, behind the character before it.
  private func normalizedStretch(
    _ text: [UInt8], _ range: Range<Int>, at start: TextStart
  ) throws(TokenizerError) -> ArraySlice<UInt8> {
    var before = range.lowerBound
    repeat { before -= 1 } while before > 0 && text[before] & 0xC0 == 0x80
    before = max(before, 0)
    let first = try tokenizer.normalizing(
      Array(text[before..<range.lowerBound]), at: start, scratch.matcher)
    let both = try tokenizer.normalizing(
      Array(text[before..<range.upperBound]), at: start, scratch.matcher)
    return both.starts(with: first) ? both[first.count...] : both[...]
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
