import InferCore
import InferText

/// The conversation of a request to Anthropic's `POST /v1/messages`, in the form that chat templates expect.
///
/// Results of tools, which come as parts of a user's message, become messages of their own.
struct MessagesConversation {
  private(set) var messages: [JSONValue] = []
  /// Indices of the messages whose last block has a `cache_control`, ascending.
  private(set) var kept: [Int] = []
  /// Whether the answer goes on with the last message.
  private(set) var continuesLast = false

  /// Names of the functions that were called, by the calls' ids.
  private var calls: TextDictionary<String> = [:]

  /// Decodes `system` and `messages`.
  init(_ reader: FieldReader) throws(APIError) {
    guard let given = try reader.array("messages") else { throw reader.missing("messages") }
    guard !given.isEmpty else { throw .invalid("messages", "messages must not be empty.", code: "invalid_value") }
    try CacheControl.check(reader)
    if reader["system"] != nil { try appendSystem(MessagesBlocks(reader, "system")) }
    for (index, message) in given.enumerated() {
      let message = try FieldReader(message, path: "messages[\(index)]")
      guard message["content"] != nil else { throw message.missing("content") }
      let blocks = try MessagesBlocks(message, "content")
      switch try message.required(string: "role") {
      case "user": try appendUser(blocks)
      case "assistant":
        try appendAssistant(blocks)
        if index == given.count - 1 { try continueLast(message) }
      case "system": try appendSystem(blocks)
      case let other: throw message.wrongValue("role", "must be 'user' or 'assistant', not '\(other)'")
      }
    }
  }

  private mutating func append(_ members: JSONObject, isKept: Bool) {
    messages.append(.object(members))
    if isKept { kept.append(messages.count - 1) }
  }

  private mutating func appendSystem(_ blocks: MessagesBlocks) throws(APIError) {
    var texts: [String] = []
    for block in blocks.elements {
      guard block.type == "text" else { throw block.refusal }
      let text = try block.text()
      // Claude Code says anew in each request how it is billed, which no model needs and no prefix survives.
      if text.hasPrefix("x-anthropic-billing-header:") { continue }
      texts.append(text)
    }
    if texts.isEmpty { return }
    append(
      ["role": "system", "content": .string(texts.joined(separator: "\n"))],
      isKept: blocks.elements.last?.isKept ?? false)
  }

  private mutating func appendUser(_ blocks: MessagesBlocks) throws(APIError) {
    var texts: [String] = []
    var isKept = false
    for block in blocks.elements {
      switch block.type {
      case "text":
        texts.append(try block.text())
        isKept = block.isKept
      case "tool_result":
        if !texts.isEmpty { append(Self.user(texts), isKept: isKept) }
        texts = []
        append(try result(block), isKept: block.isKept)
      default: throw block.refusal
      }
    }
    if !texts.isEmpty || blocks.elements.isEmpty { append(Self.user(texts), isKept: isKept) }
  }

  private static func user(_ texts: [String]) -> JSONObject {
    ["role": "user", "content": .string(texts.joined(separator: "\n"))]
  }

  private func result(_ block: MessagesBlocks.Element) throws(APIError) -> JSONObject {
    let id = try block.reader.required(string: "tool_use_id")
    guard let name = calls[id] else {
      throw block.reader.wrongValue("tool_use_id", "is '\(id)', which no tool_use before it has as its id")
    }
    var texts: [String] = []
    if block.reader["content"] != nil {
      for part in try MessagesBlocks(block.reader, "content").elements {
        guard part.type == "text" else { throw part.refusal }
        texts.append(try part.text())
      }
    }
    var text = texts.joined(separator: "\n")
    // Templates have no other way to tell.
    if try block.reader.bool("is_error") ?? false, !text.hasPrefix("Error") { text = "Error: \(text)" }
    return ["role": "tool", "content": .string(text), "tool_call_id": .string(id), "name": .string(name)]
  }

