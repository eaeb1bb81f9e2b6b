/// Text ↔ token ids, as the tokenizer files of models describe it.
///
/// A text goes through these steps: added tokens are cut out, what lies between them is normalised and cut into
/// pieces, each piece becomes tokens. A value is immutable and may be used from many threads at once.
public struct Tokenizer: Sendable {
  /// Name of the token that begins a text, if the configuration tells one.
  public let bosToken: String?
  /// Name of the token that ends a text, if the configuration tells one.
  public let eosToken: String?
  /// Name of the token that fills batches, if the configuration tells one.
  public let padToken: String?
  /// One more than the highest token id. A model's logits may be wider than this.
  public let vocabularySize: Int

  /// Tokens for texts with a gap to be filled, where the vocabulary has such.
  public let fillInMiddle: FillInMiddleTokens

  let model: TokenModel
  /// The model's tokens as they are spelled in the file.
  let spellings: Vocabulary
  let addedTokens: [Int32: AddedToken]
  let addedIDs: TextDictionary<Int32>
  /// Added tokens looked for in the raw text, and those looked for after normalising.
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  let normalizers: [Normalizer]
  let preTokenizers: [PreTokenizer]
  let postProcessor: PostProcessor
  let decoder: TokenDecoder
  /// The bytes that each token decodes to, but at the start of a text.
  let decoded: TokenBytes
  let pool = EncoderPool()

  /// The tokens of a text.
  ///
  /// - Parameters:
  ///   - text: What to encode.
  ///   - parsingSpecialTokens: Whether a special token's name in the text becomes that token, as a rendered chat
  ///     template needs. Pass false for text that must not be able to forge structure; added tokens that are not
  ///     special still match.
  ///   - addingSpecialTokens: Whether to add what the tokenizer puts around a text, such as a begin-of-text token.
  /// - Throws: `TokenizerError.regexLimit` when a pattern takes too long on this text; nothing else.
  /// - Complexity: O(n log n) in the length of the text.
  public func encode(
    _ text: String, parsingSpecialTokens: Bool = true, addingSpecialTokens: Bool = false
  ) throws(TokenizerError) -> [Int32] {
    let ids = try encode(text, findingSpecialTokens: parsingSpecialTokens ? .everywhere : .nowhere)
    return addingSpecialTokens ? postProcessor.prefix + ids + postProcessor.suffix : ids
  }

  /// The tokens of a chat prompt. Names of special tokens that the template wrote become those tokens; in what came from
  /// messages, tools, documents and variables they are plain text, also where template and messages spell a name
  /// together. A prompt without such names has the tokens of its text.
  ///
  /// - Parameters:
  ///   - prompt: What to encode.
  ///   - allowingSpecialInMessages: Whether a special token's name becomes that token wherever it stands.
  /// - Throws: `TokenizerError.regexLimit` when a pattern takes too long on this text; nothing else.
  /// - Complexity: O(n log n) in the length of the text.
  public func encode(
    _ prompt: ChatPrompt, allowingSpecialInMessages: Bool = false
  ) throws(TokenizerError) -> [Int32] {
    try tokens(of: prompt, allowingSpecialInMessages: allowingSpecialInMessages).ids
  }

  /// The tokens of a chat prompt, as ``encode(_:allowingSpecialInMessages:)`` has them, and where messages begin and end
  /// in them.
  public func tokens(
    of prompt: ChatPrompt, allowingSpecialInMessages: Bool = false
  ) throws(TokenizerError) -> ChatTokens {
    let outside = allowingSpecialInMessages ? [] : prompt.outside
    return try withEncoder(findingSpecialTokens: outside.isEmpty ? .everywhere : .outside(outside)) {
      (encoder) throws(TokenizerError) in
      try encoder.encode(Array(prompt.text.utf8))
      return ChatTokens(ids: encoder.ids, outside: prompt.outside, starts: encoder.starts)
    }
  }

  /// The tokens of a text that goes on with one that is there; names of special tokens are text.
  func encode(continuation: some Sequence<UInt8>) throws(TokenizerError) -> [Int32] {
    try withEncoder(findingSpecialTokens: .nowhere) { (encoder) throws(TokenizerError) in
      encoder.start = .within
      try encoder.encode(Array(continuation))
      return encoder.ids
    }
  }

