import Foundation
import TestSupport
import Testing

@testable import InferText

/// The ways to cut texts that GGUF files name, against Hugging Face's library with the patterns of the models.
@Suite struct NamedSplittingTests {
  @Test func piecesAreThoseOfTheModels() throws {
    let file = Fixtures.folder.appending(path: "text/splittings.json")
    let cases = try JSONValue(parsing: Array(Data(contentsOf: file))).array ?? []
    #expect(cases.count > 100)
    for item in cases {
      let (name, text) = (try #require(item["name"]?.string), try #require(item["text"]?.string))
      let expected = (item["pieces"]?.array ?? []).compactMap(\.string)
      let pieces = try Self.pieces(of: text, NamedSplitting(name))
      #expect(pieces.map { Array($0.utf8) } == expected.map { Array($0.utf8) }, "\(name): \(pieces) of \(text)")
    }
  }

  private static func pieces(of text: String, _ splitting: NamedSplitting) throws -> [String] {
    var cut = PreTokenizedText(Array(text.utf8), at: .beginning)
    let scratch = EncoderScratch()
    for pattern in splitting.patterns { try PreTokenizer.split(pattern, .isolated).apply(to: &cut, scratch) }
    return cut.pieces.map { String(decoding: cut.bytes[$0], as: UTF8.self) }
  }

  @Test func unknownNamesAreTold() {
    let error = #expect(throws: TokenizerError.self) { try NamedSplitting("no-such") }
    #expect("\(error, default: "")".contains("no-such"))
  }
}
