package import Foundation
package import InferText

/// The vocabulary and chat template in a GGUF file's metadata.
package struct GGUFVocabulary: Sendable {
  static let prefix = "tokenizer.ggml."
  /// The key of the chat template, and with a dot and a name behind it those of further ones.
  package static let templateKey = "tokenizer.chat_template"
  /// The template that files of RWKV name `rwkv-world` instead of having it: turns by the names of who speaks, each ended by
  /// an empty line.
  private static let rwkvTemplate = """
    {%- for message in messages -%}
    {{- {"system": "System", "user": "User"}.get(message.role, "Assistant") -}}
    {{- ": " + message.content | trim + "\\n\\n" -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}{{- "Assistant:" -}}{%- endif -%}
    """
  /// Ways to say in metadata that there is no vocabulary.
  private static let absent: Set<String> = ["no_vocab", "none"]

  /// The tokens; `nil` where metadata hold no vocabulary.
  package let tokens: TokenList?
  /// The template of `tokenizer.chat_template`, where there is one.
  package let chatTemplate: String?
  /// Further templates by name: `tokenizer.chat_template.NAME`.
  package let namedTemplates: TextDictionary<String>
  /// Tokens that end an answer, ascending: the ones that metadata name, and those whose names are known.
  package let endTokens: [Int32]

  /// Reads the vocabulary of a file.
  ///
  /// - Parameters:
  ///   - metadata: the file's metadata.
  ///   - file: the file, for errors.
  /// - Throws: ``ModelError/malformed(at:reason:)`` that names the key which is missing, of another type, or has a value
  ///   that is not supported.
  /// - Complexity: O(n) in the vocabulary's size.
  package init(metadata: TextDictionary<GGUFValue>, file: URL) throws(ModelError) {
    let reader = Reader(metadata: metadata, file: file)
    let template = try reader.value(Self.templateKey, "a string") { $0.string }
    chatTemplate = template.map { $0.isExactly("rwkv-world") ? Self.rwkvTemplate : $0 }
    namedTemplates = try reader.templates()
    guard let model = try reader.value(Self.prefix + "model", "a string", { $0.string }), !Self.absent.contains(model)
    else {
      (tokens, endTokens) = (nil, [])
      return
    }
    let list = try Self.list(model, reader)
    tokens = list
    let named = KnownMarkers.ends(among: list.tokens.indices.lazy.map { (Int32($0), list.tokens[$0]) })
    // As in llama.cpp, nothing is generated past what fills batches or begins another file.
    let gaps = list.fillInMiddleByName
    let told = [list.eos, list.eot, list.eom, gaps.pad, gaps.repository, gaps.separator]
    endTokens = named.union(told.compactMap(\.self)).sorted()
  }

  private static func list(_ model: String, _ reader: Reader) throws(ModelError) -> TokenList {
    let algorithm: TokenList.Algorithm
    switch model {
    case "gpt2", "gemma4", "whitespace":
      let named = try reader.value(prefix + "pre", "a string") { $0.string }
      algorithm = .byteLevel(
        merges: try reader.list("merges", "strings") { $0.string } ?? [],
        splitting: model == "gemma4" ? model : named ?? (model == "gpt2" ? "default" : model))
    case "llama": algorithm = .bytePair
    case "t5": algorithm = .unigram
    case "rwkv": algorithm = .longestMatch
    case "plamo2": algorithm = .leastCost
    default:
      let kinds = ["bert": "WordPiece", "hybriddna": "of genes"]
      let kind = kinds[model].map { " (\($0))" } ?? ""
      throw reader.wrong(
        prefix + "model", "\"\(model)\"\(kind), which is not supported",
        "gpt2, gemma4, whitespace, llama, t5, rwkv or plamo2")
    }
    guard let tokens = try reader.list("tokens", "strings", { $0.string }) else {
      throw reader.wrong(prefix + "tokens", "missing", "a list of strings")
    }
    var list = TokenList(
      algorithm: algorithm, tokens: tokens,
      scores: try reader.list("scores", "numbers") { $0.double.map { Float($0) } } ?? [],
      types: try reader.list("token_type", "integers") { $0.count.flatMap { Int32(exactly: $0) } } ?? [])
    list.bos = try reader.token("bos_token_id", of: tokens.count)
    list.eos = try reader.token("eos_token_id", of: tokens.count)
    list.eot = try reader.token("eot_token_id", of: tokens.count)
    list.eom = try reader.token("eom_token_id", of: tokens.count)
    list.pad = try reader.token("padding_token_id", of: tokens.count)
    for (keys, place) in FillInMiddleTokens.keys {
      for key in keys where list.fillInMiddle[keyPath: place] == nil {
        list.fillInMiddle[keyPath: place] = try reader.token("\(key)_token_id", of: tokens.count)
      }
    }
    list.recogniseMarkers()
    list.addsBOS = try reader.flag("add_bos_token")
    list.addsEOS = try reader.flag("add_eos_token")
    list.addsSpacePrefix = try reader.flag("add_space_prefix") ?? true
    list.removesExtraSpaces = try reader.flag("remove_extra_whitespaces")
    list.characterMap =
      try reader.list("precompiled_charsmap", "bytes") { value in
        switch value {
        case .unsigned(let byte): UInt8(exactly: byte)
        case .signed(let byte): Int8(exactly: byte).map { UInt8(bitPattern: $0) }
        default: nil
        }
      } ?? []
    return list
  }
}

extension GGUFVocabulary {
  /// Reads values of metadata, and names the key of what is wrong.
  private struct Reader {
    let metadata: TextDictionary<GGUFValue>
    let file: URL

    func value<Value>(
      _ key: String, _ expected: String, _ read: (GGUFValue) -> Value?
    ) throws(ModelError) -> Value? {
      guard let value = metadata[key] else { return nil }
      guard let result = read(value) else { throw wrong(key, value.kind, expected) }
      return result
    }

    func flag(_ key: String) throws(ModelError) -> Bool? { try value(prefix + key, "a truth value") { $0.bool } }

    func list<Element>(
      _ key: String, _ expected: String, _ read: (GGUFValue) -> Element?
    ) throws(ModelError) -> [Element]? {
      let key = prefix + key
      guard let values = try value(key, "a list of \(expected)", { $0.array }) else { return nil }
      var elements: [Element] = []
      elements.reserveCapacity(values.count)
      for (index, value) in values.enumerated() {
        guard let element = read(value) else {
          throw wrong("\(key)[\(index)]", value.kind, "one of a list of \(expected)")
        }
        elements.append(element)
      }
      return elements
    }

    /// The id that a key names. Files of models without such a token have −1, or the largest of 32 bits.
    func token(_ key: String, of count: Int) throws(ModelError) -> Int32? {
      let key = prefix + key
      if case .signed(let id) = metadata[key], id < 0 { return nil }
      guard let id = try value(key, "a token id", { $0.count }), id != Int(UInt32.max) else { return nil }
      guard id < count else { throw wrong(key, String(id), "the id of one of \(count) tokens") }
      return Int32(id)
    }

    func templates() throws(ModelError) -> TextDictionary<String> {
      var templates: TextDictionary<String> = [:]
      for key in metadata.keys.sorted() {
        guard let name = key.removing(exactPrefix: templateKey + "."), !name.isEmpty else { continue }
        templates[name] = try value(key, "a string") { $0.string }
      }
      return templates
    }

    func wrong(_ key: String, _ found: String, _ expected: String) -> ModelError {
      .malformed(at: file, reason: "metadata \(key) is \(found), expected \(expected)")
    }
  }
}
