internal import Foundation
public import InferText

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

  /// The values divided by their length, if there is one.
  public func normalized() -> [Float] { values.normalized() }

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
    let requests = prompts.map { GenerationRequest(embedding: $0, pooling: pooling) }
    for request in requests { try check(request) }
    return try await embeddings(of: requests)
  }

  /// The vectors of requests that have a ``GenerationRequest/pooling``, as many at a time as the engine runs at once.
  ///
  /// - Throws: As ``embed(_:pooling:)``.
  package func embeddings(of requests: [GenerationRequest]) async throws -> [Embedding] {
    try await withThrowingTaskGroup(of: (index: Int, embedding: Embedding).self) { group in
      var embeddings: [Embedding?] = Array(repeating: nil, count: requests.count)
      var (next, running) = (0, 0)
      while next < requests.count || running > 0 {
        if next < requests.count, running < limits.maxRunning,
          let generation = try submit(requests[next], orWaits: running > 0)
        {
          group.addTask { [next] in (next, try await generation.embedding()) }
          (next, running) = (next + 1, running + 1)
        } else if let done = try await group.next() {
          embeddings[done.index] = done.embedding
          running -= 1
        }
      }
      return embeddings.compactMap { $0 }
    }
  }

  /// Has a prompt read; `nil` when the queue is full and some of the caller's own are under way, for which it can wait.
  private func submit(_ request: GenerationRequest, orWaits canWait: Bool) throws(RequestError) -> Generation? {
    do throws(RequestError) { return try submit(request) } catch {
      switch error {
      case .queueFull, .queueTokensFull: if canWait { return nil } else { throw error }
      default: throw error
      }
    }
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

extension [Float] {
  /// The values divided by their Euclidean length; the same where that is 0.
  package func normalized() -> [Float] {
    let length = reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    return length > 0 ? map { Float(Double($0) / length) } : self
  }
}

/// An embedding that ended before its prompt was read.
public struct EmbeddingError: DescribedError, Equatable {
  /// The reason of the end.
  public let reason: FinishReason

  /// Creates an error.
  public init(reason: FinishReason) { self.reason = reason }

  /// A sentence that says what happened.
  public var description: String { "the embedding ended before its prompt was read: \(reason.rawValue)" }
}
