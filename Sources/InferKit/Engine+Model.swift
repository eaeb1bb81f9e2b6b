extension Engine {
  /// The model that the engine was started for, with its texts and recommendations; `nil` for an engine of bare weights.
  public var loadedModel: Model? { model as? Model }

  /// The vectors of texts, pooled and normalised as the model's files say. Texts are read side by side, as many at a time as
  /// the engine runs.
  ///
  /// - Parameters:
  ///   - texts: The texts.
  ///   - pooling: The way in which a text's hidden states become a vector; `nil` for the model's own.
  /// - Returns: For each text, `LanguageModel/hiddenWidth` values.
  /// - Throws: `ModelError.unsuitable` for a model without a tokenizer or without a way of pooling, `TokenizerError`,
  ///   `RequestError` for a text that does not fit the context, `EmbeddingError` when the engine is shut down,
  ///   `CancellationError`.
  public func embed(_ texts: [String], pooling: Pooling? = nil) async throws -> [[Float]] {
    guard let model = loadedModel else { throw ChatError.bareEngine }
    guard let tokenizer = model.tokenizer else { throw ModelError.unsuitable("\(model.name) has no tokenizer") }
    guard let pooling = pooling ?? model.embedding.pooling else {
      throw ModelError.unsuitable("\(model.name): \(model.embedding.obstacle ?? "the model's files name no pooling")")
    }
    var requests: [GenerationRequest] = []
    for text in texts {
      let request = GenerationRequest(
        embedding: try tokenizer.encode(text, addingSpecialTokens: true), pooling: pooling)
      try check(request)
      requests.append(request)
    }
    do {
      return try await embeddings(of: requests).map { model.embedding.normalizes ? $0.normalized() : $0.values }
    } catch let error as EmbeddingError where error.reason == .cancelled && Task.isCancelled {
      throw CancellationError()
    }
  }

  /// The vector of a text; see `embed(_:pooling:)` of several.
  public func embed(_ text: String, pooling: Pooling? = nil) async throws -> [Float] {
    try await embed([text], pooling: pooling)[0]
  }
}
