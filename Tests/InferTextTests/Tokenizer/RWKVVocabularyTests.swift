import Foundation
import TestSupport
import Testing

@testable import InferText

/// RWKV's vocabulary, as its own file has it and as a list of tokens.
@Suite struct RWKVVocabularyTests {
  private static let folder = TextFixtures.folder.appending(path: "tokenizers/rwkv_world")

  /// The list that llama.cpp's converter makes of the fixture, with ids that nothing has at its end.
  private static func list() throws -> TokenList {
    let spellings = try #require(try TextFixtures.json(folder.appending(path: "spellings.json")).array)
    let tokens = try spellings.map { try #require($0.string) }
    var list = TokenList(
      algorithm: .longestMatch, tokens: ["<s>"] + tokens + ["[PAD0]", "[PAD1]"],
      types: [3] + Array(repeating: 1, count: tokens.count) + [5, 5])
    (list.bos, list.eos) = (0, 0)
    return list
  }

  /// Python's own literals, and llama.cpp's way back.
  @Test func spellingsAreThoseOfTheConverter() throws {
    let tokenizer = try Tokenizer(folder: Self.folder)
    let list = try Self.list()
    for id in 1..<Int32(list.tokens.count - 2) {
      let token = try #require(tokenizer.token(for: id))
      #expect(token.isExactly(list.tokens[Int(id)]))
      #expect(EscapedBytes.bytes(spelledBy: token.utf8) == tokenizer.bytes(for: id))
    }
  }

  @Test func aListMakesTheSameTokens() throws {
    let file = try Tokenizer(folder: Self.folder)
    let list = try Tokenizer(Self.list())
    #expect(list.algorithm == "RWKV" && list.eosToken == "<s>" && file.vocabularySize == list.vocabularySize - 2)
    #expect(try list.encode("a<s>b") == [98, 0, 99])
    #expect(try list.encode("a<s>b", parsingSpecialTokens: false).contains(0) == false)
    // What fills the list is no text.
    #expect(try list.encode("[PAD0]").count > 1)
    for item in try #require(try TextFixtures.json(Self.folder.appending(path: "cases.json")).array) {
      let text = try #require(item["text"]?.string)
      let ids = try list.encode(text)
      #expect(ids == item["ids"]?.array?.compactMap { $0.int.map(Int32.init) }, "\(text.debugDescription)")
      #expect(list.decode(ids).isExactly(text))
    }
  }

  /// Written as a list, a vocabulary is what it was.
  @Test func aTokenizerBecomesTheList() throws {
    let file = try Tokenizer(folder: Self.folder)
    let made = try #require(TokenList(file, count: file.vocabularySize + 2, endTokens: [0]))
    let expected = try Self.list()
    #expect(made.algorithm == .longestMatch && made.algorithm.name == "rwkv" && made.eos == 0)
    #expect(made.tokens.dropFirst().dropLast(2).elementsEqual(expected.tokens.dropFirst().dropLast(2)))
    #expect(made.types == expected.types)
  }

  @Test(arguments: [
    ("1 'a'", "line 257: expected an id, a token in quotes"), ("x 'ab' 2", "line 257: expected"),
    ("300 'ab' 3", "line 257: expected"), ("300 'a' 1", "line 257: the token or its id 300 was there before"),
    ("5 'ab' 2", "line 257: the token or its id 5 was there before"), ("300 'ab 2", "line 257: expected"),
    ("300 b'\u{e9}' 2", "line 257: expected"), ("300 '\\x4' 1", "line 257: expected"),
    ("300 '\\q' 1", "line 257: expected"),
    ("300 b'\\u0041' 1", "line 257: expected"), ("300 '\\ud800' 3", "line 257: expected"),
    ("300 '' 0", "line 257: expected"),
    ("-1 'ab' 2", "line 257: expected"), ("99999999 'ab' 2", "line 257: expected"),
    ("300 'ab'  2", "line 257: expected"),
  ])
  func damagedLinesAreNamed(_ line: String, _ reason: String) throws {
    var lines = (0..<256).map {
      "\($0 + 1) b'\(String(decoding: EscapedBytes.spelling(of: [UInt8($0)]), as: UTF8.self))' 1"
    }
    lines[39] = "40 \"'\" 1"
    let folder = try TemporaryFolder()
    func load(_ lines: [String]) throws -> Tokenizer {
      try folder.write("rwkv_vocab_v20230424.txt", Array((lines.joined(separator: "\n") + "\n").utf8))
      return try Tokenizer(folder: folder.url)
    }
    #expect(try load(lines).encode("a\n'") == [98, 11, 40])
    #expect(try load(lines + ["300 'a\\n' 2", "400 '\\u00e9\\U0001f600' 6"]).encode("aa\né😀") == [98, 300, 400])
    #expect(try load(lines).token(for: 0) == "<s>")
    let error = #expect(throws: TokenizerError.self) { try load(lines + [line]) }
    #expect(error?.description.contains("rwkv_vocab_v20230424.txt: \(reason)") == true, "\(error?.description ?? "")")
    let missing = #expect(throws: TokenizerError.self) { try load(Array(lines[1...])) }
    #expect(missing?.description.contains("not every single byte is a token") == true)
  }

  @Test func damagedListsAreNamed() throws {
    let good = try Self.list()
    func expectError(_ reason: String, _ change: (inout TokenList) -> Void) {
      var list = good
      change(&list)
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(list) }
      #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
    }
    expectError("tokens[300]: \"a\\x4\" spells no bytes") { $0.tokens[300] = "a\\x4" }
    expectError("tokens[300]: \"a\\\" spells no bytes") { $0.tokens[300] = "a\\" }
    expectError("tokens[300]: \"\" spells no bytes") { $0.tokens[300] = "" }
    expectError("tokens[300]: the token \"a\" was there before") { $0.tokens[300] = "a" }
    expectError("tokens: not every single byte is a token") { $0.tokens[98] = "aa" }
    expectError("token_type: 1 types") { $0.types = [1] }
  }
}
