import Foundation
import InferText
import TestSupport
import Testing

@Suite struct Detokenizing {
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer(folder: TextFixtures.folder.appending(path: "tokenizers/tiny")) }

  @Test func holdsBackUnfinishedCharactersOnly() throws {
    // A character of four bytes, byte by byte, with a letter on either side.
    let ids = try Array("a🐇b".utf8).map { byte in
      try #require((0..<Int32(tokenizer.vocabularySize)).first { tokenizer.bytes(for: $0) == [byte] })
    }
    var detokenizer = StreamingDetokenizer(tokenizer)
    #expect(ids.map { detokenizer.append($0) } == ["a", "", "", "", "🐇", "b"])
    #expect(detokenizer.finish() == "")
    #expect(ids[..<4].map { detokenizer.append($0) } == ["a", "", "", ""])
    #expect(detokenizer.finish() == "\u{FFFD}")
  }

  @Test func piecesOfAnyTokensJoinToTheWhole() {
    var random = SeededGenerator(seed: 3)
    for round in 0..<500 {
      // Odd rounds draw from the single bytes, so that most sequences are no valid text.
      let last = round % 2 == 1 ? 300 : Int32(tokenizer.vocabularySize) + 3
      let ids = (0..<20).map { _ in Int32.random(in: 0..<last, using: &random) }
      var detokenizer = StreamingDetokenizer(tokenizer, skippingSpecialTokens: false)
      let pieces = ids.map { detokenizer.append($0) } + [detokenizer.finish()]
      let whole = String(decoding: ids.flatMap(tokenizer.bytes), as: UTF8.self)
      #expect(Array(pieces.joined().unicodeScalars) == Array(whole.unicodeScalars), "\(ids)")
    }
  }
}
