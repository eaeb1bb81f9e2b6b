import HybridBlocks
import InferCore
import InferKit
import InferText

/// A chat request that is ready for the engine: all but the form of its response.
struct PreparedChat {
  let request: ChatRequest
  let served: ServedModel
  /// The conversation as the model reads it.
  let chat: EncodedChat
  /// One request to the engine for every choice.
  let requests: [GenerationRequest]
  private let prepared: PreparedPrompt

  /// Renders and tokenises the conversation.
  ///
  /// - Throws: The refusal of what the model, or its chat template, does not take.
  init(_ request: ChatRequest, _ served: ServedModel) throws(APIError) {
    try served.check(choices: request.choices)
    let template = try EncodedChat.template(request, served)
    self.request = request
    self.served = served
    chat = try EncodedChat(request, template, served)
    var requests = try served.requests(
      request.choices, prompt: chat.tokens.ids, request.sampling, request.stop,
      length: served.model.generation.maxTokens, scheduling: request.scheduling, branches: chat.branches,
      matchesStopStrings: false, contextLimit: request.contextLimit, promptField: request.promptField)
    requests[0].promptLogprobs = request.promptLogprobs
    requests[0].session = request.session
    do {
      prepared = try PreparedPrompt(chat.prompt, request.constraint?.language, request.tools.rules, served.text)
    } catch { throw APIError(error, request.constraint, tools: request.tools) }
    for index in requests.indices { prepared.constrain(&requests[index]) }
    self.requests = requests
  }

  /// A choice that has not begun.
  ///
  /// - Parameter callPrefix: The beginning of the names of calls that the model gives no name.
  func choice(callPrefix: String = "call") -> ChatChoice {
    // Reasoning that is wanted in the content stays as the model wrote it.
    let parser = prepared.parser(takesReasoning: request.reasoningPlace != .inContent)
    return ChatChoice(
      parser,
      ChatChoice.Options(
        stop: request.stop, allowsSeveralCalls: request.tools.allowsSeveral,
        textTools: request.tools.textTools, reasoningPlace: request.reasoningPlace,
        logprobs: request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer),
        makeCallID: { [format = served.format.toolCalls] in ToolCall.makeID(format, prefix: callPrefix) }))
  }

  /// The job whose response `builder` makes.
  func job<Builder: ResponseBuilder>(_ builder: Builder) -> GenerationJob<Builder> {
    GenerationJob(
      requests: requests, builder: builder, streaming: request.streaming, timeLimit: request.scheduling.timeLimit,
      visibleTokens: prepared.visibleTokens,
      skipsSpecialTokens: request.skipsSpecialTokens, promptField: request.promptField,
      constraintField: request.constraint?.field ?? request.tools.definitions.map { _ in request.tools.field },
      contextShift: chat.shift, chat: chat)
  }
}
