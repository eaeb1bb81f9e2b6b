import Foundation
import InferText
import TestSupport
import Testing

/// What Hugging Face's tokenizers library, SentencePiece and tiktoken make of the same texts with the same files.
@Suite struct TokenizerReference {
  static let large = ["gpt2", "qwen", "deepseek"].map { TextFixtures.shared.appending(path: "tokenizers/\($0)") }

  @Test(arguments: Fixtures.tokenizers) func agreesOnSmallTokenizers(_ folder: URL) throws {
    try expectAgreement(try Tokenizer(folder: folder), folder)
  }

  @Test(
    .enabled(
      if: large.allSatisfy(TextFixtures.exists),
      "the large tokenizers are not here; SHARED_FIXTURES may name a folder with tokenizers/{gpt2,qwen,deepseek}"),
    arguments: large)
  func agreesOnLargeTokenizers(_ folder: URL) throws {
    try expectAgreement(try Tokenizer(folder: folder), folder)
  }

  /// GPT-2's own tokenizer, as the metadata of a GGUF file lists it.
  @Test func agreesOnAListOfTokens() throws {
    let folder = TextFixtures.folder.appending(path: "tokenizers/gpt2")
    let tokens = try String(contentsOf: folder.appending(path: "tokens.txt"), encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let known = Set(tokens)
    // What joins into a token of a smaller id joins first.
    let merges = tokens.flatMap { token in
      token.indices.dropFirst().compactMap { middle in
        let (left, right) = (token[..<middle], token[middle...])
        return known.contains(String(left)) && known.contains(String(right)) ? "\(left) \(right)" : nil
      }
    }
    var list = TokenList(
      algorithm: .byteLevel(merges: merges, splitting: "gpt-2"), tokens: tokens + ["<|endoftext|>"],
      types: Array(repeating: 1, count: tokens.count) + [3])
    list.eos = Int32(tokens.count)
    let tokenizer = try Tokenizer(list)
    #expect(tokenizer.eosToken == "<|endoftext|>")
    try expectAgreement(tokenizer, folder)
  }

  private func expectAgreement(_ tokenizer: Tokenizer, _ folder: URL) throws {
    let cases = try #require(try TextFixtures.json(folder.appending(path: "cases.json")).array)
    #expect(cases.count > 50)
    for item in cases {
      let text = try #require(item["text"]?.string)
      let ids = try #require(Self.ids(item["ids"]))
      let whole = Self.ids(item["with_special_tokens"]) ?? ids
      #expect(try tokenizer.encode(text) == ids, "encoding \(text.debugDescription)")
      #expect(try tokenizer.encode(text, addingSpecialTokens: true) == whole, "encoding \(text.debugDescription)")
      if let decoded = item["decoded"] { expectSame(tokenizer.decode(whole), decoded, "decoding \(whole)") }
      if let decoded = item["decoded_without_special_tokens"] {
        expectSame(tokenizer.decode(whole, skippingSpecialTokens: true), decoded, "decoding \(whole)")
      }
    }
  }

  private static func ids(_ value: JSONValue?) -> [Int32]? { value?.array?.compactMap { $0.int.map(Int32.init) } }

  /// Strings of other scalars may be equal in Swift; here they are not.
  private func expectSame(_ text: String, _ expected: JSONValue?, _ comment: Comment) {
    #expect(Array(text.unicodeScalars) == expected?.string.map { Array($0.unicodeScalars) }, comment)
  }
}
