import HybridBlocks
import InferCore
import InferKit
import InferText

/// A text that is gone on with, without the chat template, ready for the engine: all but the form of its response.
struct PreparedText {
  private let request: ChatRequest
  private let served: ServedModel
  /// The text's tokens.
  let tokens: [Int32]
  /// The part that was left out of the text, if any.
  let shift: ContextShift?
  /// One request to the engine; none where there is no text.
  let requests: [GenerationRequest]

  /// Tokenises a text.
  ///
  /// - Parameter kept: The first tokens that it keeps when it is shortened; `nil` for all.
  init(
    _ request: ChatRequest, _ text: String, keeping kept: Int?, _ served: ServedModel
  ) throws(APIError) {
    let overflow = request.overflow ?? served.overflow
    let tokens = try served.encode(text, field: request.promptField, addingSpecialTokens: true, overflow: overflow)
    let shortened = overflow == .shift ? Self.fit(request, keeping: kept, served).shortened(tokens, served) : nil
    try self.init(
      request, shortened?.tokens ?? tokens, shift: shortened.map { ContextShift(droppedTokens: $0.dropped) }, served)
  }

  /// Tokenises a text with a gap.
  init(
    _ request: ChatRequest, _ prompt: FillInMiddlePrompt, addsBeginning: Bool = true, _ served: ServedModel
  ) throws(APIError) {
    var request = request
    request.stop = try FillInMiddlePrompt.stop(request.stop, served)
    let limit = Self.fit(request, keeping: 0, served).limit
    let whole = try prompt.tokens(
      served, limit: request.overflow ?? served.overflow == .shift ? limit : nil, addsBeginning: addsBeginning)
    try self.init(
      request, whole.tokens, shift: whole.dropped == 0 ? nil : ContextShift(droppedTokens: whole.dropped), served)
  }

  /// No text, and no answer.
  init(nothing request: ChatRequest, _ served: ServedModel) {
    self.request = request
    self.served = served
    (tokens, shift, requests) = ([], nil, [])
  }

  private init(
    _ request: ChatRequest, _ tokens: [Int32], shift: ContextShift?, _ served: ServedModel
  ) throws(APIError) {
    self.request = request
    self.served = served
    self.tokens = tokens
    self.shift = shift
    var requests = try served.requests(
      1, prompt: tokens, request.sampling, request.stop, length: served.model.generation.maxTokens,
      scheduling: request.scheduling, matchesStopStrings: false, contextLimit: request.contextLimit,
      promptField: request.promptField)
    requests[0].session = request.session
    requests[0].constrain(by: try served.text.constraints.answer(request.constraint))
    self.requests = requests
  }

  private static func fit(_ request: ChatRequest, keeping kept: Int?, _ served: ServedModel) -> TextFit {
    TextFit(
      context: served.contextLength(request.contextLimit), stop: request.stop,
      usualLength: served.model.generation.maxTokens, keptTokens: kept)
  }

  /// A choice that has not begun, all of whose text is content.
  func choice() -> ChatChoice {
    var format = served.format
    format.reasoning = .none
    return ChatChoice(
      OutputParser(format, prompt: ""),
      ChatChoice.Options(
        stop: request.stop,
        logprobs: request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer)))
  }

  /// The job whose response `builder` makes.
  func job<Builder: ResponseBuilder>(_ builder: Builder) -> GenerationJob<Builder> {
    GenerationJob(
      requests: requests, builder: builder, streaming: request.streaming, timeLimit: request.scheduling.timeLimit,
      skipsSpecialTokens: request.skipsSpecialTokens, promptField: request.promptField,
      constraintField: request.constraint?.field, contextShift: shift)
  }
}