  private mutating func appendAssistant(_ blocks: MessagesBlocks) throws(APIError) {
    var (texts, thoughts, calls): ([String], [String], [JSONValue]) = ([], [], [])
    for block in blocks.elements {
      switch block.type {
      case "text": texts.append(try block.text())
      case "thinking":
        let text = try block.reader.required(string: "thinking")
        _ = try block.reader.string("signature")
        if !text.isEmpty { thoughts.append(text) }
      // Reasoning that its provider made unreadable is of no use to another model.
      case "redacted_thinking": _ = try block.reader.string("data")
      case "tool_use": calls.append(try call(block))
      default: throw block.refusal
      }
    }
    var members: JSONObject = ["role": "assistant", "content": .string(texts.joined(separator: "\n"))]
    if !thoughts.isEmpty { members["reasoning_content"] = .string(thoughts.joined(separator: "\n")) }
    if !calls.isEmpty { members["tool_calls"] = .array(calls) }
    append(members, isKept: blocks.elements.last?.isKept ?? false)
  }

  private mutating func call(_ block: MessagesBlocks.Element) throws(APIError) -> JSONValue {
    let (id, name) = (try block.reader.required(string: "id"), try block.reader.required(string: "name"))
    guard let input = block.reader["input"] else { throw block.reader.missing("input") }
    guard input.object != nil else { throw block.reader.wrongType("input", input, expected: "an object") }
    calls[id] = name
    return ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": input]]
  }

  /// Has the answer go on with the assistant's message that stands last, unless there is nothing in it.
  private mutating func continueLast(_ message: FieldReader) throws(APIError) {
    guard let last = messages.last else { return }
    if last["tool_calls"] != nil {
      throw message.wrongValue("content", "has a tool_use, which a tool_result must follow in a user's message")
    }
    continuesLast = last["content"]?.string?.contains { !$0.isWhitespace } ?? false
    if !continuesLast {
      kept.removeAll { $0 == messages.count - 1 }
      messages.removeLast()
    }
    guard !messages.isEmpty else {
      throw .invalid("messages", "messages must have one that is not empty.", code: "invalid_value")
    }
  }
}

/// The content of a message, of a tool's result or of the system: a string, or blocks with a type each.
struct MessagesBlocks {
  /// A block.
  struct Element {
    let type: String
    let reader: FieldReader
    /// Whether state is to be kept behind it.
    let isKept: Bool
    /// The text of a content that is a string.
    fileprivate var whole: String?

    /// The text of a block of text.
    func text() throws(APIError) -> String { if let whole { whole } else { try reader.required(string: "text") } }

    /// The complaint about a block that cannot stand here.
    var refusal: APIError {
      let name = reader.name("type")
      switch type {
      case "image", "document", "file", "container_upload":
        return .unsupported(name, "\(name) is '\(type)': the model takes text only.")
      case "text", "thinking", "redacted_thinking", "tool_use", "tool_result":
        return reader.wrongValue("type", "is '\(type)', which cannot stand here")
      default: return .unsupported(name, "\(name) is '\(type)', which is not supported.")
      }
    }
  }

  private(set) var elements: [Element] = []

  /// Decodes a member that is there.
  init(_ parent: FieldReader, _ key: String) throws(APIError) {
    guard let value = parent[key] else { return }
    if let text = value.string {
      elements = [Element(type: "text", reader: parent, isKept: false, whole: text)]
      return
    }
    guard let blocks = value.array else {
      throw parent.wrongType(key, value, expected: "a string or an array of blocks")
    }
    for (index, block) in blocks.enumerated() {
      let reader = try FieldReader(block, path: "\(parent.name(key))[\(index)]")
      elements.append(
        Element(type: try reader.required(string: "type"), reader: reader, isKept: try CacheControl.check(reader)))
    }
  }
}

/// `cache_control`: a place up to which other requests are likely to begin alike.
enum CacheControl {
  /// Whether an object has one; refuses one that is wrong.
  @discardableResult
  static func check(_ reader: FieldReader) throws(APIError) -> Bool {
    guard let control = try reader.object("cache_control") else { return false }
    let type = try control.required(string: "type")
    guard type == "ephemeral" else { throw control.wrongValue("type", "must be 'ephemeral', not '\(type)'") }
    let life = try control.string("ttl")
    guard [nil, "5m", "1h"].contains(life) else { throw control.wrongValue("ttl", "must be '5m' or '1h'") }
    return true
  }
}
