import Foundation
import TestSupport
import Testing

@testable import InferText

/// Tokens that Swift's strings take for equal, and tokens that are text and not bytes.
@Suite struct TokenizerTexts {
  /// The pairs of Llama 2's vocabulary and others, each of two texts that are canonically equivalent.
  static let pairs = [
    ("\u{3AF}", "\u{1F77}"), ("\u{3AC}", "\u{1F71}"), ("\u{387}", "\u{B7}"), ("\u{2126}", "\u{3A9}"),
    ("\u{212B}", "\u{C5}"),
    ("\u{E9}", "e\u{301}"), ("\u{1E69}", "s\u{307}\u{323}"),
  ]
  static let tokens = pairs.flatMap { [$0.0, $0.1] }

  private func expectEachItsOwn(_ tokenizer: Tokenizer, first: Int32, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    for (index, token) in Self.tokens.enumerated() {
      let id = first + Int32(index)
      #expect(tokenizer.id(for: token) == id || tokenizer.addedTokens[id] == nil, sourceLocation: sourceLocation)
      #expect(try tokenizer.encode(token) == [id], "\(token.unicodeScalars)", sourceLocation: sourceLocation)
      #expect(tokenizer.decode([id]).isExactly(token), "\(token.unicodeScalars)", sourceLocation: sourceLocation)
    }
  }

  /// Text → its characters, and the merges that make the tokens of several.
  private static func json(_ vocabulary: String, added: [String] = []) -> String {
    let list = added.enumerated().map {
      "{\"id\": \(100 + $0), \"content\": \"\($1)\", \"special\": false, \"normalized\": false}"
    }
    return """
      {"added_tokens": [\(list.joined(separator: ","))], "decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}]},
       "model": {"type": "BPE", "vocab": {\(vocabulary)}, "merges": [["e", "\u{301}"], ["s", "\u{307}"], ["s\u{307}", "\u{323}"]]}}
      """
  }

  @Test func jsonVocabulariesTellEquivalentTokensApart() throws {
    let parts = ["e", "s", "\u{301}", "\u{307}", "\u{323}", "s\u{307}"]
    let vocabulary = (parts + Self.tokens).enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    let folder = try TemporaryFolder()
    try folder.write("tokenizer.json", Array(Self.json(vocabulary).utf8))
    let tokenizer = try Tokenizer(folder: folder.url)
    try expectEachItsOwn(tokenizer, first: Int32(parts.count))
  }

