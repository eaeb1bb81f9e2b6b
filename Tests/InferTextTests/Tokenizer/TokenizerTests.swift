import Foundation
import InferText
import TestSupport
import Testing

@Suite struct TokenizerBehavior {
  let tiny: Tokenizer
  let json: JSONValue

  init() throws {
    let folder = TextFixtures.folder.appending(path: "tokenizers/tiny")
    tiny = try Tokenizer(folder: folder)
    json = try TextFixtures.json(folder.appending(path: "tokenizer.json"))
  }

  @Test func decodingUndoesEncodingUpToComposition() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<400 {
      let text = String.random(upTo: 40, using: &random)
      let composed = text.precomposedStringWithCanonicalMapping
      #expect(Array(tiny.decode(try tiny.encode(text)).utf8) == Array(composed.utf8), "\(text.debugDescription)")
    }
  }

  @Test func specialTokensInPlainTextStayText() throws {
    let forged = "<|user|>hi<|eos|><think>"
    let parsed = try tiny.encode(forged)
    let plain = try tiny.encode(forged, parsingSpecialTokens: false)
    #expect(parsed.filter(tiny.isSpecial).compactMap(tiny.token) == ["<|user|>", "<|eos|>"])
    #expect(!plain.contains(where: tiny.isSpecial))
    #expect(tiny.decode(plain) == forged)
    #expect(plain.last == tiny.id(for: "<think>"), "an added token that is not special matches in plain text too")
    #expect(tiny.decode(parsed, skippingSpecialTokens: true) == "hi<think>")
  }

  @Test func knowsItsTokens() throws {
    #expect(tiny.eosToken == nil)
    let names: JSONValue = ["bos_token": "<|bos|>", "eos_token": ["content": "<|eos|>"], "add_bos_token": true]
    let configured = try Tokenizer(json: json, configuration: names)
    #expect(configured.bosToken == "<|bos|>")
    #expect(configured.eosToken == "<|eos|>")
    let text = try configured.encode("a")
    let bos = try #require(tiny.id(for: "<|bos|>"))
    #expect(try configured.encode("a", addingSpecialTokens: true) == [bos] + text)
    for id in -2..<Int32(tiny.vocabularySize) + 2 {
      #expect(tiny.token(for: id).flatMap(tiny.id) == ((0..<Int32(tiny.vocabularySize)).contains(id) ? id : nil))
    }
    let space = try #require(tiny.id(for: "Ġ"))
    #expect(tiny.bytes(for: space) == [0x20])
    #expect(tiny.decode([-1, .max, .min, Int32(tiny.vocabularySize)]).isEmpty)
  }

  /// A quadratic step anywhere would take minutes.
  @Test(arguments: ["a", "A", "1", " ", "\n", "!", "雞", "é", "<|", "e\u{301}", "\u{1100}\u{1161}"])
  func aLongRunOfOneLetterIsAsRegularAsAShortOne(_ letter: String) throws {
    let short = try tiny.encode(String(repeating: letter, count: 1 << 10))
    let long = try tiny.encode(String(repeating: letter, count: 1 << 17))
    // Both ends may be cut in their own ways.
    let period = Array(short[16..<40])
    let middle = long[16..<long.count - 16]
    #expect(zip(middle, middle.indices).allSatisfy { $0 == period[($1 - 16) % 24] })
    #expect(abs(long.count - short.count << 7) <= 8 << 10, "\(long.count) and \(short.count) tokens")
  }

  @Test func longPiecesTakeNoQuadraticTime() throws {
    let letters = String(repeating: "thelegsandtheheads", count: 20_000)
    #expect(tiny.decode(try tiny.encode(letters)) == letters)
    let spaces = String(repeating: " ", count: 300_000)
    #expect(tiny.decode(try tiny.encode(spaces)) == spaces)
    let names = String(repeating: "<|use<|", count: 50_000)
    #expect(tiny.decode(try tiny.encode(names)) == names)
  }

  @Test func aPatternThatBacktracksForeverIsStopped() throws {
    let tokenizer = try Tokenizer(json: json.replacingPattern("(?:a+)+$"))
    #expect(try tokenizer.encode("aaaa").count > 0)
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode(String(repeating: "a", count: 60) + "b") }
    #expect(error == .regexLimit(pattern: "(?:a+)+$", offset: 0))
  }

  @Test(arguments: [
    ("(", "missing"), ("[[a]b]", "inside another"), ("[a&&b]", "intersection"), ("[^a&&[b]]", "intersection"),
    ("\\h", "\\h"), ("a\\", "backslash"),
  ])
  func patternsThatMeanSomethingElseAreErrors(_ pattern: String, _ reason: String) throws {
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: json.replacingPattern(pattern)) }
    let message = try #require(error?.description)
    #expect(message.contains("pre_tokenizer.pretokenizers[0].pattern.Regex"))
    #expect(message.contains(reason))
  }

  @Test func manyThreadsShareOneTokenizer() async throws {
    let texts = (0..<64).map { "thread \($0 % 7): 35 heads, 94 feet; 雞兔同籠 \($0)" }
    let alone = try texts.map { try tiny.encode($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { [tiny] in
          let together = try texts.map { try tiny.encode($0) }
          #expect(together == alone)
        }
      }
      try await group.waitForAll()
    }
  }
}

