import Foundation
import InferCore
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
    ("(", "missing"), ("[[a]b]", "inside another"), ("[a&&[b]]", "intersection"), ("\\h", "\\h"), ("a\\", "backslash"),
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
      ("model", nil, "\"model\" is missing"), ("decoder", nil, "\"decoder\" is missing"),
      ("model.type", "Unigram", "the model Unigram"), ("model.dropout", 0.1, "dropout"),
      ("model.vocab", [1], "model.vocab: expected an object"), ("model.vocab.zz", 7, "belongs to another token"),
      ("model.vocab.zz", -1, "model.vocab[\"zz\"]: expected a token id"), ("model.vocab.zz", 2_147_483_648, "token id"),
      ("model.merges", [["qq", "zz"]], "model.merges[0]"), ("model.merges", ["a b c"], "model.merges[0]"),
      ("model.unk_token", "nope", "model.unk_token: not in the vocabulary"),
      ("normalizer.type", "Precompiled", "Precompiled"),
      ("pre_tokenizer.type", "Metaspace", "Metaspace"), ("decoder.type", "WordPiece", "the decoder WordPiece"),
      ("post_processor", ["type": "BertProcessing"], "BertProcessing"),
      ("added_tokens", [["id": 0]], "added_tokens[0]"),
      ("added_tokens", "x", "expected an array"),
    ] as [(String, JSONValue?, String)])
  func whatIsWrongIsNamed(_ path: String, _ value: JSONValue?, _ reason: String) throws {
    let broken = try Self.json.get().setting(path.split(separator: ".").map(String.init), to: value)
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(json: broken) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
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
