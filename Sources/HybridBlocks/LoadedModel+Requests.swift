public import InferCore
public import InferText

extension LoadedModel {
  /// A request for the answer to a conversation: its prompt as the model's chat template makes it, chosen and ended as
  /// the model's files recommend where nothing else is said. Names of special tokens are such tokens only where the
  /// template wrote them.
  ///
  /// - Parameters:
  ///   - messages: An array of objects with `role`, `content` and further members that the template reads.
  ///   - tools: An array of tool definitions, or nil for none.
  ///   - addGenerationPrompt: Whether the prompt ends with the start of an assistant's turn.
  ///   - variables: More names for the template: `enable_thinking`, `reasoning_effort`, …
  ///   - sampling: How tokens are chosen; by default as ``GenerationDefaults`` say.
  ///   - stop: When to stop. Without a length of its own, at the length that ``GenerationDefaults/maxTokens`` says.
  /// - Throws: `ModelError.unsuitable` when the model has no tokenizer or no chat template, `TemplateError` when the
  ///   template refuses the conversation, `TokenizerError` when the prompt cannot be tokenised.
  public func request(
    messages: JSONValue, tools: JSONValue? = nil, addGenerationPrompt: Bool = true, variables: JSONObject = [:],
    sampling: SamplingParameters? = nil, stop: StopConditions = .standard
  ) throws -> GenerationRequest {
    guard let chatTemplate else { throw ModelError.unsuitable("\(name) has no chat template") }
    let prompt = try chatTemplate.prompt(
      messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt, variables: variables)
    let tokens = try textTokenizer().tokens(of: prompt)
    var request = try request(prompt: tokens.ids, sampling: sampling, stop: stop)
    request.branches = tokens.branches
    return request
  }

  /// A request for the continuation of a text, to which the tokenizer adds the tokens that its files name: often one for the
  /// beginning.
  ///
  /// - Throws: `ModelError.unsuitable` when the model has no tokenizer, `TokenizerError` when the text cannot be
  ///   tokenised.
  public func request(
    text: String, sampling: SamplingParameters? = nil, stop: StopConditions = .standard
  ) throws -> GenerationRequest {
    try request(
      prompt: textTokenizer().encode(text, addingSpecialTokens: true), sampling: sampling, stop: stop)
  }

  /// A request for the continuation of tokens, to which nothing is added.
  public func request(
    prompt: [Int32], sampling: SamplingParameters? = nil, stop: StopConditions = .standard
  ) throws(RequestError) -> GenerationRequest {
    let sampling = if let sampling { sampling } else { try generation.sampling() }
    return GenerationRequest(
      prompt: prompt, sampling: sampling, stop: stop.defaulting(maxTokens: generation.maxTokens))
  }

  /// The tokenizer, which working with text needs.
  fileprivate func textTokenizer() throws(ModelError) -> Tokenizer {
    guard let tokenizer else { throw .unsuitable("\(name) has no tokenizer") }
    return tokenizer
  }
}

extension Engine {
  /// Starts an engine for a loaded model. Its files apply: its end tokens end generations, beside those of the
  /// configuration, and its name is that of the metrics.
  ///
  /// - Throws: `ConfigurationError`; see `init(model:configuration:metrics:threads:)`.
  public convenience init(
    _ loaded: LoadedModel, configuration: EngineConfiguration = EngineConfiguration(), metrics: EngineMetrics? = nil,
    threads: ThreadShare? = nil
  ) throws(ConfigurationError) {
    var configuration = configuration
    configuration.endTokens.formUnion(loaded.generation.endTokens)
    try self.init(
      model: loaded, configuration: configuration,
      metrics: metrics ?? EngineMetrics(modelName: loaded.name, contextLength: loaded.model.contextLength),
      threads: threads)
  }

  /// Takes a request on and reports it as a loaded model's text: tags around reasoning and calls of tools are part of
  /// it, other special tokens are not.
  ///
  /// - Throws: `RequestError` as `submit(_:)` does, and `ModelError.unsuitable` when the model has no tokenizer.
  public func submitText(_ request: GenerationRequest, of loaded: LoadedModel) throws -> TextGeneration {
    let tokenizer = try loaded.textTokenizer()
    return TextGeneration(
      try submit(request), stop: request.stop, tokenizer: tokenizer,
      keeping: loaded.outputFormat.markers(of: tokenizer, takesCalls: true))
  }
}
