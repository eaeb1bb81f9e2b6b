import Hummingbird
import InferCore
import InferText

/// The generations for a request, and how they are written.
struct GenerationJob<Builder: ResponseBuilder> {
  /// One request to the engine for every choice; none where the response is there already.
  var requests: [GenerationRequest]
  /// Turns what comes into the response.
  var builder: Builder
  /// The options of streaming; `nil` for one response at the end.
  var streaming: StreamingOptions?
  /// The time for the request, if it wants less than the server allows.
  var timeLimit: Duration?
  /// Special tokens whose names belong to the text; `nil` for the usual ones.
  var visibleTokens: Set<Int32>?
  /// `true` when all other special tokens have no text.
  var skipsSpecialTokens = true
  /// The field that a complaint about the prompt names.
  var promptField: String
  /// The field that holds the answer to a language; `nil` for none.
  var constraintField: String?
  /// The part that was left out of the prompt, if any.
  var contextShift: ContextShift?
  /// The conversation as the model reads it, until the requests are marked; `nil` for a prompt without a chat template.
  var chat: EncodedChat?
  /// Keeps the response when it is over, before its client is told so.
  var keep: (@Sendable (Builder) async -> Void)?
  /// Lets the answer go on without its client, and returns what the client is told instead.
  var detach: (@Sendable (Answer, Builder, ServeContext, Deadline) async -> Response)?
}

extension GenerationJob {
  /// `true` when the scores of all the prompt's tokens are told.
  var tellsPromptScores: Bool { requests.contains { $0.promptLogprobs != nil } }

  /// Refuses a job with more log-probabilities than an answer may have.
  func checkLogprobs(contextLength: Int) throws(APIError) {
    let wanted = requests.reduce(0) { $0 + $1.logprobCount(contextLength: contextLength) }
    guard wanted > RequestBounds.logprobs else { return }
    throw .invalid(
      "logprobs",
      "The request asks for \(wanted) log-probabilities: choices × tokens × (alternatives + 1). At most "
        + "\(RequestBounds.logprobs) can be given; lower n, max_tokens or the number of alternatives.",
      code: "too_many_logprobs")
  }
}

extension GenerationRequest {
  /// Log-probabilities that may be told of this request.
  fileprivate func logprobCount(contextLength: Int) -> Int {
    let room = max(0, contextLength - prompt.count)
    let generated = sampling.logprobs.map { ($0 + 1) * min(stop.maxTokens ?? room, room) } ?? 0
    return generated + (promptLogprobs.map { ($0 + 1) * prompt.count } ?? 0)
  }
}

extension ServedModel {
  /// Requests to the engine for `count` choices that continue `prompt`, `length` tokens long if they name no length.
  /// Stop strings are left out if the text is not to be searched for them as a whole. With a limit of the context, prompt
  /// and answer are held to it.
  func requests(
    _ count: Int, prompt: [Int32], _ sampling: SamplingParameters, _ stop: StopConditions, length: Int?,
    scheduling: SchedulingFields, branches: [Int] = [], promptLogprobs: Int? = nil, matchesStopStrings: Bool = true,
    contextLimit: Int? = nil, promptField: String = "prompt"
  ) throws(APIError) -> [GenerationRequest] {
    let context = contextLength(contextLimit)
    if contextLimit != nil, prompt.count >= context {
      throw .contextExceeded(length: context, tokens: prompt.count, field: promptField, maxTokens: stop.maxTokens)
    }
    do {
      // Who names no length gets no more than can be told.
      let told = sampling.logprobs.map { RequestBounds.logprobs / (count * ($0 + 1)) }
      var stop = try (matchesStopStrings ? stop : stop.withoutStrings()).defaultingLength(
        to: [length, told].compactMap { $0 }.min(), promptTokens: prompt.count, contextLength: context)
      if contextLimit != nil { stop = try stop.limited(to: context - prompt.count) }
      return (0..<count).map {
        var request = GenerationRequest(
          prompt: prompt, sampling: sampling.choice($0), stop: stop, promptLogprobs: promptLogprobs,
          cacheScope: scheduling.cacheScope, branches: branches, priority: scheduling.priority,
          client: scheduling.client)
        request.adapter = adapter
        return request
      }
    } catch { throw APIError(error) }
  }
}

extension RequestRecord.Generation {
  /// The cost of an answer that was written by `builder`, and the error that cut it off. Choices that are still at work
  /// are ended, and waited for.
  ///
  /// - Parameter transcribed: Whether what was answered is wanted as well.
  init(
    _ answer: Answer, _ builder: some ResponseBuilder, error: APIError?, transcribed: Bool = false
  ) async {
    var builder = builder
    answer.cancel()
    var statistics: [GenerationStatistics] = []
    for choice in answer.choices {
      let end = await answer.end(of: choice)
      statistics.append(end.statistics)
      if builder.finishReason(of: choice) == nil { _ = builder.finish(choice, end.reason, end.statistics) }
    }
    let usage = builder.usage
    self.init(
      promptTokens: usage.promptTokens, generatedTokens: usage.completionTokens, cachedTokens: usage.cachedTokens,
      reasoningTokens: usage.reasoningTokens, runningTime: usage.runningTime,
      finishReason: builder.finishReason(of: 0)?.rawValue, failure: error,
      statistics: statistics, transcripts: transcribed ? builder.transcripts : [])
  }
}
