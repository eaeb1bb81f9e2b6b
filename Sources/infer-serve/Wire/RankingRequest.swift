import InferCore
import InferText

/// The way in which documents are scored.
enum RankingMethod: String, Sendable, CaseIterable {
  /// By the model's judgement, if its files say that it judges, else by cosines.
  case auto
  /// By the model's judgement.
  case judge
  /// By the cosines of embeddings.
  case cosine
}

/// The body of `POST /v1/rerank`, as Jina's and Cohere's APIs have it, or of vLLM's `POST /v1/score`: texts that are compared
/// with others.
struct RankingRequest: Sendable {
  /// The texts, each with its path, without repetition of those that stand on one side for all of the other.
  let texts: [(text: String, path: String)]
  /// The pairs of texts, by their indices.
  let pairs: [(query: Int, document: Int)]
  /// The documents as they came.
  let documents: [JSONValue]
  /// The number of results wanted at most; `nil` for all.
  let top: Int?
  /// Whether results have the documents.
  let returnsDocuments: Bool
  let form: EmbeddingForm
  /// The first field that concerns embeddings alone, if there is one.
  let embeddingField: String?
  /// The task that documents have to serve; `nil` for the usual one.
  let instruction: String?
  let scheduling: SchedulingFields

  /// Decodes the body of `POST /v1/rerank`.
  init(rerank body: FieldReader) throws(APIError) {
    let reader = try RequestFields.rerank.resolve(body)
    let query = try reader.required(string: "query")
    guard let documents = try reader.array("documents") else { throw reader.missing("documents") }
    guard !documents.isEmpty else { throw reader.wrongValue("documents", "must not be empty") }
    let top = try reader.integer("top_n")
    let returnsDocuments = try reader.bool("return_documents") ?? true
    try self.init(
      reader, queries: [(query, reader.name("query"))], documents: Self.texts(documents, reader.name("documents")),
      given: documents, top: top, returnsDocuments: returnsDocuments)
  }

  /// Decodes the body of `POST /v1/score`: one text with each of others, or as many with as many.
  init(score body: FieldReader) throws(APIError) {
    let reader = try RequestFields.score.resolve(body)
    let names = reader["queries"] != nil || reader["documents"] != nil ? ("queries", "documents") : ("text_1", "text_2")
    for name in ["text_1", "text_2"] where names.0 == "queries" && reader[name] != nil {
      throw reader.wrongValue(name, "cannot stand beside queries and documents")
    }
    let first = try Self.side(reader, names.0)
    let second = try Self.side(reader, names.1)
    guard first.count == 1 || first.count == second.count else {
      throw reader.wrongValue(
        names.1, "must have as many texts as \(names.0), which has \(first.count), not \(second.count)")
    }
    try self.init(reader, queries: first, documents: second, given: [], top: nil, returnsDocuments: false)
  }

  private init(
    _ reader: FieldReader, queries: [(text: String, path: String)], documents: [(text: String, path: String)],
    given: [JSONValue], top: Int?, returnsDocuments: Bool
  ) throws(APIError) {
    let count = queries.count + documents.count
    guard documents.count <= RequestBounds.prompts else {
      throw .invalid(
        "documents", "There may be at most \(RequestBounds.prompts) documents, not \(documents.count).",
        code: "invalid_value")
    }
    texts = queries + documents
    pairs = (queries.count..<count).map { (queries.count == 1 ? 0 : $0 - queries.count, $0) }
    self.documents = given
    self.top = top
    self.returnsDocuments = returnsDocuments
    form = try EmbeddingForm(reader)
    embeddingField = ["pooling", "normalize", "add_special_tokens"].first { reader[$0] != nil }
    instruction = try reader.string("instruction").flatMap { $0.isEmpty ? nil : $0 }
    scheduling = try SchedulingFields(reader)
  }

  /// A text, or a list of texts.
  private static func side(_ reader: FieldReader, _ key: String) throws(APIError) -> [(text: String, path: String)] {
    guard let value = reader[key] else { throw reader.missing(key) }
    if let text = value.string { return [(text, reader.name(key))] }
    guard let elements = value.array else {
      throw reader.wrongType(key, value, expected: "a string or an array of strings")
    }
    guard !elements.isEmpty else { throw reader.wrongValue(key, "must not be empty") }
    return try texts(elements, reader.name(key))
  }

  /// Texts, which may be in objects with a member `text`.
  private static func texts(
    _ elements: [JSONValue], _ name: String
  ) throws(APIError) -> [(text: String, path: String)] {
    var texts: [(text: String, path: String)] = []
    for (index, element) in elements.enumerated() {
      let path = "\(name)[\(index)]"
      if let text = element.string {
        texts.append((text, path))
      } else {
        texts.append((try FieldReader(element, path: path).required(string: "text"), path))
      }
    }
    return texts
  }
}
