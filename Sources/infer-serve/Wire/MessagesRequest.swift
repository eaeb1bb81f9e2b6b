import HybridBlocks
import InferCore
import InferText

extension ChatRequest {
  /// Decodes the body of Anthropic's `POST /v1/messages`; `defaults` fill what it leaves out.
  ///
  /// - Parameter needsLength: Whether `max_tokens` is required.
  init(
    messages body: FieldReader, defaults: GenerationDefaults, needsLength: Bool = true
  ) throws(APIError) {
    var reader = try RequestFields.messages.resolve(body)
    if let metadata = try reader.object("metadata"), let user = metadata["user_id"] {
      reader.alias("user", path: metadata.name("user_id"), user)
    }
    let conversation = try MessagesConversation(reader)
    let fields = SamplingFields(reader: reader, defaults: defaults)
    let maxTokens = try fields.maxTokens("max_tokens")
    if needsLength, maxTokens == nil { throw reader.missing("max_tokens") }
    try Self.checkEdits(reader)
    let thinking = try MessagesThinking(reader)
    self.init(
      messages: .array(conversation.messages), tools: try ChatTools(messages: reader),
      sampling: try fields.sampling(logprobs: nil), stop: try fields.stop(maxTokens: maxTokens),
      streaming: try reader.bool("stream") ?? false ? StreamingOptions() : nil,
      scheduling: try SchedulingFields(reader), templateVariables: thinking.variables)
    constraint = try ConstraintField(
      reader, formats: ["response_format", "output_format"], formatOf: "output_config")
    overflow = try Overflow(reader)
    session = try SessionFields.session(reader, in: scheduling.cacheScope)
    templateVariables.merge(try Self.givenVariables(reader))
    reasoningPlace = thinking.place
    continuesLastMessage = conversation.continuesLast
    keptMessages = conversation.kept
  }

  /// Refuses edits of the conversation that would leave out more than earlier reasoning, which templates leave out as
  /// they were made to.
  private static func checkEdits(_ reader: FieldReader) throws(APIError) {
    guard let management = try reader.object("context_management") else { return }
    for (index, edit) in (try management.array("edits") ?? []).enumerated() {
      let edit = try FieldReader(edit, path: "\(management.name("edits"))[\(index)]")
      let type = try edit.required(string: "type")
      guard type.hasPrefix("clear_thinking_") else {
        throw .unsupported(edit.name("type"), "\(edit.name("type")) is '\(type)', which is not supported.")
      }
    }
  }
}

/// The wish of a request to `POST /v1/messages` for reasoning: `thinking` and `output_config.effort`.
struct MessagesThinking {
  /// The template's variables about it.
  var variables: JSONObject = [:]
  var place = ReasoningFields.Place.besideContent

  /// Decodes the fields. Without them the model is asked to do without reasoning, as Anthropic's API has it. The length
  /// that is named for it is a wish that no template knows.
  init(_ reader: FieldReader) throws(APIError) {
    var isOn: Bool? = false
    if let thinking = try reader.object("thinking") {
      switch try thinking.required(string: "type") {
      case "enabled": isOn = true
      case "disabled": isOn = false
      case "adaptive": isOn = nil
      case let other:
        throw thinking.wrongValue("type", "must be 'enabled', 'disabled' or 'adaptive', not '\(other)'")
      }
      if isOn == true, thinking["budget_tokens"] == nil { throw thinking.missing("budget_tokens") }
      _ = try thinking.integer("budget_tokens", in: 1 ... .max)
      switch try thinking.string("display") {
      case nil, "summarized": break
      case "omitted": place = .nowhere
      case let other?:
        throw thinking.wrongValue("display", "must be 'summarized' or 'omitted', not '\(other)'")
      }
    }
    if let isOn { variables = ReasoningFields.switchVariables(isOn) }
    guard let output = try reader.object("output_config") else { return }
    if output["task_budget"] != nil {
      throw .unsupported(output.name("task_budget"), "\(output.name("task_budget")) is not supported.")
    }
    if let effort = try output.string("effort") { variables["reasoning_effort"] = .string(effort) }
  }
}
