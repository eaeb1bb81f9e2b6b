import InferCore
import InferText
import Testing

@testable import infer_serve

/// Holds the tables of fields to what becomes of the fields.
struct RequestFieldsTests {
  static let endpoints: [(name: String, fields: RequestFields, rest: String)] = [
    ("chat", .chat, ChatRequestTests.hello), ("completions", .completions, #""prompt": "x""#),
    ("messages", .messages, MessagesRequestTests.hello), ("ollama chat", .ollamaChat, ChatRequestTests.hello),
    ("ollama generate", .ollamaGenerate, #""prompt": "x""#), ("infill", .infill, InfillTests.gap),
  ]

  /// The complaint about a body in which a field has a value.
  private func complaint(_ endpoint: String, _ name: String, _ value: JSONValue) throws -> APIError? {
    let rest = try #require(Self.endpoints.first { $0.name == endpoint }).rest
    let body = "{\(rest), \"\(name)\": \(value.serialized())}"
    return switch endpoint {
    case "chat": refusal { () throws(APIError) in try chat(body) }
    case "messages": refusal { () throws(APIError) in try messages(body) }
    case "ollama chat": refusal { () throws(APIError) in try ollamaChat(body) }
    case "infill": refusal { () throws(APIError) in try infill(body) }
    case "ollama generate": refusal { () throws(APIError) in try ollamaGenerate(body) }
    default: refusal { () throws(APIError) in try completion(body) }
    }
  }

  /// Values of every type: one of them is wrong, whatever a field is.
  private static let values: [JSONValue] = [5.5, "x", true, [:], [[]], [["x": 1]], ["x": 1]]

  @Test(arguments: endpoints.map(\.name)) func everyFieldIsWhatTheTableSays(endpoint: String) throws {
    let table = try #require(Self.endpoints.first { $0.name == endpoint }).fields
    let fields = table.fields
    #expect(Set(fields.map(\.name)).count == fields.count)
    for (name, use) in fields {
      let complaints = try Self.values.map { try complaint(endpoint, name, $0) }
      switch use {
      case .read where ["model", "messages", "prompt"].contains(name): break
      case .read, .alias:
        // Whoever reads a field knows wrong values, and calls the field by the name that was sent.
        #expect(complaints.contains { $0?.parameter?.hasPrefix(name) == true }, "\(endpoint): \(name)")
      case .ignored:
        #expect(complaints.allSatisfy { $0 == nil }, "\(endpoint): \(name)")
      case .refused(_, let idle):
        #expect(
          complaints.contains { $0?.parameter == name && $0?.code == "unsupported_parameter" }, "\(endpoint): \(name)")
        for value in idle { #expect(try complaint(endpoint, name, value) == nil, "\(endpoint): \(name) \(value)") }
      }
      let required = ["messages", "prompt", "max_tokens", "input_prefix", "input_suffix"]
      #expect(try complaint(endpoint, name, .null) == nil || required.contains(name))
    }
    let names = Set(fields.map(\.name))
    for case (let name, .alias(let other)) in fields { #expect(names.contains(other), "\(name)") }
    for option in table.options where endpoint != "messages" {
      #expect(names.contains(option.field), "\(option.name)")
    }
  }
}