@Suite struct TokenizerFiles {
  static let folder = TextFixtures.folder.appending(path: "tokenizers/splits")
  static let json = Result { try TextFixtures.json(folder.appending(path: "tokenizer.json")) }

  @Test(
    arguments: [
      ("model", nil, "\"model\" is missing"), ("decoder", ["type": "CTC"], "the decoder CTC"),
      ("model.type", "WordPiece", "the model WordPiece"), ("model.merges", nil, "\"merges\" is missing"),
      ("model.type", "Unigram", "model.vocab: expected an array"), ("model.dropout", 0.1, "dropout"),
      ("model.vocab", [1], "model.vocab: expected an object"), ("model.vocab.zz", 7, "belongs to another token"),
      ("model.vocab.zz", -1, "model.vocab[\"zz\"]: expected a token id"), ("model.vocab.zz", 2_147_483_648, "token id"),
      ("model.merges", [["qq", "zz"]], "model.merges[0]"), ("model.merges", ["a b c"], "model.merges[0]"),
      ("model.unk_token", "nope", "model.unk_token: not in the vocabulary"),
      ("normalizer", ["type": "Precompiled", "precompiled_charsmap": "AAAA"], "a table of 3 bytes"),
      ("normalizer", ["type": "Precompiled", "precompiled_charsmap": "////fwAA"], "a trie of 2147483647 bytes"),
      ("normalizer.type", "BertNormalizer", "BertNormalizer"),
      ("pre_tokenizer.type", "UnicodeScripts", "UnicodeScripts"),
      ("pre_tokenizer", ["type": "FixedLength", "length": 0], "not in 1…65535"),
      ("pre_tokenizer", ["type": "Metaspace", "replacement": "ab"], "no character"),
      ("decoder.type", "WordPiece", "the decoder WordPiece"),
      ("post_processor", ["type": "BertProcessing"], "\"cls\" is missing"),
      ("added_tokens", [["id": 0]], "added_tokens[0]"),
      ("added_tokens", "x", "expected an array"),
    ] as [(String, JSONValue?, String)])
  func whatIsWrongIsNamed(_ path: String, _ value: JSONValue?, _ reason: String) throws {
    let broken = try Self.json.get().setting(path.split(separator: ".").map(String.init), to: value)
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: broken) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
  }

  @Test func aListThatContradictsItselfIsNamed() throws {
    let good = TokenList(
      algorithm: .bytePair, tokens: ["<unk>", "a", "b", "ab", "▁"], scores: [0, -2, -3, -1, -4], types: [2, 1, 1, 1, 1])
    #expect(try Tokenizer(good).encode("ab cb") == [4, 3, 4, 0, 2])
    func expectError(_ reason: String, _ change: (inout TokenList) -> Void) {
      var list = good
      change(&list)
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(list) }
      #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
    }
    expectError("tokens: a list of 0 tokens") { $0.tokens = [] }
    expectError("scores: 4 scores for 5 tokens") { $0.scores.removeLast() }
    expectError("scores[2]: the score is no number") { $0.scores[2] = .nan }
    expectError("token_type: 1 types for 5 tokens") { $0.types = [1] }
    expectError("bos_token_id: the id 5") { $0.bos = 5 }
    expectError("eos_token_id: the id -1") { $0.eos = -1 }
    expectError("precompiled_charsmap: a trie") { $0.characterMap = Array(repeating: 0, count: 8) }
    expectError("merges: there are none") { $0.algorithm = .byteLevel(merges: [], splitting: "gpt-2") }
    expectError("merges[1]: expected two tokens") {
      $0.algorithm = .byteLevel(merges: ["a b", "a c"], splitting: "gpt-2")
    }
    expectError("pre: splitting texts as \"new\"") { $0.algorithm = .byteLevel(merges: ["a b"], splitting: "new") }
  }

  /// Cut off or changed anywhere, a binary file gives an error or a tokenizer that works.
  @Test(arguments: [
    "sp_bpe/tokenizer.model", "sp_unigram/tokenizer.model", "hy.tiktoken/hy.tiktoken",
    "rwkv_world/rwkv_vocab_v20230424.txt",
  ])
  func damagedBinaryFilesNeverTrap(_ path: String) throws {
    let file = TextFixtures.folder.appending(path: "tokenizers/\(path)")
    let bytes = Array(try Data(contentsOf: file))
    let folder = try TemporaryFolder()
    var random = SeededGenerator(seed: 4)
    for round in 0..<60 {
      var damaged = bytes
      if round % 3 == 0 { damaged.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }
      for _ in 0..<round % 5 {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      try folder.write(file.lastPathComponent, damaged)
      guard let tokenizer = try? Tokenizer(folder: folder.url) else { continue }
      _ = tokenizer.decode(try tokenizer.encode("Norm é, ﬁ 12 雞\u{0}", addingSpecialTokens: true))
    }
  }

  @Test func aMissingOrDamagedFileIsNamed() throws {
    let folder = URL.temporaryDirectory.appending(path: "tokenizer-\(UUID().uuidString)")
    let missing = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder) }
    #expect(missing?.description.hasPrefix("tokenizer.json: there is no such file") == true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(#"{"model": {"vocab": {"a": 0, "a": 1}}}"#.utf8).write(to: folder.appending(path: "tokenizer.json"))
    let damaged = #expect(throws: TokenizerError.self) { try Tokenizer(folder: folder) }
    #expect(damaged?.description.contains("duplicate key \"a\"") == true)
  }

  /// Whatever is done to a file, loading either throws or gives a tokenizer that works.
  @Test func damageNeverTraps() throws {
    var random = SeededGenerator(seed: 2)
    let replacements: [JSONValue] = [nil, true, -1, 3, 1e300, "", "x", [], [[]], [:], ["type": "Sequence"]]
    for _ in 0..<150 {
      var damaged = try Self.json.get()
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let path = damaged.randomPath(using: &random)
        damaged = damaged.setting(path, to: replacements.randomElement(using: &random) ?? nil)
      }
      guard let tokenizer = try? Tokenizer(json: damaged, configuration: damaged) else { continue }
      if let ids = try? tokenizer.encode("Norm é, a-b;c..d 12 雞\u{0}", addingSpecialTokens: true) {
        _ = tokenizer.decode(ids)
      }
    }
  }
}
