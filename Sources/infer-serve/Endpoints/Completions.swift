import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferKit
import InferText

/// `POST /v1/completions`
struct Completions: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context, decode: Self.decode)
  }

  private static func decode(
    _ reader: FieldReader, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<CompletionResponse> {
    var request = try CompletionRequest(reader, defaults: served.model.generation)
    if request.suffix != nil { request.stop = try FillInMiddlePrompt.stop(request.stop, served) }
    try served.check(choices: request.prompts.count * request.bestOf)
    let constraint = try served.text.constraints.answer(request.constraint)
    var requests: [GenerationRequest] = []
    var choices: [CompletionChoice] = []
    var shift: ContextShift?
    for (index, prompt) in request.prompts.enumerated() {
      let prompt = try fitting(prompt, request, served, &shift)
      var texts = try served.requests(
        request.bestOf, prompt: prompt.tokens, request.sampling, request.stop,
        length: CompletionRequest.defaultMaxTokens, scheduling: request.scheduling,
        promptLogprobs: request.scoredLogprobs)
      for index in texts.indices { texts[index].constrain(by: constraint) }
      requests += texts
      let choice = choice(index, prompt, request, served)
      if index == 0 { requests[0].session = request.session }
      choices += Array(repeating: choice, count: request.bestOf)
    }
    let head = ResponseHead(
      id: Identifier.make("cmpl"), created: Int(Date().timeIntervalSince1970), model: served.name,
      announcesUsage: request.streaming?.includesUsage ?? false, contextShift: shift)
    let response = CompletionResponse(
      head: head, choices: choices, keeping: request.choices, isStreamed: request.streaming != nil)
    return GenerationJob(
      requests: requests, builder: response, streaming: request.streaming, timeLimit: request.scheduling.timeLimit,
      skipsSpecialTokens: request.skipsSpecialTokens, promptField: "prompt",
      constraintField: request.constraint?.field, contextShift: shift)
  }

  /// A prompt's text, if it is to be echoed, and its tokens.
  static func read(
    _ prompt: CompletionRequest.Prompt, _ request: CompletionRequest, _ served: ServedModel
  ) throws(APIError) -> EchoedPrompt {
    switch prompt {
    case .tokens(let ids): EchoedPrompt(text: request.echo ? served.tokenizer.decode(ids) : "", tokens: ids)
    case .text(let text):
      EchoedPrompt(
        text: text,
        tokens: try served.encode(
          text, field: "prompt", addingSpecialTokens: request.addsSpecialTokens,
          overflow: request.overflow ?? served.overflow))
    }
  }

  private static func fit(_ request: CompletionRequest, _ served: ServedModel) -> TextFit {
    TextFit(
      context: served.engine.limits.contextLength, stop: request.stop, usualLength: CompletionRequest.defaultMaxTokens,
      keptTokens: request.keptTokens)
  }

  /// A prompt that fits the context, if it may be shortened.
  private static func fitting(
    _ prompt: CompletionRequest.Prompt, _ request: CompletionRequest, _ served: ServedModel,
    _ shift: inout ContextShift?
  ) throws(APIError) -> EchoedPrompt {
    let isShortened = (request.overflow ?? served.overflow) == .shift
    let before = shift?.droppedTokens ?? 0
    if let suffix = request.suffix, case .text(let text) = prompt {
      let (tokens, dropped) = try FillInMiddlePrompt(prefix: (text, "prompt"), suffix: (suffix, "suffix")).tokens(
        served, limit: isShortened ? fit(request, served).limit : nil, addsBeginning: request.addsSpecialTokens)
      if dropped > 0 { shift = ContextShift(droppedTokens: dropped + before) }
      return EchoedPrompt(text: "", tokens: tokens)
    }
    let prompt = try read(prompt, request, served)
    guard isShortened, let (left, dropped) = fit(request, served).shortened(prompt.tokens, served) else {
      return prompt
    }
    shift = ContextShift(droppedTokens: dropped + before)
    return EchoedPrompt(text: request.echo ? served.tokenizer.decode(left) : "", tokens: left)
  }

  private static func choice(
    _ index: Int, _ prompt: EchoedPrompt, _ request: CompletionRequest, _ served: ServedModel
  ) -> CompletionChoice {
    let names = TokenNames(tokenizer: served.tokenizer, areNumbers: request.numbersTokens)
    return CompletionChoice(
      prompt: index, echo: request.echo ? prompt : nil,
      logprobs: request.logprobs.map { CompletionLogprobs(names, count: $0) },
      promptLogprobs: request.promptLogprobs.map { PromptLogprobs(served.tokenizer, count: $0) })
  }
}