  private func encode(_ text: String, findingSpecialTokens places: SpecialTokenPlaces) throws(TokenizerError) -> [Int32]
  {
    try withEncoder(findingSpecialTokens: places) { (encoder) throws(TokenizerError) in
      try encoder.encode(Array(text.utf8))
      return encoder.ids
    }
  }

  private func withEncoder<Result>(
    findingSpecialTokens places: SpecialTokenPlaces, _ body: (inout TokenEncoder) throws(TokenizerError) -> Result
  ) throws(TokenizerError) -> Result {
    let scratch = pool.take()
    defer { pool.give(scratch) }
    var encoder = TokenEncoder(tokenizer: self, places: places, scratch: scratch)
    return try body(&encoder)
  }

  /// The form of a text that the vocabulary was learned on.
  func normalizing(
    _ text: [UInt8], at start: TextStart, _ matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) -> [UInt8] {
    var bytes = text
    for normalizer in normalizers { bytes = try normalizer.apply(to: bytes, at: start, with: matcher) }
    return bytes
  }

  /// The text of a sequence of tokens. Ids without a token contribute nothing; bytes that are not UTF-8 become U+FFFD.
  ///
  /// - Parameters:
  ///   - ids: The tokens.
  ///   - skippingSpecialTokens: Whether special tokens contribute nothing, rather than their names.
  public func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool = false) -> String {
    var detokenizer = StreamingDetokenizer(self, skippingSpecialTokens: skippingSpecialTokens)
    var text = ""
    for id in ids { text += detokenizer.append(id) }
    return text + detokenizer.finish()
  }

  /// The bytes a token stands for within a text, possibly a part of a character; empty for an id without a token.
  ///
  /// - Parameters:
  ///   - id: The token.
  public func bytes(for id: Int32) -> [UInt8] { Array(decoded[id]) }

  /// The names of the tokens that begin, end and fill texts, as chat templates know them: `bos_token`, `eos_token` and
  /// `pad_token`, as far as the configuration tells them.
  public var specialTokenNames: TextDictionary<String> {
    var names: TextDictionary<String> = [:]
    names["bos_token"] = bosToken
    names["eos_token"] = eosToken
    names["pad_token"] = padToken
    return names
  }

  /// How pieces of a text become tokens, as `tokenizer.json` calls it, `BPE` or `Unigram`; or `RWKV` or `PLaMo`, which have no
  /// such file.
  public var algorithm: String {
    switch model {
    case .bytePair: "BPE"
    case .unigram: "Unigram"
    case .longestMatch: "RWKV"
    case .leastCost: "PLaMo"
    }
  }

  /// The id of a token; nil when there is no such token.
  ///
  /// - Parameters:
  ///   - token: The token, spelled as in the file (`Ġthe`, `<|im_end|>`).
  public func id(for token: String) -> Int32? { addedIDs[token] ?? spellings.id(of: token) }

  /// A token as it is spelled in the file; nil for an id without a token.
  ///
  /// - Parameters:
  ///   - id: The token.
  public func token(for id: Int32) -> String? {
    contains(id) ? String(decoding: spelling(of: id), as: UTF8.self) : nil
  }

  /// Whether the token marks structure rather than text, such as the end of a turn.
  ///
  /// - Parameters:
  ///   - id: The token.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens[id]?.isSpecial ?? false }

  func contains(_ id: Int32) -> Bool { addedTokens[id] != nil || spellings.tokens.contains(id) }

  private func spelling(of id: Int32) -> [UInt8] {
    addedTokens[id].map { Array($0.content.utf8) } ?? Array(spellings.tokens[id])
  }

  /// The bytes that a token decodes to at the start of a text.
  func firstBytes(for id: Int32) -> ArraySlice<UInt8> {
    guard decoder.treatsFirstTokenApart, contains(id) else { return decoded[id] }
    let scratch = pool.take()
    defer { pool.give(scratch) }
    // Loading has decoded every token already, so that no pattern can fail here.
    let isAdded = addedTokens[id] != nil
    return (try? decoder.bytes(for: spelling(of: id), isAdded: isAdded, isFirst: true, with: scratch.matcher))?[...]
      ?? decoded[id]
  }
}
