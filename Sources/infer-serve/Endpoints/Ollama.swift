import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// Ollama's `POST /api/chat` and `POST /api/generate`
struct Ollama: Sendable {
  let service: GenerationService

  /// An answer to a conversation.
  func chat(_ request: Request, _ context: ServeContext) async throws -> Response {
    let grant = context.grant
    return try await service.respond(request, context) { reader, served throws(APIError) in
      try Self.job(OllamaRequest(chat: reader, defaults: served.model.generation), .chat, served, grant)
    }
  }

  /// An answer to a text, its continuation, or what fills its gap.
  func generate(_ request: Request, _ context: ServeContext) async throws -> Response {
    let grant = context.grant
    return try await service.respond(request, context) { reader, served throws(APIError) in
      try Self.job(OllamaRequest(generate: reader, defaults: served.model.generation), .generate, served, grant)
    }
  }

  private static func job(
    _ request: OllamaRequest, _ form: OllamaResponse.Form, _ served: ServedModel, _ grant: Grant
  ) throws(APIError) -> GenerationJob<OllamaResponse> {
    let unloads = served.stay(request.stayTime, grant) && request.stayTime == .time(.zero)
    let text =
      request.prompt == .nothing ? PreparedText(nothing: request.chat, served) : try PreparedText(request, served)
    guard let text else {
      let prepared = try PreparedChat(request.chat, served)
      let choice = prepared.choice()
      return prepared.job(
        OllamaResponse(form, model: served.name, choice: choice, contextShift: prepared.chat.shift))
    }
    return text.job(
      OllamaResponse(
        form, model: served.name, choice: text.choice(), contextShift: text.shift, unloads: unloads))
  }
}

extension PreparedText {
  /// The text of a request of Ollama's; `nil` where it is a conversation.
  init?(_ ollama: OllamaRequest, _ served: ServedModel) throws(APIError) {
    let request = ollama.chat
    switch ollama.prompt {
    case .text(let text): self = try PreparedText(request, text, keeping: ollama.keptTokens, served)
    case .gap(let prefix, let suffix):
      let prompt = FillInMiddlePrompt(prefix: (prefix, "prompt"), suffix: (suffix, "suffix"))
      self = try PreparedText(request, prompt, served)
    // As Ollama's own template for models that have none.
    case .conversation where served.model.chatTemplate == nil && request.messages.array?.count == 1:
      let text = request.messages[0]?["content"]?.string ?? ""
      self = try PreparedText(request, text, keeping: ollama.keptTokens, served)
    case .conversation, .nothing: return nil
    }
  }
}
