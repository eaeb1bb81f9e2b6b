import OrderedCollections

extension BytePairModel {
  /// Reads the member `model` of a `tokenizer.json`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    // Files written before the member existed are byte-pair models too.
    if let type = field["type"], try type.string() != "BPE" { throw type.unsupported("the model \(try type.string())") }
    if let dropout = field["dropout"], dropout.value.double != 0 { throw dropout.unsupported("dropout while encoding") }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = field[key], try !affix.string().isEmpty { throw affix.unsupported("a subword affix") }
    }
    let vocabulary = try Self.vocabulary(try field.require("vocab"))
    self.vocabulary = vocabulary
    merges = try Self.merges(try field.require("merges"), vocabulary)
    if let token = field["unk_token"] {
      guard let id = vocabulary.id(of: try token.string().utf8) else { throw token.invalid("not in the vocabulary") }
      unknown = id
    } else {
      unknown = nil
    }
    fusesUnknown = try field.flag("fuse_unk", default: false)
    ignoresMerges = try field.flag("ignore_merges", default: false)
    let byteTokens = (0...255).compactMap { vocabulary.id(of: ByteFallback.token(for: $0).utf8) }
    // As in Hugging Face's library, a vocabulary without all 256 byte tokens falls back to the unknown token.
    self.byteTokens = try field.flag("byte_fallback", default: false) && byteTokens.count == 256 ? byteTokens : []
  }

  private static func vocabulary(_ field: TokenizerField) throws(TokenizerError) -> Vocabulary {
    guard let entries = field.value.object else { throw field.invalid("expected an object of token: id") }
    var vocabulary = Vocabulary(minimumCapacity: entries.count)
    for (token, id) in entries {
      let entry = TokenizerField(id, at: "\(field.path)[\"\(token)\"]")
      guard vocabulary.insert(token.utf8, id: try entry.tokenID()) else {
        throw entry.invalid("the id \(try entry.tokenID()) belongs to another token already")
      }
    }
    return vocabulary
  }

  /// Two spellings are in use: `"a b"`, and `["a", "b"]` for tokens that hold spaces themselves.
  private static func merges(
    _ field: TokenizerField, _ vocabulary: Vocabulary
  ) throws(TokenizerError) -> [UInt64: Merge] {
    guard let entries = field.value.array else { throw field.invalid("expected an array of merges") }
    var merges: [UInt64: Merge] = [:]
    merges.reserveCapacity(entries.count)
    for (rank, entry) in entries.enumerated() {
      let parts: [Substring.UTF8View.SubSequence]
      switch entry {
      case .string(let text): parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      case .array(let pair): parts = pair.compactMap { $0.string.map { $0.utf8[...] } }
      default: parts = []
      }
      guard parts.count == 2, let left = vocabulary.id(of: parts[0]), let right = vocabulary.id(of: parts[1]),
        let result = vocabulary.id(of: Array(parts[0]) + Array(parts[1]))
      else {
        throw .invalid(
          path: "\(field.path)[\(rank)]",
          reason:
            "expected two tokens that are in the vocabulary, as is their concatenation; found \(entry.serialized())")
      }
      merges[pair(left, right)] = Merge(rank: Int32(rank), result: result)
    }
    return merges
  }
}

/// The spelling of bytes as tokens in vocabularies that are not byte-level: `<0x0A>`.
enum ByteFallback {
  static func token(for byte: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
  }

  static func byte(of token: String) -> UInt8? {
    guard token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
    return UInt8(token.dropFirst(3).dropLast(), radix: 16)
  }
}
