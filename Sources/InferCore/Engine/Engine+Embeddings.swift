extension GenerationRequest {
  /// A request for the pooled hidden states of a prompt, of which nothing is generated; reported by
  /// ``GenerationEvent/pooled(_:)``.
  public init(
    embedding prompt: [Int32], pooling: Pooling, cacheScope: CacheScope? = .shared, priority: Int = 0,
    client: String? = nil
  ) {
    self.init(
      prompt: prompt, stop: .nothing, cacheScope: cacheScope, priority: priority, client: client)
    self.pooling = pooling
  }
}

/// A prompt's vector and its cost.
public struct Embedding: Sendable, Equatable {
  /// The pooled hidden states after the model's last norm: ``LanguageModel/hiddenWidth`` values.
  public let values: [Float]
  /// The cost in tokens and time.
  public let statistics: GenerationStatistics

  /// Creates an embedding.
  public init(values: [Float], statistics: GenerationStatistics) {
    self.values = values
    self.statistics = statistics
  }
}

extension Engine {
  /// The pooled hidden states of prompts, which are read side by side and beside all other requests. A task that is
  /// cancelled ends them.
  ///
  /// - Throws: ``RequestError`` as ``submit(_:)-([GenerationRequest])`` does, and ``EmbeddingError`` when one ends early.
  public func embed(_ prompts: [[Int32]], pooling: Pooling) async throws -> [Embedding] {
    let generations = try submit(prompts.map { GenerationRequest(embedding: $0, pooling: pooling) })
    var embeddings: [Embedding] = []
    for generation in generations { embeddings.append(try await generation.embedding()) }
    return embeddings
  }
}

extension Generation {
  /// The vector of a request with ``GenerationRequest/pooling``; waits for it. A task that is cancelled while it waits
  /// cancels the generation.
  ///
  /// - Throws: ``EmbeddingError`` when it ends before its prompt is read.
  public func embedding() async throws(EmbeddingError) -> Embedding {
    var values: [Float] = []
    for await event in self {
      switch event {
      case .pooled(let pooled): values = pooled
      case .finished(.length, let statistics): return Embedding(values: values, statistics: statistics)
      case .finished(let reason, _): throw EmbeddingError(reason: reason)
      case .promptScores, .token: break
      }
    }
    throw EmbeddingError(reason: .cancelled)
  }
}

/// An embedding that ended before its prompt was read.
public struct EmbeddingError: Error, Equatable, CustomStringConvertible {
  /// The reason of the end.
  public let reason: FinishReason

  /// Creates an error.
  public init(reason: FinishReason) { self.reason = reason }

  /// A sentence that says what happened.
  public var description: String { "the embedding ended before its prompt was read: \(reason.rawValue)" }
}
