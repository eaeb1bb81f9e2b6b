import InferText

/// Operations that embed texts and compare them.
extension Operation {
  private static let usage: JSONShape = .object(["prompt_tokens": count, "total_tokens": count])

  static let embeddings = embedding(
    "createEmbedding", "Embeds texts.", openAI, .embeddings,
    .object([
      "object": .values(["list"]), "model": .string, "usage": usage,
      "data": .array(
        .object([
          "object": .values(["embedding"]), "index": count, "embedding": .either([.array(.number), .string]),
        ])),
    ]))
  static let rerank = embedding(
    "rerank", "Ranks documents by their nearness to a query.", vllm, .rerank,
    .object([
      "id": .string, "model": .string, "usage": usage,
      "results": .array(.object(["index": count, "relevance_score": .number, "document?": .any])),
    ]))
  static let score = embedding(
    "score", "Tells how near texts are to others.", vllm, .score,
    .object([
      "id": .string, "object": .values(["list"]), "model": .string, "usage": usage,
      "data": .array(.object(["object": .values(["score"]), "index": count, "score": .number])),
    ]))

  private static let vector = JSONShape.array(.number)
  static let ollamaEmbed = embedding(
    "ollamaEmbed", "Embeds texts.", ollama, .ollamaEmbed,
    .object([
      "model": .string, "embeddings": .array(vector), "total_duration": count, "load_duration": count,
      "prompt_eval_count": count,
    ]))
  static let ollamaEmbeddings = embedding(
    "ollamaEmbeddings", "Embeds a text.", ollama, .ollamaEmbeddings, .object(["embedding": vector]))

  private static func embedding(
    _ id: String, _ summary: String, _ group: String, _ fields: RequestFields, _ shape: JSONShape
  ) -> Operation {
    Operation(
      id: id, summary: summary, group: group, parameters: [limit], fields: fields, answer: .json(shape),
      statuses: generating)
  }
}
