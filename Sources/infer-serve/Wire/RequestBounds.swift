import InferCore
import InferText

/// How much a request may hold, whatever its body's size: what comes in numbers costs more than its bytes.
enum RequestBounds {
  static let messages = 8_192
  /// Parts of the content of all messages.
  static let contentParts = 16_384
  /// Earlier calls of tools, of all messages.
  static let toolCalls = 8_192
  static let tools = 1_024
  /// Files beside the one with a gap.
  static let files = 1_024
  static let prompts = 2_048
  /// Members of `chat_template_kwargs`, the values in them at any depth, and their bytes.
  static let templateVariables = 256
  static let templateValues = 65_536
  static let templateBytes = 1 << 20
  static let stopStringBytes = 1_024
  static let stopTokens = 1_024
  static let biases = 4_096
  /// Log-probabilities that all choices of one answer may have together.
  static let logprobs = 1 << 18

  /// Refuses a body with more than that.
  static func check(_ reader: FieldReader) throws(APIError) {
    try check(reader, "messages", count: reader["messages"]?.array?.count, messages)
    try check(reader, "messages", count: sum("content", of: reader["messages"]), contentParts, "content parts")
    // An input of token ids is one text.
    if let elements = reader["input"]?.array, elements.first?.double == nil {
      try check(reader, "input", count: elements.count, messages)
    }
    try check(reader, "documents", count: reader["documents"]?.array?.count, messages)
    for key in ["content", "output", "summary"] {
      try check(reader, "input", count: sum(key, of: reader["input"]), contentParts, "content parts")
    }
    try check(reader, "system", count: reader["system"]?.array?.count, contentParts)
    try check(reader, "messages", count: sum("tool_calls", of: reader["messages"]), toolCalls, "calls of tools")
    try check(reader, "tools", count: reader["tools"]?.array?.count, tools)
    try check(reader, "functions", count: reader["functions"]?.array?.count, tools)
    try check(reader, "input_extra", count: reader["input_extra"]?.array?.count, files)
    try check(reader, "stop_token_ids", count: reader["stop_token_ids"]?.array?.count, stopTokens)
    try check(reader, "logit_bias", count: reader["logit_bias"].flatMap { $0.object?.count ?? $0.array?.count }, biases)
    // A prompt of token ids is one prompt.
    if let elements = reader["prompt"]?.array, elements.first?.double == nil {
      try check(reader, "prompt", count: elements.count, prompts)
    }
    let stops = [("stop", reader["stop"]), ("stop_sequences", reader["stop_sequences"])]
    for (name, value) in stops + [("options.stop", reader["options"]?["stop"])] {
      for string in value.map({ $0.array ?? [$0] }) ?? [] {
        try check(reader, name, count: string.string?.utf8.count, stopStringBytes, "bytes in a string")
      }
    }
    if let variables = reader["chat_template_kwargs"] {
      try check(reader, "chat_template_kwargs", count: variables.object?.count, templateVariables)
      var weight = Weight()
      weight.add(variables)
      try check(reader, "chat_template_kwargs", count: weight.values, templateValues, "values")
      try check(reader, "chat_template_kwargs", count: weight.bytes, templateBytes, "bytes")
    }
  }

  private static func check(
    _ reader: FieldReader, _ key: String, count: Int?, _ limit: Int, _ what: String = "elements"
  ) throws(APIError) {
    guard let count, count > limit else { return }
    throw reader.wrongValue(key, "may have at most \(limit) \(what), not \(count)")
  }

  /// Elements of a member of all messages.
  private static func sum(_ key: String, of messages: JSONValue?) -> Int? {
    messages?.array?.reduce(0) { $0 + ($1[key]?.array?.count ?? 0) }
  }

  /// The size of a JSON value.
  private struct Weight {
    var values = 0
    var bytes = 0

    mutating func add(_ value: JSONValue) {
      values += 1
      if let text = value.string {
        bytes += text.utf8.count
      } else if let elements = value.array {
        for element in elements { add(element) }
      } else if let members = value.object {
        for (name, member) in members {
          bytes += name.utf8.count
          add(member)
        }
      }
    }
  }
}
