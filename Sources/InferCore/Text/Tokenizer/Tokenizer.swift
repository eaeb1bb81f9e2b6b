/// Text ↔ token ids by byte-pair encoding, as a Hugging Face `tokenizer.json` describes it.
///
/// A text goes through these steps: added tokens are cut out, what lies between them is normalised and cut into
/// pieces, each piece is merged into tokens. A value is immutable and may be used from many threads at once.
public struct Tokenizer: Sendable {
  /// Name of the token that begins a text, if the configuration tells one.
  public let bosToken: String?
  /// Name of the token that ends a text, if the configuration tells one.
  public let eosToken: String?
  /// Name of the token that fills batches, if the configuration tells one.
  public let padToken: String?
  /// One more than the highest token id. A model's logits may be wider than this.
  public let vocabularySize: Int

  let model: BytePairModel
  let addedTokens: [Int32: AddedToken]
  let addedIDs: [String: Int32]
  /// Added tokens looked for in the raw text, and those looked for after normalising.
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  let normalizers: [Normalizer]
  let preTokenizers: [PreTokenizer]
  let postProcessor: PostProcessor
  let decoder: TokenDecoder
  /// What each token decodes to.
  let decoded: TokenBytes
  let cache: WordCache

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
    var encoder = TokenEncoder(self, parsingSpecialTokens: parsingSpecialTokens)
    if addingSpecialTokens { encoder.ids += postProcessor.prefix }
    try encoder.encode(Array(text.utf8))
    if addingSpecialTokens { encoder.ids += postProcessor.suffix }
    return encoder.ids
  }

  /// The text of a sequence of tokens. Ids without a token contribute nothing; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: some Sequence<Int32>, skippingSpecialTokens: Bool = false) -> String {
    var detokenizer = StreamingDetokenizer(self, skippingSpecialTokens: skippingSpecialTokens)
    var text = ""
    for id in ids { text += detokenizer.append(id) }
    return text + detokenizer.finish()
  }

  /// The bytes a token stands for, possibly a part of a character; empty for an id without a token.
  public func bytes(for id: Int32) -> [UInt8] { Array(decoded[id]) }

  /// The id of a token, spelled as in the file (`Ġthe`, `<|im_end|>`).
  public func id(for token: String) -> Int32? { addedIDs[token] ?? model.vocabulary.id(of: token.utf8) }

  /// A token as it is spelled in the file; nil for an id without a token.
  public func token(for id: Int32) -> String? {
    if let added = addedTokens[id] { return added.content }
    let tokens = model.vocabulary.tokens
    return tokens.contains(id) ? String(decoding: tokens[id], as: UTF8.self) : nil
  }

  /// Whether the token marks structure rather than text, such as the end of a turn.
  public func isSpecial(_ id: Int32) -> Bool { addedTokens[id]?.isSpecial ?? false }
}
