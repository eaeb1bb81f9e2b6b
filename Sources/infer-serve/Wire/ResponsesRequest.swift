import HybridBlocks
import InferCore
import InferText

/// The body of `POST /v1/responses`.
struct ResponsesRequest {
  /// The conversation, and how it is answered.
  var chat: ChatRequest
  /// The items of `input`.
  let input: [JSONValue]
  /// Whether the response can be asked for later.
  let isStored: Bool
  /// Whether the response is made without its client.
  let runsInBackground: Bool
  /// The form of the output.
  let output: ResponsesOutput.Options
  /// Members of the response that repeat the request.
  let echo: JSONObject

  /// Values that `include` may hold: those of this server's items, and those of hosted tools, of which there are none.
  static let includable = [
    "reasoning.encrypted_content", "message.output_text.logprobs", "file_search_call.results",
    "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
    "computer_call_output.output.image_url", "code_interpreter_call.outputs",
  ]

  /// Hosted tools that Codex offers a model unasked, whichever it is. The model is not told of them, and neither does the
  /// response have them among its tools.
  private static let unoffered = ["web_search", "image_generation"]

  /// Decodes a body.
  ///
  /// - Parameters:
  ///   - body: The request's fields.
  ///   - defaults: The parameters that the body may leave out.
  ///   - response: The id of the response that answers.
  ///   - past: The conversation so far, and items that the input refers to.
  init(
    _ body: FieldReader, defaults: GenerationDefaults, response: ResponseID, past: ResponsesPast = ResponsesPast()
  ) throws(APIError) {
    let reader = try RequestFields.responses.resolve(body)
    input = try ResponsesItems(reader, response: response, references: past.references).items
    let conversation = try ResponsesConversation(
      instructions: try reader.string("instructions"), past: past.items, input: input)
    let included = try Self.included(reader)
    let fields = SamplingFields(reader: reader, defaults: defaults)
    let topLogprobs = try reader.integer("top_logprobs")
    let tellsLogprobs = included.containsExactly("message.output_text.logprobs") || (topLogprobs ?? 0) > 0
    let reasoning = try ReasoningFields(reader)
    chat = ChatRequest(
      messages: .array(conversation.messages), tools: try ChatTools(reader, .flat, ignoring: Self.unoffered),
      sampling: try fields.sampling(logprobs: tellsLogprobs ? topLogprobs ?? 0 : nil),
      stop: try fields.stop(maxTokens: fields.maxTokens("max_output_tokens")),
      streaming: try reader.bool("stream") ?? false ? StreamingOptions() : nil,
      scheduling: try SchedulingFields(reader), templateVariables: reasoning.variables)
    chat.reasoningPlace = reasoning.place
    chat.templateVariables.merge(try ChatRequest.givenVariables(reader))
    let truncation = try Self.truncation(reader)
    chat.overflow = try Overflow(reader) ?? truncation
    chat.session = try SessionFields.session(reader, in: chat.scheduling.cacheScope)
    chat.skipsSpecialTokens = try reader.bool("skip_special_tokens") ?? true
    chat.promptField = "input"
    chat.constraint = try ConstraintField(reader, formatOf: "text")
    try Self.checkMetadata(reader)
    // All calls are the client's to make; the limit is for those of hosted tools.
    _ = try reader.integer("max_tool_calls")
    runsInBackground = try reader.bool("background") ?? false
    isStored = try reader.bool("store") ?? true
    if runsInBackground, !isStored { throw reader.wrongValue("background", "needs store to be true") }
    output = ResponsesOutput.Options(
      summarisesReasoning: try Self.wantsSummary(reader),
      sealsReasoning: included.containsExactly("reasoning.encrypted_content"), tellsLogprobs: tellsLogprobs)
    echo = try Self.echo(reader, chat, isStored: isStored, background: runsInBackground)
  }

  /// Values of `reasoning.summary`.
  static let summaries = ["auto", "concise", "detailed"]
  /// Values of `truncation`.
  static let truncations: KeyValuePairs<String, Overflow> = ["auto": .shift, "disabled": .error]

