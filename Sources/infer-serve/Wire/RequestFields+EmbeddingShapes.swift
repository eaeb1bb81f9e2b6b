import InferCore
import InferText

extension RequestFields {
  /// Shapes of `POST /v1/embeddings` where they differ.
  static let embeddingShapes = shapes(of: [
    embeddingFormShapes,
    [
      "input": .described(
        .either([.string, .array(.either([tokenID, .string, .array(tokenID)]), count: 1...RequestBounds.messages)]),
        "The text, its tokens, or an array of either."),
      "dimensions": dimensions,
      "encoding_format": .described(
        .choice(["float", "base64"]), "Whether vectors are told as numbers or as the bytes of floats."),
    ],
  ])

  /// Shapes of `POST /v1/rerank` where they differ.
  static let rerankShapes = shapes(of: [
    embeddingFormShapes,
    [
      "query": .described(.string, "The text that documents are compared with."),
      "documents": .described(
        .array(text, count: 1...RequestBounds.prompts), "The texts that are compared, which may be in objects."),
      "top_n": .described(.integer(1 ... .max), "The maximum number of results."),
      "return_documents": .described(.boolean, "Whether results have the documents; true by default."),
      "instruction": instruction,
    ],
  ])

  /// Shapes of `POST /v1/score` where they differ.
  static let scoreShapes = shapes(of: [
    embeddingFormShapes,
    [
      "text_1": .described(texts, "One text, or as many as there are in text_2."),
      "text_2": .described(texts, "The texts that text_1 is compared with."),
      "queries": .described(texts, "Another name of text_1, beside documents."),
      "documents": .described(texts, "Another name of text_2, beside queries."), "instruction": instruction,
    ],
  ])

  /// Shapes of Ollama's `POST /api/embed` where they differ.
  static let ollamaEmbedShapes = shapes(of: [
    embeddingFormShapes, ollamaEmbeddingShapes,
    [
      "input": .described(
        .either([.string, .array(.string, count: 0...RequestBounds.prompts)]),
        "The text or texts; the model is loaded where there is none."), "dimensions": dimensions,
    ],
  ])

  /// Shapes of Ollama's `POST /api/embeddings` where they differ.
  static let ollamaEmbeddingsShapes = shapes(of: [
    embeddingFormShapes, ollamaEmbeddingShapes,
    ["prompt": .described(.string, "The text; the model is loaded where there is none.")],
  ])

  private static let ollamaEmbeddingShapes: KeyValuePairs<String, JSONShape> = [
    "truncate": .described(.boolean, "Whether the end of a text that is too long is left out; true by default."),
    "num_ctx": .described(.integer(1 ... .max), "The maximum number of tokens of a text."),
    "options": .described(.object([]), "num_ctx, by the name that Ollama has for it."),
    "keep_alive": stayTime,
  ]

  private static let dimensions = JSONShape.described(
    .integer(1 ... .max), "The number of values that vectors are cut to; at most those that they have.")

  private static let embeddingFormShapes: KeyValuePairs<String, JSONShape> = [
    "pooling": .described(.choice(Pooling.allCases.map(\.rawValue)), "The way in which states become one vector."),
    "normalize": .described(.boolean, "Whether vectors are divided by their lengths."),
  ]

  private static let instruction = JSONShape.described(
    .string, "The task that documents have to serve, for a model that judges them.")

  /// A text, which may be in an object.
  private static let text = JSONShape.either([.string, .object(["text": .string])])
  private static let texts = JSONShape.either([.string, .array(text, count: 1...RequestBounds.prompts)])
}
