import HybridBlocks
import InferCore
import InferText

/// The part of `inspect` on how a model reads and writes text.
struct TextReport {
  /// The tokenizer's source and kind; `nil` without one.
  var tokenizer: TokenizerReport?
  /// The marks of answers, as far as the chat template shows them; `nil` without a template.
  var format: OutputFormat?
  /// Tokens that end an answer, ascending, and their names.
  var endTokens: [(id: Int32, name: String?)]
  /// The makers' recommendations for sampling, by the names of requests.
  var sampling: [(name: String, value: Float)]

  init(_ model: LoadedModel, files: ModelFiles) {
    tokenizer = model.tokenizer.map { TokenizerReport($0, files: files) }
    format = model.chatTemplate.map { _ in model.outputFormat }
    endTokens = model.generation.endTokens.sorted().map { ($0, model.tokenizer?.token(for: $0)) }
    let generation = model.generation
    let numbers = [
      ("temperature", generation.temperature), ("top_k", generation.topK.map { Float($0) }),
      ("top_p", generation.topP), ("min_p", generation.minP), ("repetition_penalty", generation.repetitionPenalty),
      ("max_tokens", generation.maxTokens.map { Float($0) }),
    ]
    sampling = numbers.compactMap { name, value in value.map { (name, $0) } }
  }

  /// For people.
  var lines: [(label: String, value: String)] {
    let ends = endTokens.map { "\($0.name.map { "\($0) " } ?? "")(\($0.id))" }
    let values = sampling.map { "\($0.name) \(Self.number($0.value).serialized())" }
    return [
      ("tokenizer", tokenizer?.text ?? "none"), ("ends with", ends.isEmpty ? "none" : ends.joined(separator: ", ")),
      (
        "template",
        format.map { "tool calls \($0.toolCalls?.rawValue ?? "unknown"), reasoning \($0.reasoning.rawValue)" } ?? "none"
      ), ("sampling", values.isEmpty ? "no recommendation" : values.joined(separator: ", ")),
    ]
  }

  /// For programs.
  var json: [(key: String, value: JSONValue)] {
    [
      ("tokenizer", tokenizer?.json ?? .null),
      (
        "end_tokens",
        .array(endTokens.map { ["id": .integer(Int($0.id)), "token": $0.name.map(JSONValue.string) ?? .null] })
      ),
      (
        "chat_template",
        format.map {
          [
            "tool_calls": $0.toolCalls.map { .string($0.rawValue) } ?? .null,
            "reasoning": .string($0.reasoning.rawValue),
          ]
        } ?? .null
      ), ("sampling", JSONValue(members: sampling.map { ($0.name, Self.number($0.value)) })),
    ]
  }

  /// A number as its file has it: whole, or with the digits that tell it from other 32-bit floats.
  private static func number(_ value: Float) -> JSONValue {
    Int(exactly: value).map(JSONValue.integer) ?? .number(Double(value.description) ?? Double(value))
  }
}

/// The part of `inspect` on a tokenizer.
struct TokenizerReport {
  /// The file, or `tokenizer.ggml` for the vocabulary of a GGUF file.
  var source: String
  /// `BPE` or `Unigram`; of a vocabulary, what the file calls it.
  var kind: String
  /// The name, in a vocabulary's file, of the way to cut a text into words.
  var splitting: String?
  /// One more than the highest token.
  var size: Int
  /// Names of the tokens that begin and end a text and fill a batch, where there are such.
  var special: [(name: String, token: String)]
  /// The tokens that are put around a text where special tokens are asked for.
  var added: [String]

  init(_ tokenizer: Tokenizer, files: ModelFiles) {
    source = Tokenizer.source(in: files) ?? "unknown"
    let vocabulary = source == "tokenizer.ggml" ? files.vocabulary?.algorithm : nil
    kind = vocabulary?.name ?? tokenizer.algorithm
    splitting = vocabulary?.splitting
    size = tokenizer.vocabularySize
    let names = [("bos", tokenizer.bosToken), ("eos", tokenizer.eosToken), ("pad", tokenizer.padToken)]
    special = names.compactMap { name, token in token.map { (name, $0) } }
    let around = (try? tokenizer.encode("", addingSpecialTokens: true)) ?? []
    added = around.compactMap { tokenizer.token(for: $0) }
  }

  /// For people.
  var text: String {
    let parts =
      ["\(source), \(kind)\(splitting.map { " (\($0))" } ?? ""), \(size) tokens"]
      + special.map { "\($0.name) \($0.token)" } + (added.isEmpty ? [] : ["adds \(added.joined(separator: " "))"])
    return parts.joined(separator: ", ")
  }

  /// For programs.
  var json: JSONValue {
    [
      "source": .string(source), "kind": .string(kind), "splitting": splitting.map(JSONValue.string) ?? .null,
      "tokens": .integer(size), "special_tokens": JSONValue(members: special.map { ($0.name, .string($0.token)) }),
      "added_tokens": .array(added.map(JSONValue.string)),
    ]
  }
}
