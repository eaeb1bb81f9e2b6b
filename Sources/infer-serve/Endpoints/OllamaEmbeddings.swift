import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// Ollama's `POST /api/embed`, and the older `POST /api/embeddings`
struct OllamaEmbeddings: Sendable {
  let service: GenerationService

  /// Vectors of length 1, one for each text.
  func embed(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (start, grant) = (ContinuousClock.now, context.grant)
    return try await service.embed(request, context) { reader, served throws(APIError) in
      let request = try OllamaEmbeddingRequest(embed: reader, width: served.model.model.hiddenWidth ?? 0)
      return try Self.job(request, served, grant) { embeddings in
        let vectors = embeddings.map {
          EmbeddingVector($0.values, dimensions: request.dimensions, normalizes: request.form.normalizes ?? true)
            .json(isBase64: false)
        }
        let tokens = embeddings.reduce(0) { $0 + $1.statistics.promptTokens }
        return [
          "model": .string(served.name), "embeddings": .array(vectors),
          "total_duration": OllamaTime.nanoseconds(ContinuousClock.now - start),
          "load_duration": OllamaTime.nanoseconds(embeddings.map(\.statistics.queueTime).min() ?? .zero),
          "prompt_eval_count": .integer(tokens),
        ]
      }
    }
  }

  /// The vector of one text, of whatever length.
  func embeddings(_ request: Request, _ context: ServeContext) async throws -> Response {
    let grant = context.grant
    return try await service.embed(request, context) { reader, served throws(APIError) in
      let request = try OllamaEmbeddingRequest(embeddings: reader)
      return try Self.job(request, served, grant) { embeddings in
        let vector = EmbeddingVector(
          embeddings.first?.values ?? [], normalizes: request.form.normalizes ?? false)
        return ["embedding": vector.json(isBase64: false)]
      }
    }
  }

  private static func job(
    _ request: OllamaEmbeddingRequest, _ served: ServedModel, _ grant: Grant,
    response: @escaping @Sendable ([Embedding]) -> JSONValue
  ) throws(APIError) -> EmbeddingJob {
    served.stay(request.stayTime, grant)
    var requests: [GenerationRequest] = []
    for (text, path) in request.inputs {
      let tokens = try served.beginning(
        of: text, limit: served.contextLength(request.contextLimit), isTruncated: request.isTruncated,
        addsSpecialTokens: request.form.addsSpecialTokens, field: path)
      requests.append(
        try served.embeddingRequest(.tokens(tokens), request.form, request.scheduling, field: path))
    }
    return EmbeddingJob(requests: requests, timeLimit: request.scheduling.timeLimit, response: response)
  }
}

extension ServedModel {
  /// The first tokens of a text, at most `limit` with those that the tokenizer adds around it.
  ///
  /// - Throws: `APIError` for a longer text that is not to be truncated.
  fileprivate func beginning(
    of text: String, limit: Int, isTruncated: Bool, addsSpecialTokens: Bool, field: String
  ) throws(APIError) -> [Int32] {
    let tokens = try encode(
      text, field: field, addingSpecialTokens: addsSpecialTokens, overflow: isTruncated ? .shift : .error)
    guard tokens.count > limit else { return tokens }
    guard isTruncated else { throw .contextExceeded(length: limit, tokens: tokens.count, field: field, maxTokens: 0) }
    let around = try encode("", field: field, addingSpecialTokens: addsSpecialTokens)
    let end = zip(around.reversed(), tokens.reversed()).prefix { $0 == $1 }.count
    guard end < limit else { throw .contextExceeded(length: limit, tokens: tokens.count, field: field, maxTokens: 0) }
    return Array(tokens.prefix(limit - end) + tokens.suffix(end))
  }
}
