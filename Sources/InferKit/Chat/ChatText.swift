/// The texts of a model that chats: how its prompts are written, and how its answers are read.
struct ChatText: Sendable {
  let model: Model
  let tokenizer: Tokenizer
  let template: ChatTemplate
  let format: OutputFormat

  /// - Throws: `ModelError.unsuitable` for a model without a tokenizer or a chat template.
  init(_ model: Model) throws(ModelError) {
    guard let tokenizer = model.tokenizer else { throw .unsuitable("\(model.name) has no tokenizer") }
    guard let template = model.chatTemplate else { throw .unsuitable("\(model.name) has no chat template") }
    self.model = model
    self.tokenizer = tokenizer
    self.template = template
    format = model.outputFormat
  }

  /// Refuses tools that the model would not be told of, or whose calls would not be found.
  func checkTools(_ tools: [Tool]) throws(ChatError) {
    for (index, tool) in tools.enumerated() where tools[..<index].contains(where: { $0.name.isExactly(tool.name) }) {
      throw .duplicateTool(tool.name)
    }
    guard template.mentions("tools") else {
      throw .toolsUnsupported(model: model.name, reason: "its chat template takes no tools")
    }
    guard format.takesCalls else {
      throw .toolsUnsupported(model: model.name, reason: "its chat template does not show how calls are written")
    }
  }

  /// A request for the answer to a conversation, and what reads that.
  ///
  /// - Parameters:
  ///   - schema: The schema of an answer that is to be JSON; `nil` for any text.
  ///   - contextLength: The number of tokens that prompt and answer may have.
  func request(
    _ messages: [Message], tools: [Tool], _ options: ChatOptions, schema: JSONValue?, contextLength: Int
  ) throws -> (request: GenerationRequest, parser: OutputParser) {
    let definitions: JSONValue? = tools.isEmpty ? nil : .array(tools.map(\.json))
    let prompt = try template.prompt(
      messages: .array(messages.map(\.json)), tools: definitions, variables: options.templateVariables)
    let tokens = try tokenizer.tokens(of: prompt)
    let stop = try options.stop.defaultingLength(
      to: model.generation.maxTokens, promptTokens: tokens.ids.count, contextLength: contextLength)
    var request = GenerationRequest(
      prompt: tokens.ids, sampling: try options.sampling ?? model.generation.sampling(), stop: stop,
      cacheScope: options.cacheScope, branches: tokens.branches, priority: options.priority)
    request.processors = options.processors
    request.constrain(
      by: try model.constraints?.answer(
        schema.map(Constraint.Language.schema), calls: definitions.map { CallRules(tools: $0) }, prompt: prompt.text))
    // A call counts when it is complete, so that one that breaks off is content.
    return (request, OutputParser(format, prompt: prompt.text, tools: definitions, streaming: false))
  }
}
