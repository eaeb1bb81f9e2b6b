import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// Anthropic's `POST /v1/messages` and `POST /v1/messages/count_tokens`
struct Messages: Sendable {
  let service: GenerationService

  /// An answer to a conversation.
  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context, decode: Self.decode)
  }

  /// The number of a conversation's tokens.
  func count(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let request = try ChatRequest(messages: reader, defaults: served.model.generation, needsLength: false)
      return ["input_tokens": .integer(try EncodedChat.count(request, served))]
    }
  }

  private static func decode(
    _ reader: FieldReader, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<MessagesResponse> {
    let request = try ChatRequest(messages: reader, defaults: served.model.generation)
    let prepared = try PreparedChat(request, served)
    let head = MessagesResponse.Head(
      id: Identifier.make("msg", separator: "_"), model: served.name, promptTokens: prepared.chat.tokens.ids.count,
      markedTokens: prepared.chat.marks.last ?? 0, contextShift: prepared.chat.shift)
    return prepared.job(MessagesResponse(head: head, choice: prepared.choice(callPrefix: "toolu")))
  }
}
