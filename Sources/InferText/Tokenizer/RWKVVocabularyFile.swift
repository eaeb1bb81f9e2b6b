extension TokenizerParts {
  /// The name of the file of RWKV's vocabulary.
  static let rwkvFile = "rwkv_vocab_v20230424.txt"

  /// Reads RWKV's vocabulary: on each line an id, a token as a Python literal of text or of bytes, and the number of its bytes.
  /// Id 0 ends texts.
  ///
  /// - Parameters:
  ///   - bytes: The file.
  ///   - name: Its name.
  ///   - configuration: What `tokenizer_config.json` says, with special tokens under `added_tokens_decoder`.
  /// - Throws: ``TokenizerError`` when a line is damaged.
  init(rwkv bytes: [UInt8], name: String, configuration: JSONValue?) throws(TokenizerError) {
    var tokens: [(bytes: [UInt8], id: Int32)] = []
    var vocabulary = Vocabulary(minimumCapacity: 1 << 16)
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty { continue }
      guard let token = Self.token(line) else {
        throw .file(name, reason: "line \(number): expected an id, a token in quotes and the number of its bytes")
      }
      // What follows a damaged line would have other ids.
      guard vocabulary.insert(EscapedBytes.spelling(of: token.bytes), id: token.id) else {
        throw .file(name, reason: "line \(number): the token or its id \(token.id) was there before")
      }
      tokens.append(token)
    }
    guard let model = LongestMatchModel(tokens) else {
      throw .file(name, reason: "not every single byte is a token")
    }
    self.init(model: .longestMatch(model), spellings: vocabulary, decoder: TokenDecoder([.escapes]))
    added = try AddedToken.list(configuration)
    if !vocabulary.tokens.contains(0), !added.contains(where: { $0.id == 0 }) {
      added.append(AddedToken(id: 0, content: "<s>", isSpecial: true))
      (bosToken, eosToken) = ("<s>", "<s>")
    }
  }

  private static func token(_ line: ArraySlice<UInt8>) -> (bytes: [UInt8], id: Int32)? {
    let space = UInt8(ascii: " ")
    guard let first = line.firstIndex(of: space), let last = line.lastIndex(of: space), first < last,
      let id = Int(String(decoding: line[..<first], as: UTF8.self)), (0..<TokenizerField.tokenLimit).contains(id),
      let count = Int(String(decoding: line[(last + 1)...], as: UTF8.self)),
      let bytes = EscapedBytes.bytes(ofLiteral: line[(first + 1)..<last]), !bytes.isEmpty, bytes.count == count
    else { return nil }
    return (bytes, Int32(id))
  }
}
