import Foundation
import Hummingbird
import HybridBlocks
import InferCore

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
    try served.check(choices: request.choices)
    guard let template = served.model.chatTemplate else {
      throw .invalid("messages", "The model has no chat template; use /v1/completions.", code: "no_chat_template")
    }
    if request.tools.definitions != nil { try served.checkTools(template) }
    let prompt = try render(template, request, served)
    let tokens = try served.encode(prompt, field: "messages", addingSpecialTokens: false)
    let head = ResponseHead(
      id: Identifier.make("chatcmpl"), created: Int(Date().timeIntervalSince1970), model: served.model.name,
      announcesUsage: request.streaming?.includesUsage ?? false)
    let parser = OutputParser(
      served.format, prompt: prompt, tools: request.tools.definitions, streaming: request.streaming != nil)
    let choice = ChatChoice(
      parser, allowsSeveralCalls: request.tools.allowsSeveral,
      format: request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer))
    return GenerationJob(
      requests: try served.requests(
        request.choices, prompt: tokens, request.sampling, request.stop, length: served.model.generation.maxTokens),
      builder: ChatResponse(head: head, count: request.choices, choice: choice), streaming: request.streaming,
      visibleTokens: served.format.markers(of: served.tokenizer, takesCalls: request.tools.definitions != nil),
      promptField: "messages")
  }

  private static func render(
    _ template: ChatTemplate, _ request: ChatRequest, _ served: ServedModel
  ) throws(APIError) -> String {
    do {
      return try template.render(
        messages: request.messages, tools: request.tools.definitions, addGenerationPrompt: request.addsGenerationPrompt,
        variables: templateVariables(of: served.tokenizer).merging(request.templateVariables) { _, given in given })
    } catch {
      let reason = if case .raised(let message) = error { message } else { "\(error)" }
      throw .invalid("messages", "The chat template refuses the conversation: \(reason)", code: "template_error")
    }
  }
}
