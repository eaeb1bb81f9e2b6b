import HybridBlocks
import InferCore
import InferText
import NIOCore

/// Prompts whose hidden states are wanted, and what is made of them.
struct EmbeddingJob: Sendable {
  /// The requests to the engine, which have been checked.
  var requests: [GenerationRequest]
  /// The time for the request, if it wants less than the server allows.
  var timeLimit: Duration?
  /// The response's body, made of one embedding for each request.
  var response: @Sendable ([Embedding]) -> JSONValue

  /// Computes the embeddings, as many at a time as the engine runs at once.
  func run(_ engine: Engine, channel: any Channel, until deadline: Deadline) async throws -> [Embedding] {
    let task = Task { try await engine.embeddings(of: requests) }
    let supervisor = await AnswerSupervisor(channel: channel, until: deadline) { task.cancel() }
    defer { supervisor.stop() }
    do { return try await task.value } catch let error as EmbeddingError {
      switch (error.reason, supervisor.cause) {
      case (.notFinite, _): throw APIError.failed("The model's hidden states are no numbers.")
      case (.cancelled, .timedOut): throw APIError.timedOut(after: supervisor.limit)
      case (.cancelled, .clientGone): throw APIError.clientGone
      default: throw APIError.unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
      }
    } catch let error as RequestError { throw APIError(error, promptField: "input") }
  }
}

extension ServedModel {
  /// A checked request for the embedding of a text or of tokens.
  ///
  /// - Parameter field: The field that a complaint names.
  func embeddingRequest(
    _ input: EmbeddingInput, _ form: EmbeddingForm, _ scheduling: SchedulingFields, field: String
  ) throws(APIError) -> GenerationRequest {
    let tokens: [Int32] =
      switch input {
      case .text(let text): try encode(text, field: field, addingSpecialTokens: form.addsSpecialTokens)
      case .tokens(let tokens): tokens
      }
    guard let pooling = form.pooling ?? embedding.pooling else {
      throw .invalid(
        "pooling",
        "pooling is required: \(embedding.obstacle ?? "the model's files name none"). It may be mean, last or cls.",
        code: "invalid_value")
    }
    var request = GenerationRequest(
      embedding: tokens, pooling: pooling, cacheScope: scheduling.cacheScope, priority: scheduling.priority,
      client: scheduling.client)
    request.adapter = adapter
    do throws(RequestError) { try engine.check(request) } catch {
      throw APIError(error, promptField: field, maxTokens: 0)
    }
    return request
  }
}
