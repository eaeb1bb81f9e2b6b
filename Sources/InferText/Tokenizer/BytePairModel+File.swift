extension BytePairModel {
  /// Reads the member `model` of a `tokenizer.json`, of the type `BPE`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    if let dropout = field["dropout"], dropout.value.double != 0 { throw dropout.unsupported("dropout while encoding") }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = field[key], try !affix.string().isEmpty { throw affix.unsupported("a subword affix") }
    }
    let vocabulary = try Self.vocabulary(try field.require("vocab"))
    self.init(pieces: vocabulary, merges: try Self.merges(try field.require("merges"), vocabulary))
    if let token = field["unk_token"] {
      guard let id = vocabulary.id(of: try token.string()) else { throw token.invalid("not in the vocabulary") }
      unknowns.token = id
    }
    unknowns.fuses = try field.flag("fuse_unk", default: false)
    if try field.flag("byte_fallback", default: false) { unknowns.byteTokens = ByteFallback.tokens(in: vocabulary) }
    ignoresMerges = try field.flag("ignore_merges", default: false)
  }

  private static func vocabulary(_ field: TokenizerField) throws(TokenizerError) -> Vocabulary {
    guard let entries = field.value.object else { throw field.invalid("expected an object of token: id") }
    var vocabulary = Vocabulary(minimumCapacity: entries.count)
    for (token, id) in entries {
      let entry = TokenizerField(id, at: "\(field.path)[\"\(token)\"]")
      guard vocabulary.insert(Array(token.utf8), id: try entry.tokenID()) else {
        throw entry.invalid("the id \(try entry.tokenID()) belongs to another token already")
      }
    }
    return vocabulary
  }

  /// Two spellings are in use: `"a b"`, and `["a", "b"]` for tokens that hold spaces themselves.
  private static func merges(_ field: TokenizerField, _ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
    guard let entries = field.value.array else { throw field.invalid("expected an array of merges") }
    var merges = MergeTable(minimumCapacity: entries.count)
    for (rank, entry) in entries.enumerated() {
      let parts: [[UInt8]]
      switch entry {
      case .string(let text): parts = Self.parts(of: text)
      case .array(let pair): parts = pair.compactMap { $0.string.map { Array($0.utf8) } }
      default: parts = []
      }
      guard merges.insert(parts, rank: rank, vocabulary) else {
        throw .invalid(path: "\(field.path)[\(rank)]", reason: "\(mergeRule); found \(entry.serialized())")
      }
    }
    return merges
  }

  /// The requirement for every merge of a file.
  static let mergeRule = "expected two tokens that are in the vocabulary, as is their concatenation"

  /// The two tokens of a merge written as `"a b"`.
  static func parts(of merge: String) -> [[UInt8]] {
    merge.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map { Array($0) }
  }
}

extension MergeTable {
  /// Adds the merge of two spelled tokens; false when they, or what they become, are not in the vocabulary.
  mutating func insert(_ parts: [[UInt8]], rank: Int, _ vocabulary: Vocabulary) -> Bool {
    guard parts.count == 2, let left = vocabulary.id(of: parts[0]), let right = vocabulary.id(of: parts[1]),
      let result = vocabulary.id(of: parts[0] + parts[1])
    else { return false }
    insert(left, right, Merge(rank: Int32(clamping: rank), result: result))
    return true
  }
}

/// The spelling of bytes as tokens in vocabularies that are not byte-level: `<0x0A>`.
enum ByteFallback {
  /// The tokens of all bytes; none where the vocabulary lacks one, and unknown characters stay unknown, as in Hugging
  /// Face's library.
  static func tokens(in vocabulary: Vocabulary) -> [Int32] {
    let tokens = (0...255).compactMap { vocabulary.id(of: token(for: $0)) }
    return tokens.count == 256 ? tokens : []
  }

  static func token(for byte: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
  }

  static func byte(of token: String) -> UInt8? {
    guard token.utf8.count == 6, token.hasExactPrefix("<0x"), token.hasExactSuffix(">") else { return nil }
    return UInt8(String(token.unicodeScalars.dropFirst(3).dropLast()), radix: 16)
  }
}
