import InferCore
import InferText

/// A text, or its tokens.
enum EmbeddingInput: Sendable, Equatable {
  case text(String)
  case tokens([Int32])
}

/// The form of embeddings that a request wants.
struct EmbeddingForm: Sendable, Equatable {
  /// The way of pooling; `nil` for the server's.
  var pooling: Pooling?
  /// Whether vectors are divided by their lengths; `nil` for what the model's files say.
  var normalizes: Bool?
  /// Whether the tokenizer adds the tokens that its files name.
  var addsSpecialTokens: Bool

  /// Decodes `pooling`, `normalize` and `add_special_tokens`.
  init(_ reader: FieldReader) throws(APIError) {
    if let name = try reader.string("pooling") {
      pooling = Pooling.allCases.first { $0.rawValue.isExactly(name) }
    }
    normalizes = try reader.bool("normalize")
    addsSpecialTokens = try reader.bool("add_special_tokens") ?? true
  }
}

/// The body of `POST /v1/embeddings`.
struct EmbeddingsRequest: Sendable {
  /// The inputs, each with its path.
  let inputs: [(input: EmbeddingInput, path: String)]
  let form: EmbeddingForm
  /// The number of values that vectors are cut to; `nil` for all.
  let dimensions: Int?
  /// Whether vectors are told as the bytes of 32-bit floats in Base64.
  let isBase64: Bool
  let scheduling: SchedulingFields

  /// Decodes a body, for vectors of so many values.
  init(_ body: FieldReader, width: Int) throws(APIError) {
    let reader = try RequestFields.embeddings.resolve(body)
    inputs = try Self.inputs(reader)
    form = try EmbeddingForm(reader)
    dimensions = try reader.integer("dimensions", in: 1...max(1, width))
    isBase64 = try reader.string("encoding_format") == "base64"
    scheduling = try SchedulingFields(reader)
  }

  /// `input`: a text, token ids, or a list of either.
  private static func inputs(_ reader: FieldReader) throws(APIError) -> [(input: EmbeddingInput, path: String)] {
    guard let value = reader["input"] else { throw reader.missing("input") }
    let name = reader.name("input")
    if let text = value.string { return [(.text(text), name)] }
    guard let elements = value.array else {
      throw reader.wrongType("input", value, expected: "a string, an array of strings, or token ids")
    }
    guard let first = elements.first else { throw reader.wrongValue("input", "must not be empty") }
    if first.double != nil { return [(.tokens(try reader.tokens(elements, "input")), name)] }
    guard elements.count <= RequestBounds.prompts else {
      throw reader.wrongValue("input", "may have at most \(RequestBounds.prompts) elements, not \(elements.count)")
    }
    var inputs: [(input: EmbeddingInput, path: String)] = []
    for (index, element) in elements.enumerated() {
      let path = "\(name)[\(index)]"
      if let text = element.string {
        inputs.append((.text(text), path))
      } else if let ids = element.array {
        inputs.append((.tokens(try reader.tokens(ids, "input[\(index)]")), path))
      } else {
        throw reader.wrongType("input", at: index, element, expected: "a string or an array of token ids")
      }
    }
    return inputs
  }
}

extension RequestFields {
  /// The fields of `POST /v1/embeddings`.
  static let embeddings = RequestFields(
    fields: embeddingForm + truncation + all(.read, "input", "dimensions", "encoding_format")
      + [
        ("messages", .refused("An embedding of a conversation is", unless: [])),
        ("embed_dtype", .refused("Another type of numbers is", unless: ["float32"])),
        ("stream", .refused("A stream is", unless: [false])),
      ], options: [], shapes: embeddingShapes, required: ["input"])

  /// The fields of `POST /v1/score`.
  static let score = RequestFields(
    fields: embeddingForm + truncation + all(.read, "text_1", "text_2", "queries", "documents", "instruction") + cut,
    options: [], shapes: scoreShapes)

  /// The fields of `POST /v1/rerank`.
  static let rerank = RequestFields(
    fields: embeddingForm + truncation + cut
      + all(.read, "query", "documents", "top_n", "return_documents", "instruction"), options: [], shapes: rerankShapes,
    required: ["query", "documents"])

  private static let cut: [Field] =
    [
      ("max_chunks_per_doc", .refused("Cutting documents is", unless: [])),
      ("max_tokens_per_doc", .refused("Cutting documents is", unless: [])),
    ]

  /// The settings that all endpoints for embeddings have.
  static let embeddingForm: [Field] = all(
    .read, "model", "pooling", "normalize", "add_special_tokens", "cache_salt", "cache_prompt", "priority", "user",
    "safety_identifier", "timeout")

  private static let truncation: [Field] = [
    ("truncate_prompt_tokens", .refused("Truncation of the input is", unless: [-1])),
    ("truncate", .refused("Truncation of the input is", unless: [false, "NONE"])),
  ]
}
