import Foundation
import TestSupport
import Testing

@testable import InferText

/// Tokens that must come, since no other text can.
@Suite struct ForcedTokenTests {
  private static let tokenizers = ["gpt2", "sentence_piece", "sp_bpe", "sp_unigram", "prefix_space", "unigram_bytes"]

  private static func tokenizer(_ name: String) throws -> Tokenizer {
    let folder = TextFixtures.folder.appending(path: "tokenizers/\(name)")
    guard name == "gpt2" else { return try Tokenizer(folder: folder) }
    let repository = TextFixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try Tokenizer(folder: repository.appending(path: "Models/tiny"))
  }

  /// All that can follow is written in the tokenizer's own way, but for an end that may belong to a longer token.
  @Test(arguments: tokenizers) func forcedTextIsCutAsTheTokenizerDoes(name: String) throws {
    let tokenizer = try Self.tokenizer(name)
    let vocabulary = MaskVocabulary(tokenizer)
    let (begin, rest) = ("The", " quick brown fox jumps over the lazy dog, ")
    let constraint = try Constraint(regex: begin + rest + "[a-z]+", for: vocabulary)
    var answer = ConstrainedAnswer(constraint, for: vocabulary, tokenizer: tokenizer)
    for token in try tokenizer.encode(continuation: begin.utf8) { answer.accept(token) }
    let forced = answer.forcedTokens()
    let whole = try tokenizer.encode(continuation: (rest + "zebra").utf8)
    #expect(whole.starts(with: forced) && forced.count >= 3, "\(forced) of \(whole)")
    for token in forced {
      guard case .some(let mask, false) = answer.next() else { return #expect(Bool(false)) }
      #expect(mask.contains(token))
      answer.accept(token)
    }
    #expect(answer.forcedTokens() == [])
  }

  /// Where nothing follows, the last token is certain as well.
  @Test func anEndIsCertain() throws {
    let tokenizer = try Self.tokenizer("gpt2")
    let vocabulary = MaskVocabulary(tokenizer)
    let choice = try Constraint(choice: ["one", "two hundred"], for: vocabulary)
    var answer = ConstrainedAnswer(choice, for: vocabulary, tokenizer: tokenizer)
    #expect(answer.forcedTokens() == [], "there is a choice")
    for token in try tokenizer.encode("two") { answer.accept(token) }
    #expect(tokenizer.decode(answer.forcedTokens()) == " hundred")
  }

  /// A text that is known up to within a character is forced up to there.
  @Test func charactersAreForcedWhole() throws {
    let tokenizer = try Self.tokenizer("gpt2")
    let vocabulary = MaskVocabulary(tokenizer)
    let choice = try Constraint(choice: ["x quick fox é", "x quick fox è"], for: vocabulary)
    var answer = ConstrainedAnswer(choice, for: vocabulary, tokenizer: tokenizer)
    for token in try tokenizer.encode("x") { answer.accept(token) }
    #expect(tokenizer.decode(answer.forcedTokens()).hasPrefix(" quick fox"))
  }

  /// Names of members are forced from where no other member can follow.
  @Test func namesOfMembersAreForced() throws {
    let tokenizer = try Self.tokenizer("gpt2")
    let vocabulary = MaskVocabulary(tokenizer)
    let schema = try JSONValue(
      parsing: #"""
        {"type": "object", "properties": {"temperature": {"type": "integer"}, "territory": {"type": "string"}},
         "required": ["temperature"], "additionalProperties": false}
        """#)
    let constraint = try Constraint(schema: schema, for: vocabulary)
    var answer = ConstrainedAnswer(constraint, for: vocabulary, tokenizer: tokenizer)
    for token in try tokenizer.encode("{\"te") { answer.accept(token) }
    let forced = answer.forcedTokens()
    #expect(!forced.isEmpty && "mperature\"".hasPrefix(tokenizer.decode(forced)))
  }

  /// Whatever is forced is what masks allow, and nothing is where they allow texts that begin differently.
  @Test(arguments: 0..<20) func masksSayTheSame(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let tokenizer = try Self.tokenizer(Self.tokenizers[Int(seed) % Self.tokenizers.count])
    let vocabulary = MaskVocabulary(tokenizer)
    let words = (0..<8).map { _ in
      String((0..<Int.random(in: 3...20, using: &random)).map { _ in "abé \"".randomElement(using: &random) ?? "a" })
    }
    let constraint = try Constraint(
      grammar: "root ::= (" + words.map { JSONValue.string($0).serialized() }.joined(separator: " | ") + ")+",
      syntax: .gbnf, for: vocabulary)
    var answer = ConstrainedAnswer(constraint, for: vocabulary, tokenizer: tokenizer)
    for _ in 0..<60 {
      let forced = answer.forcedTokens()
      guard case .some(let mask, let mayEnd) = answer.next() else { return #expect(Bool(false)) }
      let allowed = (0..<Int32(tokenizer.vocabularySize)).filter { mask.contains($0) }
      if let token = forced.first {
        let first = tokenizer.bytes(for: token).first
        #expect(!mayEnd && allowed.contains(token) && allowed.allSatisfy { tokenizer.bytes(for: $0).first == first })
      }
      answer.accept(try #require(forced.first ?? allowed.randomElement(using: &random)))
    }
  }
}
