import Foundation
import InferCore
import Testing

/// What Hugging Face's tokenizers library makes of the same texts with the same files.
@Suite struct TokenizerReference {
  static let shared = ["gpt2", "qwen", "deepseek"].map { TextFixtures.shared.appending(path: "tokenizers/\($0)") }

  @Test(.enabled(if: shared.allSatisfy(TextFixtures.exists), "the large tokenizers are not here"), arguments: shared)
  func agreesOnEveryCase(_ folder: URL) throws {
    let tokenizer = try Tokenizer(folder: folder)
    let cases = try #require(try TextFixtures.json(folder.appending(path: "cases.json")).array)
    #expect(cases.count > 300)
    for item in cases {
      let text = try #require(item["text"]?.string)
      let ids = try #require(item["ids"]?.array).compactMap { $0.int.map(Int32.init) }
      #expect(try tokenizer.encode(text) == ids, "encoding \(text.debugDescription)")
      #expect(Array(tokenizer.decode(ids).utf8) == Array(item["decoded"]?.string?.utf8 ?? "".utf8), "decoding \(ids)")
    }
  }
}
