import InferCore
import InferText

/// The body of Ollama's `POST /api/embed`, or of the older `POST /api/embeddings`.
struct OllamaEmbeddingRequest: Sendable {
  /// The texts, each with its path; none where all that is asked for is that the model be loaded.
  let inputs: [(text: String, path: String)]
  let form: EmbeddingForm
  /// The number of values that vectors are cut to; `nil` for all.
  let dimensions: Int?
  /// `true` when the end of a text that is too long is left out.
  let isTruncated: Bool
  /// The maximum number of tokens of a text; `nil` for the server's.
  let contextLimit: Int?
  let scheduling: SchedulingFields
  /// How long the model is to stay; `nil` for the server's time.
  let stayTime: StayTime?

  /// Decodes the body of `POST /api/embed`, for vectors of so many values.
  init(embed body: FieldReader, width: Int) throws(APIError) {
    let reader = try RequestFields.ollamaEmbed.resolve(body)
    try self.init(
      reader, inputs: Self.inputs(reader), dimensions: reader.integer("dimensions", in: 1...max(1, width)))
  }

  /// Decodes the body of `POST /api/embeddings`.
  init(embeddings body: FieldReader) throws(APIError) {
    let reader = try RequestFields.ollamaEmbeddings.resolve(body)
    let prompt = try reader.string("prompt") ?? ""
    try self.init(reader, inputs: prompt.isEmpty ? [] : [(prompt, reader.name("prompt"))], dimensions: nil)
  }

  private init(
    _ reader: FieldReader, inputs: [(text: String, path: String)], dimensions: Int?
  ) throws(APIError) {
    self.inputs = inputs
    self.dimensions = dimensions
    form = try EmbeddingForm(reader)
    isTruncated = try reader.bool("truncate") ?? true
    contextLimit = try reader.integer("num_ctx")
    scheduling = try SchedulingFields(reader)
    stayTime = try StayTime(reader)
  }

  /// `input`: a text, which may be empty, or a list of texts.
  private static func inputs(_ reader: FieldReader) throws(APIError) -> [(text: String, path: String)] {
    guard let value = reader["input"] else { return [] }
    let name = reader.name("input")
    if let text = value.string { return text.isEmpty ? [] : [(text, name)] }
    guard let elements = value.array else {
      throw reader.wrongType("input", value, expected: "a string or an array of strings")
    }
    guard elements.count <= RequestBounds.prompts else {
      throw reader.wrongValue("input", "may have at most \(RequestBounds.prompts) elements, not \(elements.count)")
    }
    var inputs: [(text: String, path: String)] = []
    for (index, element) in elements.enumerated() {
      guard let text = element.string else {
        throw reader.wrongType("input", at: index, element, expected: "a string")
      }
      inputs.append((text, "\(name)[\(index)]"))
    }
    return inputs
  }
}

extension RequestFields {
  /// The fields of Ollama's `POST /api/embed`.
  static let ollamaEmbed = RequestFields(
    fields: ollamaEmbedding + all(.read, "input", "dimensions"), options: ollamaEmbeddingOptions,
    shapes: ollamaEmbedShapes)

  /// The fields of Ollama's older `POST /api/embeddings`.
  static let ollamaEmbeddings = RequestFields(
    fields: ollamaEmbedding + all(.read, "prompt"), options: ollamaEmbeddingOptions, shapes: ollamaEmbeddingsShapes)

  // All other options are of answers, and of machines.
  private static let ollamaEmbeddingOptions = [("num_ctx", "num_ctx")]

  private static let ollamaEmbedding =
    embeddingForm + all(.read, "truncate", "options", "num_ctx", "keep_alive")
}