  /// Whether `reasoning.summary` asks for one.
  private static func wantsSummary(_ reader: FieldReader) throws(APIError) -> Bool {
    guard let reasoning = try reader.object("reasoning"), let summary = try reasoning.string("summary") else {
      return false
    }
    guard summaries.containsExactly(summary) else {
      throw reasoning.wrongValue("summary", "must be \(FieldReader.alternatives(summaries)), not '\(summary)'")
    }
    return true
  }

  private static func included(_ reader: FieldReader) throws(APIError) -> [String] {
    var names: [String] = []
    for (index, element) in (try reader.array("include") ?? []).enumerated() {
      guard let name = element.string else {
        throw reader.wrongType("include", at: index, element, expected: "a string")
      }
      guard includable.containsExactly(name) else {
        let known = includable.map { "'\($0)'" }.joined(separator: ", ")
        throw reader.wrongValue("include[\(index)]", "must be one of \(known), not '\(name)'")
      }
      names.append(name)
    }
    return names
  }

  private static func truncation(_ reader: FieldReader) throws(APIError) -> Overflow? {
    guard let name = try reader.string("truncation") else { return nil }
    return truncations.first { $0.key.isExactly(name) }?.value
  }

  private static func checkMetadata(_ reader: FieldReader) throws(APIError) {
    guard let metadata = try reader.object("metadata"), let members = reader["metadata"]?.object else { return }
    guard members.count <= 16 else {
      throw reader.wrongValue("metadata", "may have at most 16 pairs, not \(members.count)")
    }
    for (key, value) in members {
      guard key.unicodeScalars.count <= 64 else {
        throw reader.wrongValue("metadata", "has a key of more than 64 characters")
      }
      guard let text = value.string else { throw metadata.wrongType(key, value, expected: "a string") }
      guard text.unicodeScalars.count <= 512 else { throw metadata.wrongValue(key, "must have at most 512 characters") }
    }
  }

  private static func echo(
    _ reader: FieldReader, _ chat: ChatRequest, isStored: Bool, background: Bool
  ) throws(APIError) -> JSONObject {
    let reasoning = try reader.object("reasoning")
    var text = reader["text"]?.object ?? [:]
    if text["format"]?.isNull ?? true { text["format"] = ["type": "text"] }
    let tools = (try reader.array("tools") ?? []).filter { !unoffered.containsExactly($0["type"]?.string ?? "") }
    return [
      "background": .bool(background), "instructions": reader["instructions"] ?? .null,
      "max_output_tokens": reader["max_output_tokens"] ?? .null, "max_tool_calls": reader["max_tool_calls"] ?? .null,
      "metadata": reader["metadata"] ?? .object([:]),
      "parallel_tool_calls": .bool(try reader.bool("parallel_tool_calls") ?? true),
      "previous_response_id": .init(optional: try reader.string("previous_response_id")),
      "prompt_cache_key": .init(optional: try reader.string("prompt_cache_key")),
      "reasoning": [
        "effort": .init(optional: try reasoning?.string("effort")),
        "summary": .init(optional: try reasoning?.string("summary")),
      ],
      "safety_identifier": .init(optional: try reader.string("safety_identifier")),
      "service_tier": .string(try reader.string("service_tier") ?? "auto"), "store": .bool(isStored),
      "temperature": reader["temperature"] ?? decimal(chat.sampling.temperature), "text": .object(text),
      "tool_choice": reader["tool_choice"] ?? "auto", "tools": .array(tools),
      "top_logprobs": .integer(chat.sampling.logprobs ?? 0), "top_p": reader["top_p"] ?? decimal(chat.sampling.topP),
      "truncation": chat.overflow == .shift ? "auto" : "disabled",
      "user": .init(optional: try reader.string("user")),
    ]
  }

  /// A number with the digits that single precision has.
  private static func decimal(_ value: Float) -> JSONValue { .number(Double("\(value)") ?? Double(value)) }
}

/// The stored part of a conversation that a request goes on with.
struct ResponsesPast: Sendable {
  /// All items up to the end of the previous response.
  var items: [JSONValue] = []
  /// The items that the request refers to by their ids.
  var references: TextDictionary<JSONValue> = [:]
}

extension JSONValue {
  /// A string, or `null`.
  init(optional text: String?) { self = text.map(JSONValue.string) ?? .null }
}
