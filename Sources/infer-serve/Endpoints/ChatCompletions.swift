import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `POST /v1/chat/completions`
struct ChatCompletions: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context, decode: Self.decode)
  }

  private static func decode(
    _ reader: FieldReader, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<ChatResponse> {
    let request = try ChatRequest(reader, defaults: served.model.generation)
    let prepared = try PreparedChat(request, served)
    let head = ResponseHead(
      id: Identifier.make("chatcmpl"), created: Int(Date().timeIntervalSince1970), model: served.name,
      announcesUsage: request.streaming?.includesUsage ?? false, contextShift: prepared.chat.shift)
    let promptLogprobs = request.promptLogprobs.map { PromptLogprobs(served.tokenizer, count: $0) }
    return prepared.job(
      ChatResponse(
        head: head, count: request.choices, choice: prepared.choice(), promptLogprobs: promptLogprobs,
        callsFunctions: request.tools.areFunctions))
  }
}
