import HybridBlocks
package import InferCore

/// The decoders of all endpoints that read a body, for those that try them without a server.
package enum RequestDecoding {
  /// What a body asks a chat template to render.
  package struct Conversation: Sendable {
    package let messages: JSONValue
    package let tools: JSONValue?
    package let variables: JSONObject
  }

  /// Paths of the endpoints.
  package static let paths = ["/v1/chat/completions", "/v1/completions"]

  /// Decodes a body as the endpoint does.
  ///
  /// - Parameters:
  ///   - body: The body's bytes.
  ///   - path: One of ``paths``.
  /// - Returns: What a chat asks to be rendered; nil for other endpoints.
  /// - Throws: What the client would be told.
  package static func decode(_ body: [UInt8], path: String) throws -> Conversation? {
    let reader = try FieldReader(body: body)
    guard path == paths[0] else {
      _ = try CompletionRequest(reader, defaults: GenerationDefaults())
      return nil
    }
    let request = try ChatRequest(reader, defaults: GenerationDefaults())
    return Conversation(
      messages: request.messages, tools: request.tools.definitions, variables: request.templateVariables)
  }
}
