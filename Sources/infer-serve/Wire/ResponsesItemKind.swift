/// A kind of item of a response, and the names of what tells of it.
enum ResponsesItemKind {
  case reasoning, summary, message, call, textCall

  /// The item's `type`.
  var type: String {
    switch self {
    case .reasoning, .summary: "reasoning"
    case .message: "message"
    case .call: "function_call"
    case .textCall: "custom_tool_call"
    }
  }

  /// The beginning of the item's id.
  var prefix: String {
    switch self {
    case .reasoning, .summary: "rs"
    case .message: "msg"
    case .call: "fc"
    case .textCall: "ctc"
    }
  }

  /// The events of the text, without their last part.
  var event: String {
    switch self {
    case .reasoning: "response.reasoning_text"
    case .summary: "response.reasoning_summary_text"
    case .message: "response.output_text"
    case .call: "response.function_call_arguments"
    case .textCall: "response.custom_tool_call_input"
    }
  }

  /// The member that holds the whole text.
  var textMember: String {
    switch self {
    case .reasoning, .summary, .message: "text"
    case .call: "arguments"
    case .textCall: "input"
    }
  }

  /// The member that holds the item's only part; `nil` where there are no parts.
  var partsMember: String? {
    switch self {
    case .reasoning, .message: "content"
    case .summary: "summary"
    case .call, .textCall: nil
    }
  }

  /// The `type` of the part.
  var partType: String {
    switch self {
    case .reasoning: "reasoning_text"
    case .summary: "summary_text"
    default: "output_text"
    }
  }

  /// The events of the part, without their last part.
  var partEvent: String? {
    partsMember.map { $0 == "summary" ? "response.reasoning_summary_part" : "response.content_part" }
  }

  /// The member of events that numbers the part.
  var indexMember: String? { partsMember.map { "\($0)_index" } }
}
