import HybridBlocks
import InferCore

/// The body of `POST /v1/chat/completions`.
struct ChatRequest {
  /// The conversation as the chat template wants it; see ``ChatMessages``.
  var messages: JSONValue
  /// What the answer may call.
  var tools: ChatTools
  /// What is sampled, and how long.
  var sampling: SamplingParameters
  var stop: StopConditions
  /// Answers wanted.
  var choices: Int
  /// Most likely tokens wanted beside each token of the prompt; nil when it is not to be scored.
  var promptLogprobs: Int?
  var streaming: StreamingOptions?
  /// What the chat template is given beside the messages: `chat_template_kwargs` and `reasoning_effort`.
  var templateVariables: JSONObject
  /// Whether the template opens the assistant's turn.
  var addsGenerationPrompt: Bool

  /// Decodes a body; `defaults` fill what it leaves out.
  init(_ reader: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    try UnsupportedFields.check(reader)
    messages = try ChatMessages.decode(reader)
    tools = try ChatTools(reader)
    let wantsLogprobs = try reader.bool("logprobs") ?? false
    let topLogprobs = try reader.integer("top_logprobs", in: 0...SamplingFields.maximumLogprobs)
    if let topLogprobs, topLogprobs > 0, !wantsLogprobs {
      throw reader.wrongValue("top_logprobs", "needs logprobs to be true")
    }
    let fields = SamplingFields(reader: reader, defaults: defaults)
    sampling = try fields.sampling(logprobs: wantsLogprobs ? topLogprobs ?? 0 : nil)
    let maximum = try reader.integer("max_completion_tokens", in: 1 ... .max)
    let oldMaximum = try reader.integer("max_tokens", in: 1 ... .max)
    stop = try fields.stop(maxTokens: maximum ?? oldMaximum)
    choices = try reader.integer("n", in: 1...SamplingFields.maximumChoices) ?? 1
    if let best = try reader.integer("best_of"), best != 1 {
      throw .unsupported("best_of", "Chat completions have no best_of; /v1/completions does.")
    }
    streaming = try StreamingOptions(reader)
    promptLogprobs = try fields.promptLogprobs()
    if promptLogprobs != nil, streaming != nil { throw reader.wrongValue("prompt_logprobs", "cannot be streamed") }
    templateVariables = try Self.variables(reader)
    addsGenerationPrompt = try reader.bool("add_generation_prompt") ?? true
  }

  private static func variables(_ reader: FieldReader) throws(APIError) -> JSONObject {
    var variables: JSONObject = [:]
    if let effort = try reader.string("reasoning_effort") {
      variables["reasoning_effort"] = .string(effort)
      // Templates that know thinking as a switch do not know efforts.
      if effort == "none" { variables["enable_thinking"] = false }
    }
    if let given = reader["chat_template_kwargs"] {
      guard let members = given.object else {
        throw reader.wrongType("chat_template_kwargs", given, expected: "an object")
      }
      for (name, value) in members {
        guard !ChatTemplate.ownVariables.contains(name) else {
          throw .invalid(
            "chat_template_kwargs.\(name)",
            "chat_template_kwargs.\(name) has no effect; \(name) is a field of the request.",
            code: "invalid_value")
        }
        variables[name] = value
      }
    }
    return variables
  }
}
