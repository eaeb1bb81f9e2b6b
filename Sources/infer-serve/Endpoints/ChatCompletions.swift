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
    try served.check(choices: request.choices)
    let template = try template(of: served)
    if request.tools.definitions != nil { try served.checkTools(template) }
    if request.templateVariables["documents"] != nil, !template.mentions("documents") {
      throw .unsupported("documents", "The model's chat template takes no documents.")
    }
    let chat = try EncodedChat(request, template, served)
    let head = ResponseHead(
      id: Identifier.make("chatcmpl"), created: Int(Date().timeIntervalSince1970), model: served.name,
      announcesUsage: request.streaming?.includesUsage ?? false, contextShift: chat.shift)
    // Reasoning that is wanted in the content stays as the model wrote it.
    var format = served.format
    if request.reasoningPlace == .inContent { format.reasoning = .none }
    let parser = OutputParser(
      format, prompt: chat.prompt.text, tools: request.tools.definitions, streaming: request.streaming != nil)
    let choice = ChatChoice(
      parser,
      ChatChoice.Options(
        opening: chat.opening, stop: request.stop, allowsSeveralCalls: request.tools.allowsSeveral,
        reasoningPlace: request.reasoningPlace,
        logprobs: request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer),
        makeCallID: { [format = served.format.toolCalls] in Identifier.makeCall(format) }))
    var requests = try served.requests(
      request.choices, prompt: chat.tokens.ids, request.sampling, request.stop,
      length: served.model.generation.maxTokens,
      scheduling: request.scheduling, branches: chat.tokens.branches, matchesStopStrings: false)
    requests[0].promptLogprobs = request.promptLogprobs
    requests[0].session = request.session
    let promptLogprobs = request.promptLogprobs.map { PromptLogprobs(served.tokenizer, count: $0) }
    return GenerationJob(
      requests: requests,
      builder: ChatResponse(head: head, count: request.choices, choice: choice, promptLogprobs: promptLogprobs),
      streaming: request.streaming, timeLimit: request.scheduling.timeLimit,
      visibleTokens: served.format.markers(of: served.tokenizer, takesCalls: request.tools.definitions != nil),
      skipsSpecialTokens: request.skipsSpecialTokens, promptField: "messages", contextShift: chat.shift)
  }

  /// The prompt of a chat request, without what a demanded call adds to it.
  static func prompt(_ request: ChatRequest, _ served: ServedModel) throws(APIError) -> ChatPrompt {
    try render(template(of: served), request, served, byteLimit: served.longestText)
  }

  private static func template(of served: ServedModel) throws(APIError) -> ChatTemplate {
    guard let template = served.model.chatTemplate else {
      throw .invalid("messages", "The model has no chat template; use /v1/completions.", code: "no_chat_template")
    }
    return template
  }

  /// The part of an answer, which must begin with a call, that the prompt has to hold.
  static func opening(
    _ request: ChatRequest, _ prompt: String, _ served: ServedModel
  ) throws(APIError) -> String {
    guard let demand = request.tools.demand else { return "" }
    guard request.addsGenerationPrompt else {
      throw .invalid(
        "tool_choice", "A tool_choice that demands a call needs add_generation_prompt.", code: "invalid_value")
    }
    let function: String? = if case .function(let name) = demand { name } else { nil }
    guard let opening = served.format.callOpening(of: function, prompt: prompt) else {
      throw .unsupported("tool_choice", "No call can be demanded: the server has been told to look for none.")
    }
    return opening
  }

  /// The text of a conversation's prompt, of so many bytes at most.
  static func render(
    _ template: ChatTemplate, _ request: ChatRequest, _ served: ServedModel, byteLimit: Int
  ) throws(APIError) -> ChatPrompt {
    do {
      return try template.prompt(
        messages: request.messages, tools: request.tools.definitions, addGenerationPrompt: request.addsGenerationPrompt,
        variables: request.templateVariables, byteLimit: byteLimit)
    } catch {
      if case .tooLong(let limit) = error { throw served.tooLong(bytes: limit + 1, "messages") }
      let reason = if case .raised(let message) = error { message } else { "\(error)" }
      throw .invalid("messages", "The chat template refuses the conversation: \(reason)", code: "template_error")
    }
  }
}
