import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `POST /v1/embeddings`
struct Embeddings: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.embed(request, context, decode: Self.decode)
  }

  private static func decode(_ reader: FieldReader, _ served: ServedModel) throws(APIError) -> EmbeddingJob {
    let request = try EmbeddingsRequest(reader, width: served.model.model.hiddenWidth ?? 0)
    var requests: [GenerationRequest] = []
    for (input, path) in request.inputs {
      requests.append(try served.embeddingRequest(input, request.form, request.scheduling, field: path))
    }
    let normalizes = request.form.normalizes ?? served.embedding.normalizes
    let (dimensions, isBase64, name) = (request.dimensions, request.isBase64, served.name)
    return EmbeddingJob(requests: requests, timeLimit: request.scheduling.timeLimit) { embeddings in
      let data = embeddings.enumerated().map { index, embedding -> JSONValue in
        let vector = EmbeddingVector(embedding.values, dimensions: dimensions, normalizes: normalizes)
        return ["object": "embedding", "index": .integer(index), "embedding": vector.json(isBase64: isBase64)]
      }
      return ["object": "list", "data": .array(data), "model": .string(name), "usage": usage(of: embeddings)]
    }
  }

  /// The member `usage`.
  static func usage(of embeddings: [Embedding]) -> JSONValue {
    let tokens = embeddings.reduce(0) { $0 + $1.statistics.promptTokens }
    return ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)]
  }
}
