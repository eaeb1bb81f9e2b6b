import Foundation
import InferCore
import Testing

/// What Hugging Face's tokenizers library makes of the same texts with the same files.
@Suite struct TokenizerReference {
  static let small = ["tiny", "prefix_space", "sentence_piece", "unknown", "splits"].map {
    TextFixtures.folder.appending(path: "tokenizers/\($0)")
  }
  static let large = ["gpt2", "qwen", "deepseek"].map { TextFixtures.shared.appending(path: "tokenizers/\($0)") }

  @Test(arguments: small) func agreesOnSmallTokenizers(_ folder: URL) throws {
    try expectAgreement(in: folder)
  }

  @Test(.enabled(if: large.allSatisfy(TextFixtures.exists), "the large tokenizers are not here"), arguments: large)
  func agreesOnLargeTokenizers(_ folder: URL) throws {
    try expectAgreement(in: folder)
  }

  private func expectAgreement(in folder: URL) throws {
    let tokenizer = try Tokenizer(folder: folder)
    let cases = try #require(try TextFixtures.json(folder.appending(path: "cases.json")).array)
    #expect(cases.count > 100)
    for item in cases {
      let text = try #require(item["text"]?.string)
      let ids = try #require(Self.ids(item["ids"]))
      let whole = Self.ids(item["with_special_tokens"]) ?? ids
      #expect(try tokenizer.encode(text) == ids, "encoding \(text.debugDescription)")
      #expect(try tokenizer.encode(text, addingSpecialTokens: true) == whole, "encoding \(text.debugDescription)")
      expectSame(tokenizer.decode(whole), item["decoded"], "decoding \(whole)")
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
