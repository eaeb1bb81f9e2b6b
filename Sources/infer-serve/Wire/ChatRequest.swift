import HybridBlocks
import InferCore
import InferText

/// A request for answers in a chat, whichever endpoint it came to.
struct ChatRequest {
  /// The conversation as the chat template wants it; see ``ChatMessages``.
  var messages: JSONValue
  /// The tools that the answer may call.
  var tools: ChatTools
  /// Sampling, and the end of it.
  var sampling: SamplingParameters
  var stop: StopConditions
  /// The language that the answer must be in.
  var constraint: ConstraintField?
  /// Answers wanted.
  var choices = 1
  /// Most likely tokens wanted beside each token of the prompt; nil when it is not to be scored.
  var promptLogprobs: Int?
  var streaming: StreamingOptions?
  var scheduling: SchedulingFields
  /// The treatment of messages that do not fit the context; `nil` for the server's.
  var overflow: Overflow?
  /// The maximum number of tokens of prompt and answer, where the request wants fewer than the server has room for.
  var contextLimit: Int?
  /// The session that it belongs to.
  var session: SessionName?
  /// The chat template's variables beside the messages: `chat_template_kwargs`, `documents` and what the fields of
  /// reasoning say.
  var templateVariables: JSONObject
  /// Whether the template opens the assistant's turn.
  var addsGenerationPrompt = true
  /// Whether the answer goes on with the last message.
  var continuesLastMessage = false
  /// Indices of the messages after which state is kept for other requests, ascending.
  var keptMessages: [Int] = []
  /// The place of the reasoning.
  var reasoningPlace = ReasoningFields.Place.besideContent
  /// Whether special tokens of the answer have no text.
  var skipsSpecialTokens = true
  /// The field that a complaint about the prompt names.
  var promptField = "messages"
}

extension ChatRequest {
  /// All variables of the chat template: what the request gives, and the form that the answer must have.
  var promptVariables: JSONObject { ChatTemplate.variables(templateVariables, for: constraint?.language) }

  /// Decodes the body of `POST /v1/chat/completions`; `defaults` fill what it leaves out.
  init(_ body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = try RequestFields.chat.resolve(body)
    messages = try ChatMessages.decode(reader)
    if let functions = try ChatTools(functions: reader) { tools = functions } else { tools = try ChatTools(reader) }
    let fields = SamplingFields(reader: reader, defaults: defaults)
    sampling = try fields.sampling(logprobs: Self.logprobs(reader))
    let maximum = try fields.maxTokens("max_completion_tokens")
    let oldMaximum = try fields.maxTokens("max_tokens")
    stop = try fields.stop(maxTokens: maximum ?? oldMaximum)
    constraint = try ConstraintField(reader)
    choices = try reader.integer("n") ?? 1
    streaming = try StreamingOptions(reader)
    scheduling = try SchedulingFields(reader)
    overflow = try Overflow(reader)
    session = try SessionFields.session(reader, in: scheduling.cacheScope)
    promptLogprobs = try fields.promptLogprobs()
    if promptLogprobs != nil, streaming != nil { throw reader.wrongValue("prompt_logprobs", "cannot be streamed") }
    let reasoning = try ReasoningFields(reader)
    reasoningPlace = reasoning.place
    templateVariables = try Self.variables(reader, reasoning)
    let opensTurn = try reader.bool("add_generation_prompt")
    let continuesLast = try reader.bool("continue_final_message") ?? false
    if continuesLast, opensTurn == true {
      throw reader.wrongValue("continue_final_message", "cannot be true where add_generation_prompt is")
    }
    addsGenerationPrompt = opensTurn ?? true
    continuesLastMessage = try ChatMessages.continuesLast(reader, messages, isWanted: continuesLast)
    skipsSpecialTokens = try reader.bool("skip_special_tokens") ?? true
  }

  /// How many alternatives are wanted beside each token's log-probability; `nil` when none is wanted at all.
  static func logprobs(_ reader: FieldReader) throws(APIError) -> Int? {
    let isWanted = try reader.bool("logprobs") ?? false
    let count = try reader.integer("top_logprobs")
    // llama-server's name for both.
    let other = try reader.integer("n_probs") ?? 0
    if let count, count > 0, !isWanted, other == 0 {
      throw reader.wrongValue("top_logprobs", "needs logprobs to be true")
    }
    return isWanted || other > 0 ? count ?? other : nil
  }

  private static func variables(
    _ reader: FieldReader, _ reasoning: ReasoningFields
  ) throws(APIError) -> JSONObject {
    var variables = reasoning.variables
    if let documents = try reader.array("documents"), !documents.isEmpty {
      for (index, document) in documents.enumerated() {
        _ = try FieldReader(document, path: "\(reader.name("documents"))[\(index)]")
      }
      variables["documents"] = .array(documents)
    }
    variables.merge(try givenVariables(reader))
    return variables
  }

  /// The variables that a request gives the template by their names, `chat_template_kwargs`.
  static func givenVariables(_ reader: FieldReader) throws(APIError) -> JSONObject {
    guard let given = reader["chat_template_kwargs"] else { return [:] }
    guard let members = given.object else {
      throw reader.wrongType("chat_template_kwargs", given, expected: "an object")
    }
    for name in members.keys where ChatTemplate.ownVariables.contains(name) {
      throw .invalid(
        "chat_template_kwargs.\(name)",
        "chat_template_kwargs.\(name) has no effect; \(name) is a field of the request.", code: "invalid_value")
    }
    return members
  }
}
