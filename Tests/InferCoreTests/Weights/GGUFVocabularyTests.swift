import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct GGUFVocabularyTests {
  /// Bytes, one merge, and tokens of every kind.
  static let metadata: TextDictionary<GGUFValue> = [
    "tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.pre": .string("gpt-2"),
    "tokenizer.ggml.tokens": .array(["<|endoftext|>", "a", "b", "ab", "Ġ", "<tool>", "[PAD6]"].map(GGUFValue.string)),
    "tokenizer.ggml.token_type": .array([3, 1, 1, 1, 1, 4, 5].map(GGUFValue.signed)),
    "tokenizer.ggml.merges": .array([.string("a b")]), "tokenizer.ggml.bos_token_id": .unsigned(0),
    "tokenizer.ggml.eos_token_id": .unsigned(UInt64(UInt32.max)), "tokenizer.ggml.eot_token_id": .unsigned(3),
    "tokenizer.chat_template": .string("{{ messages }}"),
  ]

  @Test func tokensTemplateAndEndsAreRead() throws {
    let vocabulary = try GGUFVocabulary(metadata: Self.metadata, file: URL(filePath: "x.gguf"))
    #expect(vocabulary.chatTemplate == "{{ messages }}" && vocabulary.endTokens == [0, 3])
    let tokenizer = try Tokenizer(#require(vocabulary.tokens))
    #expect(try tokenizer.encode("ab a<tool><|endoftext|>") == [3, 4, 1, 5, 0])
    #expect(tokenizer.bosToken == "<|endoftext|>" && tokenizer.eosToken == nil)
    #expect(tokenizer.isSpecial(0) && !tokenizer.isSpecial(5))
  }

  @Test func sentencePiecesAreRead() throws {
    let metadata: TextDictionary<GGUFValue> = [
      "tokenizer.ggml.model": .string("llama"),
      "tokenizer.ggml.tokens": .array(["<unk>", "<s>", "▁", "h", "i", "hi", "▁hi"].map(GGUFValue.string)),
      "tokenizer.ggml.scores": .array([0, 0, -4, -5, -6, -1, -2].map(GGUFValue.number)),
      "tokenizer.ggml.token_type": .array([2, 3, 1, 1, 1, 1, 1].map(GGUFValue.signed)),
      "tokenizer.ggml.bos_token_id": .unsigned(1),
    ]
    let tokenizer = try Tokenizer(#require(try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x")).tokens))
    #expect(try tokenizer.encode("hi hi", addingSpecialTokens: true) == [1, 6, 6])
    #expect(tokenizer.decode([6, 6]) == "hi hi")
  }

  /// As llama.cpp's converter writes RWKV's vocabulary: tokens spelled with escapes, an empty line that ends answers, and a
  /// template that is a name.
  @Test func longestMatchesAreRead() throws {
    func spelled(_ byte: UInt8) -> String {
      switch byte {
      case 92: return #"\\"#
      case 32..<127: return String(UnicodeScalar(byte))
      default: return #"\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    let bytes = (UInt8.min...UInt8.max).map(spelled)
    let tokens = ["<s>"] + bytes + ["ab", #"\n\n"#, #"\xe9\x9b\x9e"#, "[PAD260]"]
    let types: [Int64] = [3] + Array(repeating: 1, count: 259) + [5]
    let metadata: TextDictionary<GGUFValue> = [
      "tokenizer.ggml.model": .string("rwkv"), "tokenizer.ggml.tokens": .array(tokens.map(GGUFValue.string)),
      "tokenizer.ggml.token_type": .array(types.map(GGUFValue.signed)),
      "tokenizer.ggml.bos_token_id": .unsigned(0), "tokenizer.ggml.eos_token_id": .unsigned(0),
      "tokenizer.ggml.eot_token_id": .unsigned(258), "tokenizer.chat_template": .string("rwkv-world"),
    ]
    let vocabulary = try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x.gguf"))
    #expect(vocabulary.endTokens == [0, 258])
    let tokenizer = try Tokenizer(#require(vocabulary.tokens))
    #expect(try tokenizer.encode("aba\n\n\n雞\\", addingSpecialTokens: true) == [257, 98, 258, 11, 259, 93])
    #expect(tokenizer.decode([257, 258, 259, 93]) == "ab\n\n雞\\" && !tokenizer.isSpecial(258))
    let template = try ChatTemplate(source: #require(vocabulary.chatTemplate))
    let turns: JSONValue = [
      ["role": "system", "content": "Be kind."], ["role": "user", "content": " Hi\n"],
      ["role": "assistant", "content": "Hello"], ["role": "user", "content": "?"],
    ]
    #expect(
      try template.render(messages: turns)
        == "System: Be kind.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: ?\n\nAssistant:")
  }

  /// Conversions take markers for text, or tell but one of those that end an answer.
  @Test(arguments: [1, 4]) func markersAreKnownByTheirNames(_ type: Int64) throws {
    var names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|custom_end|>", "[", "<"]
    names += [
      "a", "b", "Ġ", "i", "m", "_", "|", ">", "s", "t", "r", "e", "n", "d", "im", "<|fim_pad|>", "<|file_sep|>",
    ]
    var types = Array(repeating: Int64(1), count: names.count)
    for id in 0..<5 { types[id] = type }
    let metadata: TextDictionary<GGUFValue> = [
      "tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.pre": .string("gpt-2"),
      "tokenizer.ggml.tokens": .array(names.map(GGUFValue.string)),
      "tokenizer.ggml.token_type": .array(types.map(GGUFValue.signed)),
      "tokenizer.ggml.merges": .array([.string("i m")]), "tokenizer.ggml.eos_token_id": .unsigned(0),
      "tokenizer.ggml.eom_token_id": .unsigned(4), "tokenizer.ggml.fim_suf_token_id": .unsigned(7),
      "tokenizer.ggml.middle_token_id": .unsigned(8),
    ]
    let vocabulary = try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x"))
    #expect(vocabulary.endTokens == [0, 2, 4, 22, 23])
    let list = try #require(vocabulary.tokens)
    let tokenizer = try Tokenizer(list)
    #expect(try tokenizer.encode("<|im_start|>a<|im_end|><|custom_end|>") == [1, 7, 2, 4])
    #expect(tokenizer.decode([7, 2, 8, 4], skippingSpecialTokens: true) == "ab")
    #expect([0, 1, 2, 3, 4].allSatisfy(tokenizer.isSpecial) && !tokenizer.isSpecial(7))
    #expect(tokenizer.fillInMiddle.prefix == 3 && tokenizer.fillInMiddle.suffix == 7)
    #expect(tokenizer.fillInMiddle.middle == 8 && tokenizer.fillInMiddle.pad == 22)
    let again = TextDictionary(uniqueKeysWithValues: list.metadata.map { ($0.key, $0.value) })
    let written = try #require(try GGUFVocabulary(metadata: again, file: URL(filePath: "x")).tokens)
    #expect(written.fillInMiddle.suffix == 7 && written.fillInMiddle.middle == 8 && written.eom == 4)
  }

  /// Where an answer has several messages, the end of one is not its end.
  @Test func theEndOfAMessageInAChannelIsNoEnd() throws {
    var metadata = Self.metadata
    metadata["tokenizer.ggml.tokens"] = .array(
      ["<|return|>", "a", "b", "ab", "<|end|>", "<|call|>", "<|x|>"].map(GGUFValue.string))
    metadata["tokenizer.ggml.eot_token_id"] = nil
    #expect(try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x")).endTokens == [0, 5])
    metadata["tokenizer.ggml.tokens"] = .array(
      ["</s>", "a", "b", "ab", "<|end|>", "c", "<|x|>"].map(GGUFValue.string))
    #expect(try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x")).endTokens == [0, 4])
  }

  @Test func namedTemplatesAreRead() throws {
    var metadata = Self.metadata
    metadata["tokenizer.chat_template.tool_use"] = .string("tools")
    metadata["tokenizer.chat_template.rag"] = .string("rag")
    metadata["tokenizer.chat_templates"] = .array([.string("tool_use"), .string("rag")])
    let vocabulary = try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x"))
    #expect(vocabulary.namedTemplates == ["rag": "rag", "tool_use": "tools"])
    metadata["tokenizer.chat_template.rag"] = .unsigned(1)
    #expect(throws: ModelError.self) { try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x")) }
  }

  /// They cut or change texts in ways that llama.cpp has no name for.
  private static let unnamed = [
    "classes", "prefix_space", "sp_unigram", "spelled", "splits", "unigram", "unigram_bytes", "unknown",
  ]

  /// A tokenizer as a list of tokens makes the same of every text; one whose ways have no name is no list.
  @Test(arguments: Fixtures.tokenizers) func tokenizersAreWritten(_ folder: URL) throws {
    let tokenizer = try Tokenizer(folder: folder)
    let list = TokenList(tokenizer, count: tokenizer.vocabularySize + 2, endTokens: [])
    guard let list else {
      #expect(Self.unnamed.contains(folder.lastPathComponent))
      return
    }
    #expect(!Self.unnamed.contains(folder.lastPathComponent))
    let metadata = TextDictionary(uniqueKeysWithValues: list.metadata.map { ($0.key, $0.value) })
    let written = try #require(try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x")).tokens)
    #expect(written.tokens.count == tokenizer.vocabularySize + 2)
    let again = try Tokenizer(written)
    for item in try #require(
      try JSONValue(parsing: Array(Data(contentsOf: folder.appending(path: "cases.json")))).array)
    {
      let text = try #require(item["text"]?.string)
      #expect(try again.encode(text) == tokenizer.encode(text), "\(text.debugDescription)")
      let ids = try tokenizer.encode(text, addingSpecialTokens: true)
      #expect(try again.encode(text, addingSpecialTokens: true) == ids, "\(text.debugDescription)")
    }
  }

  @Test func filesWithoutVocabularyHaveNone() throws {
    for model in [nil, "no_vocab", "none"] as [String?] {
      var metadata = Self.metadata
      metadata["tokenizer.ggml.model"] = model.map(GGUFValue.string)
      let vocabulary = try GGUFVocabulary(metadata: metadata, file: URL(filePath: "x"))
      #expect(vocabulary.tokens == nil && vocabulary.endTokens.isEmpty && vocabulary.chatTemplate != nil)
    }
  }

  @Test(arguments: [
    (
      "tokenizer.ggml.model", GGUFValue.string("bert"), "is \"bert\" (WordPiece), which is not supported, expected gpt2"
    ),
    ("tokenizer.ggml.model", .unsigned(1), "is an integer, expected a string"),
    ("tokenizer.ggml.tokens", .string("a"), "is a string, expected a list of strings"),
    ("tokenizer.ggml.tokens", .array([.bool(true)]), "tokens[0] is a truth value"),
    ("tokenizer.ggml.merges", .array([.unsigned(1)]), "merges[0] is an integer"),
    ("tokenizer.ggml.token_type", .array([.number(1.5)]), "token_type[0] is a number"),
    ("tokenizer.ggml.bos_token_id", .unsigned(7), "is 7, expected the id of one of 7 tokens"),
    ("tokenizer.ggml.add_bos_token", .unsigned(1), "is an integer, expected a truth value"),
    ("tokenizer.chat_template", .array([]), "is an array, expected a string"),
  ]) func valuesOfOtherTypesAreNamed(_ key: String, _ value: GGUFValue, _ says: String) {
    var metadata = Self.metadata
    metadata[key] = value
    let file = URL(filePath: "x.gguf")
    let error = #expect(throws: ModelError.self) { _ = try GGUFVocabulary(metadata: metadata, file: file) }
    #expect("\(error, default: "")".contains(key) && "\(error, default: "")".contains(says))
  }
}
