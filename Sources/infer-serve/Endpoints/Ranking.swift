import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `POST /v1/rerank` and `POST /v1/score`: how well texts answer others, by the model's judgement or by the
/// cosines of their embeddings.
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
    guard let scorer = served.scorer else { return try comparison(ranking, served, response) }
    return try judgement(ranking, served, scorer, response)
  }

  /// One prompt for each text, whose embeddings are compared.
  private static func comparison(
    _ ranking: RankingRequest, _ served: ServedModel,
    _ response: @escaping @Sendable (_ scores: [Double], _ usage: JSONValue) -> JSONValue
  ) throws(APIError) -> EmbeddingJob {
    if ranking.instruction != nil {
      throw .unsupported(
        "instruction", "An instruction is for a model that judges documents; this one compares their embeddings.")
    }
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

  /// One prompt for each pair, whose last hidden state tells the judgement. What they begin with is computed once.
  private static func judgement(
    _ ranking: RankingRequest, _ served: ServedModel, _ scorer: RelevanceScorer,
    _ response: @escaping @Sendable (_ scores: [Double], _ usage: JSONValue) -> JSONValue
  ) throws(APIError) -> EmbeddingJob {
    if let field = ranking.embeddingField {
      throw .unsupported(field, "\(field) is for embeddings, and the model judges documents instead.")
    }
    if ranking.instruction != nil, !scorer.takesInstructions {
      throw .unsupported("instruction", "The model's prompt has no place for an instruction.")
    }
    var form = ranking.form
    form.pooling = .last
    var requests: [GenerationRequest] = []
    for (query, document) in ranking.pairs {
      let (text, path) = ranking.texts[document]
      let prompt: ChatPrompt
      do {
        prompt = try scorer.prompt(
          query: ranking.texts[query].text, document: text, instruction: ranking.instruction)
      } catch { throw .invalid(path, "The model's prompt cannot be made: \(error)", code: "template_failed") }
      let tokens = try served.encode(prompt, field: path).ids
      requests.append(try served.embeddingRequest(.tokens(tokens), form, ranking.scheduling, field: path))
    }
    return EmbeddingJob(requests: requests, timeLimit: ranking.scheduling.timeLimit) { embeddings in
      response(embeddings.map { scorer.score($0.values) }, Embeddings.usage(of: embeddings))
    }
  }
}