  @Test func addedTokensThatAreEquivalentAreTwo() throws {
    let json = try JSONValue(
      parsing: Self.json(
        #""e": 0, "s": 1, "\u0301": 2, "\u0307": 3, "\u0323": 4, "e\u0301": 5, "#
          + #""s\u0307": 6, "s\u0307\u0323": 7"#, added: Self.tokens))
    let tokenizer = try Tokenizer(json: json)
    try expectEachItsOwn(tokenizer, first: 100)
    #expect(Self.tokens.enumerated().allSatisfy { tokenizer.id(for: $1) == Int32(100 + $0) })
  }

  @Test func listsOfTokensTellEquivalentTokensApart() throws {
    let characters = ["<unk>", "e", "s", "\u{301}", "\u{307}", "\u{323}", "s\u{307}"]
    let tokens = characters + Self.tokens
    var list = TokenList(
      algorithm: .bytePair, tokens: tokens, scores: tokens.indices.map { -Float($0) },
      types: [2] + Array(repeating: 1, count: tokens.count - 1))
    list.addsSpacePrefix = false
    try expectEachItsOwn(try Tokenizer(list), first: Int32(characters.count))
    list.algorithm = .unigram
    list.scores = tokens.map { -Float(10 - $0.unicodeScalars.count) }
    try expectEachItsOwn(try Tokenizer(list), first: Int32(characters.count))
  }

  /// A file that one of the libraries wrote, byte for byte: a message of pieces.
  @Test func sentencePieceFilesTellEquivalentTokensApart() throws {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    var bytes: [UInt8] = field(1, field(1, Array("<unk>".utf8)) + [3 << 3, 2])
    for (index, token) in (["e", "s", "\u{301}", "\u{307}", "\u{323}"] + Self.tokens).enumerated() {
      let score = Float(token.unicodeScalars.count * 10 - 100 - index).bitPattern
      let fixed = (0..<4).map { UInt8(truncatingIfNeeded: score >> UInt32(8 * $0)) }
      bytes += field(1, field(1, Array(token.utf8)) + [2 << 3 | 5] + fixed)
    }
    bytes += field(2, [3 << 3, 1]) + field(3, [3 << 3, 0])
    let folder = try TemporaryFolder()
    try folder.write("tokenizer.model", bytes)
    try expectEachItsOwn(try Tokenizer(folder: folder.url), first: 6)
  }

  @Test func tiktokenFilesTellEquivalentTokensApart() throws {
    var tokens: [[UInt8]] = (0...255).map { [UInt8($0)] }
    for token in Self.tokens {
      // Every beginning is a token, so that merging arrives at the whole.
      let bytes = Array(token.utf8)
      for length in 2...bytes.count where !tokens.contains(Array(bytes[..<length])) {
        tokens.append(Array(bytes[..<length]))
      }
    }
    let text = tokens.enumerated().map { "\(Data($1).base64EncodedString()) \($0)\n" }.joined()
    let folder = try TemporaryFolder()
    try folder.write("hy.tiktoken", Array(text.utf8))
    let tokenizer = try Tokenizer(folder: folder.url)
    // Texts are cut before marks here, so that only tokens of one character come up by themselves.
    for token in Self.tokens {
      let id = try #require(tokens.firstIndex(of: Array(token.utf8)))
      if token.unicodeScalars.count == 1 { #expect(try tokenizer.encode(token) == [Int32(id)]) }
      #expect(tokenizer.decode([Int32(id)]).isExactly(token))
    }
  }

  /// DeepSeek-LLM's vocabulary has letters as added tokens that stand for other bytes in the byte alphabet.
  @Test func addedTokensAreTheirText() throws {
    let bytes = ByteAlphabet.spelling.map { String(decoding: $0, as: UTF8.self) }
    let added = ["ö", "ø", "ü", "Ġ", "<0x41>", "Å"]
    var model: JSONValue = ["type": "BPE", "merges": [], "vocab": [:]]
    model["vocab"] = .object(JSONObject(uniqueKeysWithValues: bytes.enumerated().map { ($1, .integer($0)) }))
    let list = added.enumerated().map {
      ["id": .integer(300 + $0), "content": .string($1), "special": false] as JSONValue
    }
    for decoder: JSONValue in [
      ["type": "ByteLevel"], ["type": "Sequence", "decoders": [["type": "ByteFallback"], ["type": "ByteLevel"]]],
    ] {
      let json: JSONValue = [
        "model": model, "decoder": decoder, "added_tokens": .array(list),
        "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false],
      ]
      let tokenizer = try Tokenizer(json: json)
      #expect(tokenizer.decode([70, 302, 104]) == "Füh")
      for (index, token) in added.enumerated() {
        #expect(tokenizer.decode([Int32(300 + index)]).isExactly(token))
        #expect(tokenizer.bytes(for: Int32(300 + index)) == Array(token.utf8))
      }
      #expect(tokenizer.decode([300, 302, 301]) == "öüø")
      let ids = try tokenizer.encode("Führer", addingSpecialTokens: false)
      #expect(ids.contains(302) && tokenizer.decode(ids).isExactly("Führer"))
    }
    // The same as types 3 and 4 of a list.
    let types = Array(repeating: Int32(1), count: 256) + [3, 4, 4, 3, 4, 4]
    let tokenizer = try Tokenizer(
      TokenList(
        algorithm: .byteLevel(merges: ["a b"], splitting: "gpt-2"), tokens: bytes + added + ["ab"], types: types + [1]))
    for (index, token) in added.enumerated() { #expect(tokenizer.decode([Int32(256 + index)]).isExactly(token)) }
    #expect(try tokenizer.decode(tokenizer.encode("Führer ø")) == "Führer ø")
  }
}
