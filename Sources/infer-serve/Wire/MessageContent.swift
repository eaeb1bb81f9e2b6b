import InferCore
import InferText

/// The contents of a chat's message, as text.
///
/// Content comes as a string or as parts. Parts of text have several names; those that are reasoning belong to the
/// message's reasoning. Texts of parts are joined by line breaks.
struct MessageContent {
  /// The content; `nil` when the message has none.
  var text: String?
  /// The reasoning of an earlier answer; `nil` when the message has none.
  var reasoning: String?

  /// Decodes `content`, `refusal` and the names that clients give reasoning.
  init(_ message: FieldReader) throws(APIError) {
    var reasoningParts: [String] = []
    if let value = message["content"] {
      if let string = value.string {
        text = string
      } else if let parts = value.array {
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
          switch try Self.part(part, path: "\(message.name("content"))[\(index)]") {
          case .text(let text): texts.append(text)
          case .reasoning(let text): reasoningParts.append(text)
          }
        }
        text = texts.joined(separator: "\n")
      } else {
        throw message.wrongType("content", value, expected: "a string or an array of text parts")
      }
    }
    let refusal = try message.string("refusal")
    text = text ?? refusal
    for name in ["reasoning_content", "reasoning", "thinking"] {
      let given = try message.string(name)
      // An empty name does not hide another.
      if reasoning?.isEmpty ?? true { reasoning = given ?? reasoning }
    }
    if reasoning?.isEmpty ?? true {
      reasoningParts += try Self.details(message)
      if !reasoningParts.isEmpty { reasoning = reasoningParts.joined(separator: "\n") }
    }
  }

  private enum Part {
    case text(String)
    case reasoning(String)
  }

  private static func part(_ value: JSONValue, path: String) throws(APIError) -> Part {
    if let text = value.string { return .text(text) }
    let part = try FieldReader(value, path: path)
    let type = try part["text"] != nil && part["type"] == nil ? "text" : part.required(string: "type")
    switch type {
    case "text", "input_text", "output_text": return .text(try part.required(string: "text"))
    case "refusal": return .text(try part.required(string: "refusal"))
    case "thinking", "reasoning":
      for name in ["thinking", "reasoning"] {
        if let text = try part.string(name) { return .reasoning(text) }
      }
      return .reasoning(try part.required(string: "text"))
    // What a provider has made unreadable is of no use to another.
    case "redacted_thinking": return .reasoning("")
    case "image", "image_url", "input_image", "audio", "audio_url", "input_audio", "video", "video_url", "input_video",
      "file", "input_file", "document":
      let kind = type.replacing(/^input_|_url$/, with: "")
      throw .unsupported(
        part.name("type"),
        "\(part.name("type")) is '\(type)': the model takes text only, so \(kind) input is not supported.")
    default:
      throw .unsupported(
        part.name("type"), "\(part.name("type")) is '\(type)', but only parts of text are supported ('text').")
    }
  }

  /// The texts of OpenRouter's `reasoning_details`.
  private static func details(_ message: FieldReader) throws(APIError) -> [String] {
    var texts: [String] = []
    for (index, detail) in (try message.array("reasoning_details") ?? []).enumerated() {
      let detail = try FieldReader(detail, path: "\(message.name("reasoning_details"))[\(index)]")
      for name in ["text", "summary"] {
        if let text = try detail.string(name) { texts.append(text) }
      }
    }
    return texts
  }
}
