import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// Ollama's `POST /api/chat` and `POST /api/generate`
struct Ollama: Sendable {
  let service: GenerationService

  /// An answer to a conversation.
  func chat(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context) { reader, served throws(APIError) in
      try Self.job(OllamaRequest(chat: reader, defaults: served.model.generation), .chat, served)
    }
  }

  /// An answer to a text, its continuation, or what fills its gap.
  func generate(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context) { reader, served throws(APIError) in
      try Self.job(OllamaRequest(generate: reader, defaults: served.model.generation), .generate, served)
    }
  }

  private static func job(
    _ request: OllamaRequest, _ form: OllamaResponse.Form, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<OllamaResponse> {
    guard request.prompt != .nothing else {
      return PreparedText(request.chat, [], nil, served).job([], form)
    }
    guard let text = try PreparedText(request, served) else {
      let prepared = try PreparedChat(request.chat, served)
      return prepared.job(
        OllamaResponse(form, model: served.name, choice: prepared.choice(), contextShift: prepared.chat.shift))
    }
    return text.job(try text.requests(), form)
  }
}

/// A request of Ollama's without the chat template: a text that is gone on with, or one with a gap.
private struct PreparedText {
  private let request: ChatRequest
  private let tokens: [Int32]
  private let shift: ContextShift?
  private let served: ServedModel

  init(_ request: ChatRequest, _ tokens: [Int32], _ shift: ContextShift?, _ served: ServedModel) {
    self.request = request
    self.tokens = tokens
    self.shift = shift
    self.served = served
  }

  /// The tokens of a request's text; `nil` where it is a conversation.
  init?(_ ollama: OllamaRequest, _ served: ServedModel) throws(APIError) {
    var request = ollama.chat
    let overflow = request.overflow ?? served.overflow
    let fit = TextFit(
      context: served.contextLength(request.contextLimit), stop: request.stop,
      usualLength: served.model.generation.maxTokens, keptTokens: ollama.keptTokens)
    let text: String
    switch ollama.prompt {
    case .text(let whole): text = whole
    case .gap(let prefix, let suffix):
      let prompt = FillInMiddlePrompt(prefix: (prefix, "prompt"), suffix: (suffix, "suffix"))
      request.stop = try prompt.stop(request.stop, served)
      self.init(request, try prompt.tokens(served, limit: overflow == .shift ? fit.limit : nil), nil, served)
      return
    // As Ollama's own template for models that have none.
    case .conversation where served.model.chatTemplate == nil && request.messages.array?.count == 1:
      text = request.messages[0]?["content"]?.string ?? ""
    case .conversation, .nothing: return nil
    }
    let tokens = try served.encode(
      text, field: request.promptField, addingSpecialTokens: true, overflow: overflow)
    guard overflow == .shift, let (left, dropped) = fit.shortened(tokens, served) else {
      self.init(request, tokens, nil, served)
      return
    }
    self.init(request, left, ContextShift(droppedTokens: dropped), served)
  }

  func requests() throws(APIError) -> [GenerationRequest] {
    var requests = try served.requests(
      1, prompt: tokens, request.sampling, request.stop, length: served.model.generation.maxTokens,
      scheduling: request.scheduling, matchesStopStrings: false, contextLimit: request.contextLimit,
      promptField: request.promptField)
    requests[0].session = request.session
    return requests
  }

  /// The job whose answer is told as it is.
  func job(
    _ requests: [GenerationRequest], _ form: OllamaResponse.Form
  ) -> GenerationJob<OllamaResponse> {
    var format = served.format
    format.reasoning = .none
    let choice = ChatChoice(
      OutputParser(format, prompt: "", streaming: request.streaming != nil),
      ChatChoice.Options(
        stop: request.stop,
        logprobs: request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer)))
    return GenerationJob(
      requests: requests,
      builder: OllamaResponse(form, model: served.name, choice: choice, contextShift: shift),
      streaming: request.streaming, timeLimit: request.scheduling.timeLimit,
      skipsSpecialTokens: request.skipsSpecialTokens, promptField: request.promptField, contextShift: shift)
  }
}
