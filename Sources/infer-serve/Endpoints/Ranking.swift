import Hummingbird
import InferCore
import InferText

/// `POST /v1/rerank` and `POST /v1/score`: how near texts are to others, by the cosines of their embeddings.
struct Ranking: Sendable {
  let service: GenerationService

  /// Documents by their nearness to a query, the nearest first.
  func rerank(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.embed(request, context) { reader, served throws(APIError) in
      let ranking = try RankingRequest(rerank: reader)
      return try Self.job(ranking, served) { scores, usage in
        let order = scores.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
        let results = order.prefix(ranking.top ?? order.count).map { index -> JSONValue in
          var members: JSONObject = ["index": .integer(index), "relevance_score": .number(scores[index])]
          if ranking.returnsDocuments {
            let document = ranking.documents[index]
            members["document"] = document.string == nil ? document : ["text": document]
          }
          return .object(members)
        }
        return [
          "id": .string(Identifier.make("rerank")), "model": .string(served.name), "results": .array(results),
          "usage": usage,
        ]
      }
    }
  }

  /// The nearness of texts to others, pair by pair.
  func score(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.embed(request, context) { reader, served throws(APIError) in
      try Self.job(RankingRequest(score: reader), served) { scores, usage in
        let data = scores.enumerated().map { index, score -> JSONValue in
          ["object": "score", "index": .integer(index), "score": .number(score)]
        }
        return [
          "id": .string(Identifier.make("score")), "object": "list", "model": .string(served.name),
          "data": .array(data), "usage": usage,
        ]
      }
    }
  }

  private static func job(
    _ ranking: RankingRequest, _ served: ServedModel,
    response: @escaping @Sendable (_ scores: [Double], _ usage: JSONValue) -> JSONValue
  ) throws(APIError) -> EmbeddingJob {
    var requests: [GenerationRequest] = []
    for (text, path) in ranking.texts {
      requests.append(
        try served.embeddingRequest(.text(text), ranking.form, ranking.scheduling, field: path))
    }
    let pairs = ranking.pairs
    return EmbeddingJob(requests: requests, timeLimit: ranking.scheduling.timeLimit) { embeddings in
      let vectors = embeddings.map { EmbeddingVector($0.values, normalizes: true) }
      return response(
        pairs.map { vectors[$0.query].cosine(vectors[$0.document]) }, Embeddings.usage(of: embeddings))
    }
  }
}
