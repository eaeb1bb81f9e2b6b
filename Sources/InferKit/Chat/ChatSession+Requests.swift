extension ChatSession {
  /// A request for the answer to messages, and what that is held to and read by.
  ///
  /// - Parameter language: The language that the answer is in; `nil` for any text.
  func request(
    _ messages: [Message], _ options: ChatOptions, in language: Constraint.Language?
  ) throws -> (request: GenerationRequest, prepared: PreparedPrompt) {
    let definitions: JSONValue? = tools.isEmpty ? nil : .array(tools.map(\.json))
    let prompt = try template.prompt(
      messages: .array(messages.map(\.json)), tools: definitions,
      variables: ChatTemplate.variables(options.templateVariables, for: language))
    let tokens = try text.tokens(of: prompt)
    let prepared = try PreparedPrompt(prompt, language, definitions.map { CallRules(tools: $0) }, text)
    // Stop strings are looked for in the content alone, by who reads the answer.
    let stop = try options.stop.withoutStrings().defaultingLength(
      to: model.generation.maxTokens, promptTokens: tokens.ids.count, contextLength: engine.limits.contextLength)
    var request = GenerationRequest(
      prompt: tokens.ids, sampling: try options.sampling ?? model.generation.sampling(), stop: stop,
      cacheScope: options.cacheScope, branches: tokens.branches, priority: options.priority)
    request.adapter = options.adapter
    request.processors = options.processors
    prepared.constrain(&request)
    return (request, prepared)
  }

  /// Refuses tools that the model would not be told of, or whose calls would not be found.
  static func check(_ tools: [Tool], _ template: ChatTemplate, _ model: Model) throws(ChatError) {
    for (index, tool) in tools.enumerated() where tools[..<index].contains(where: { $0.name.isExactly(tool.name) }) {
      throw .duplicateTool(tool.name)
    }
    guard template.mentions("tools") else {
      throw .toolsUnsupported(model: model.name, reason: "its chat template takes no tools")
    }
    guard model.outputFormat.takesCalls else {
      throw .toolsUnsupported(model: model.name, reason: "its chat template does not show how calls are written")
    }
  }
}
