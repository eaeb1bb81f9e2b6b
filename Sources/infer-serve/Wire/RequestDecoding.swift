import HybridBlocks
import InferCore
package import InferText

/// The decoders of all endpoints that read a body, for those that try them without a server.
package enum RequestDecoding {
  /// The conversation that a body asks a chat template to render.
  package struct Conversation: Sendable {
    package let messages: JSONValue
    package let tools: JSONValue?
    package let variables: JSONObject
  }

  /// Paths of the endpoints.
  package static let paths = [
    "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/rerank",
    "/v1/score", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/infill", "/tokenize", "/detokenize",
  ]

  /// Decodes a body as the endpoint does.
  ///
  /// - Parameters:
  ///   - body: The body's bytes.
  ///   - path: One of ``paths``.
  /// - Returns: The conversation that is to be rendered; nil when there is none.
  /// - Throws: What the client would be told.
  package static func decode(_ body: [UInt8], path: String) throws -> Conversation? {
    let (reader, defaults) = (try FieldReader(body: body), GenerationDefaults())
    switch path {
    case "/v1/chat/completions": return Conversation(try ChatRequest(reader, defaults: defaults))
    case "/v1/messages": return Conversation(try ChatRequest(messages: reader, defaults: defaults))
    case "/v1/responses":
      return Conversation(try ResponsesRequest(reader, defaults: defaults, response: ResponseID()).chat)
    case "/api/chat": return Conversation(try OllamaRequest(chat: reader, defaults: defaults).chat)
    case "/api/generate": return Conversation(try OllamaRequest(generate: reader, defaults: defaults).chat)
    case "/v1/embeddings": _ = try EmbeddingsRequest(reader, width: 64)
    case "/api/embed": _ = try OllamaEmbeddingRequest(embed: reader, width: 64)
    case "/api/embeddings": _ = try OllamaEmbeddingRequest(embeddings: reader)
    case "/v1/rerank": _ = try RankingRequest(rerank: reader)
    case "/v1/score": _ = try RankingRequest(score: reader)
    case "/infill": _ = try InfillRequest(reader, defaults: defaults)
    case "/v1/completions": _ = try CompletionRequest(reader, defaults: defaults)
    case "/tokenize":
      if case .chat(let chat) = try TokenizeRequest(reader, defaults: defaults).source { return Conversation(chat) }
    case "/detokenize": _ = try DetokenizeRequest(reader)
    default: preconditionFailure("no endpoint \(path) reads a body")
    }
    return nil
  }
}

extension RequestDecoding.Conversation {
  fileprivate init(_ request: ChatRequest) {
    self.init(messages: request.messages, tools: request.tools.definitions, variables: request.promptVariables)
  }
}
