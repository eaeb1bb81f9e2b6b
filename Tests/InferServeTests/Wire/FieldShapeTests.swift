import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

/// Holds the shapes of fields, which OpenAPI tells, to what the endpoints decode.
struct FieldShapeTests {
  private static let endpoints: [(path: String, fields: RequestFields, rest: JSONObject)] = [
    ("/v1/chat/completions", .chat, hello), ("/v1/completions", .completions, ["prompt": "x"]),
    ("/v1/messages", .messages, hello.merging(["max_tokens": 8], uniquingKeysWith: { $1 })),
    ("/v1/responses", .responses, ["input": "x"]),
    ("/api/chat", .ollamaChat, hello), ("/api/generate", .ollamaGenerate, ["prompt": "x"]),
    ("/api/embed", .ollamaEmbed, ["input": "x"]), ("/api/embeddings", .ollamaEmbeddings, ["prompt": "x"]),
    ("/infill", .infill, ["input_prefix": "x", "input_suffix": "y"]), ("/tokenize", .tokenize, ["prompt": "x"]),
    ("/v1/embeddings", .embeddings, ["input": "x"]), ("/v1/rerank", .rerank, ["query": "x", "documents": ["y"]]),
    ("/v1/score", .score, ["text_1": "x", "text_2": ["y"]]),
    ("/detokenize", .detokenize, ["tokens": [1]]),
  ]

  private static let hello: JSONObject = ["messages": [["role": "user", "content": "x"]]]

  /// Fields that only stand beside others.
  private static let companions: [String: JSONObject] = [
    "top_logprobs": ["logprobs": true], "stream_options": ["stream": true], "min_tokens": ["max_tokens": -1],
    "continue_final_message": ["messages": [["role": "assistant", "content": "x"]]],
  ]

  /// Fields of which other things than their own shapes decide: the length of vectors, the tools, the text of a schema.
  private static let judgedByContent = ["dimensions", "tool_choice", "json_schema", "guided_json", "keep_alive"]

  /// The complaint about a value.
  private func complaint(_ path: String, _ rest: JSONObject, _ name: String, _ value: JSONValue) -> APIError? {
    var body = rest
    switch name {
    case "top_logprobs" where path == "/v1/responses": break
    case "queries" where path == "/v1/score", "documents" where path == "/v1/score":
      body = ["queries": "x", "documents": ["y"]]
    default: body.merge(Self.companions[name] ?? [:], uniquingKeysWith: { $1 })
    }
    body[name] = value
    do {
      _ = try RequestDecoding.decode(Array(JSONValue.object(body).serialized().utf8), path: path)
      return nil
    } catch let error as APIError { return error } catch { return .failed("\(error)") }
  }

  /// Values at the limits of a shape, and one beyond each.
  private func limits(_ shape: JSONShape) -> (within: [JSONValue], beyond: [JSONValue]) {
    switch shape {
    case .boolean: return ([true, false], [1, "true", [], [:]])
    case .string: return (["x"], [1, true, [], [:]])
    case .choice(let names): return (names.map(JSONValue.string), [.string("\(names[0])x"), "", 1, true, []])
    case .integer(let range, let others):
      let ends = [range.lowerBound, range.upperBound]
      let beyond = [
        range.lowerBound > .min ? range.lowerBound - 1 : nil, range.upperBound < .max ? range.upperBound + 1 : nil,
      ]
      let outside = beyond.compactMap { $0 }.filter { !others.contains($0) }
      return ((ends + others).map { .integer($0) }, outside.map { .integer($0) } + ["1", 1.5, true, []])
    case .number(let bounds):
      let (lower, upper) = (bounds.range.lowerBound, bounds.range.upperBound)
      guard lower.isFinite else { return ([1.5, 1], ["1", true, []]) }
      let least = bounds.isAboveLower ? lower + 0.001 : lower
      return (
        [.number(least), .number(upper)],
        [.number(bounds.isAboveLower ? lower : lower - 0.001), .number(upper + 0.001), "1", true, [], [:]]
      )
    case .described(let shape, _): return limits(shape)
    case .values(let values): return (values, [[:], 1.5])
    case .either(let shapes):
      // What one alternative refuses may be another.
      let takesAll = shapes.contains { if case .any = $0 { true } else { false } }
      let takesNumbers = shapes.contains { if case .number = $0 { true } else { false } }
      return (shapes.flatMap { limits($0).within }, takesAll ? [] : takesNumbers ? [true] : [1.5])
    case .array(_, let count): return (count.lowerBound == 0 ? [[]] : [], [1, true, [:]])
    case .object: return ([], [1, true, [1]])
    case .map, .any, .null: return ([], [])
    }
  }

  @Test(arguments: endpoints.map(\.path)) func rangesAreThoseThatDecode(path: String) throws {
    let endpoint = try #require(Self.endpoints.first { $0.path == path })
    var tried = 0
    for field in endpoint.fields.fields {
      let name: String
      switch field.use {
      case .read: name = field.name
      case .alias(let other): name = other
      default: continue
      }
      if case .refused? = endpoint.fields.fields.first(where: { $0.name == name })?.use { continue }
      guard let shape = endpoint.fields.shape(of: name)?.bare, name != "model" else { continue }
      let values = limits(shape)
      tried += values.within.count + values.beyond.count
      for value in values.beyond {
        // `null` and values that ask for nothing aside, all are refused by the field's name.
        let error = complaint(path, endpoint.rest, field.name, value)
        #expect(
          error?.status == 400 && error?.parameter?.hasPrefix(field.name) == true,
          "\(path): \(field.name) \(value.serialized()) \(String(describing: error))")
      }
      for value in values.within where !Self.judgedByContent.contains(name) {
        let error = complaint(path, endpoint.rest, field.name, value)
        #expect(error == nil, "\(path): \(field.name) \(value.serialized()): \(error?.message ?? "")")
      }
      // Queries and documents stand together.
      if endpoint.path == "/v1/score", ["queries", "documents"].contains(name) { continue }
      if !endpoint.fields.required.contains(field.name) {
        #expect(complaint(path, endpoint.rest, field.name, .null) == nil || endpoint.rest[field.name] != nil)
      }
    }
    #expect(tried > 3)
  }

  @Test(arguments: endpoints.map(\.path)) func requiredFieldsAreMissed(path: String) throws {
    let endpoint = try #require(Self.endpoints.first { $0.path == path })
    for name in endpoint.fields.required {
      let error = complaint(path, endpoint.rest, name, .null)
      #expect(error?.code == "missing_required_parameter" && error?.parameter == name)
    }
  }
}
