import InferCore

/// What to generate for a request, and how to write it.
struct GenerationJob<Builder: ResponseBuilder> {
  /// One request to the engine for every choice.
  var requests: [GenerationRequest]
  /// Turns what comes into the response.
  var builder: Builder
  /// How to stream; nil for one response at the end.
  var streaming: StreamingOptions?
  /// The field that a complaint about the prompt names.
  var promptField: String
}

extension RequestRecord.Generation {
  /// What a response says it cost.
  init(_ builder: some ResponseBuilder) {
    let usage = builder.usage
    self.init(
      promptTokens: usage.promptTokens, generatedTokens: usage.completionTokens,
      finishReason: builder.finishReason?.rawValue)
  }
}
