import HTTPTypes
import HummingbirdCore
import InferCore
import InferText
import NIOCore
import Testing

@testable import infer_serve

struct MessagesResponseTests {
  private static let tools: JSONValue = [
    ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]
  ]
  private static let answer =
    "<think>\nhm\n</think>\n\nLooking.<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"

  private func response(stop: [String] = []) throws -> MessagesResponse {
    var format = OutputFormat(template: "")
    format.toolCalls = .hermes
    let parser = OutputParser(format, prompt: "", tools: Self.tools)
    let conditions = try StopConditions(stopStrings: stop)
    let choice = ChatChoice(parser, ChatChoice.Options(stop: conditions, makeCallID: { "toolu_1" }))
    return MessagesResponse(
      head: MessagesResponse.Head(id: "msg_1", model: "m", promptTokens: 10, markedTokens: 8), choice: choice)
  }

  @Test func eventsComeInTheirOrder() throws {
    var response = try response()
    var events: [JSONValue] = []
    for character in Self.answer { events += response.append(piece(String(character)), to: 0) }
    events += response.finish(0, .stop, statistics(prompt: 10, generated: 7, cached: 3))
    let kinds = events.compactMap { event -> String? in
      guard let type = event["type"]?.string else { return nil }
      return event["delta"]?["type"]?.string ?? event["content_block"]?["type"]?.string.map { "\(type) \($0)" } ?? type
    }
    let runs = kinds.reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
    #expect(
      runs == [
        "message_start", "ping", "content_block_start thinking", "thinking_delta", "signature_delta",
        "content_block_stop", "content_block_start text", "text_delta", "content_block_stop",
        "content_block_start tool_use", "input_json_delta", "content_block_stop", "message_delta", "message_stop",
      ])
    let arguments = events.compactMap { $0["delta"]?["partial_json"]?.string }.joined()
    #expect(try JSONValue(parsing: arguments) == ["a": 1])
    #expect(events.compactMap { $0["index"]?.int } == events.compactMap { $0["index"]?.int }.sorted())
    let last = try #require(events.first { $0["type"] == "message_delta" })
    #expect(last["delta"] == ["stop_reason": "tool_use", "stop_sequence": nil])
    #expect(
      last["usage"] == [
        "input_tokens": 2, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 7,
      ])
    let bytes = String(buffer: MessagesResponse.framing.bytes([["type": "ping"]]))
    #expect(bytes == "event: ping\ndata: {\"type\":\"ping\"}\n\n" && MessagesResponse.framing.end == nil)
  }

  @Test func theWholeHasTheSameBlocks() throws {
    var response = try response()
    _ = response.append(piece(Self.answer), to: 0)
    _ = response.finish(0, .stop, statistics())
    #expect(
      response.completion["content"] == [
        ["type": "thinking", "thinking": "hm", "signature": "msg_1"], ["type": "text", "text": "Looking."],
        ["type": "tool_use", "id": "toolu_1", "name": "f", "input": ["a": 1]],
      ])
    #expect(response.completion["stop_reason"] == "tool_use")
  }

  @Test func theStopSequenceIsTold() throws {
    var stopped = try response(stop: ["zz", "ok"])
    _ = stopped.append(piece("Look: it is ok now"), to: 0)
    #expect(stopped.isComplete(0))
    _ = stopped.finish(0, .stop, statistics())
    #expect(stopped.completion["stop_reason"] == "stop_sequence" && stopped.completion["stop_sequence"] == "ok")
    for (reason, name) in [(FinishReason.stop, "end_turn"), (.length, "max_tokens")] {
      var response = try response()
      _ = response.append(piece("Look"), to: 0)
      _ = response.finish(0, reason, statistics())
      #expect(response.completion["stop_reason"] == .string(name) && response.completion["stop_sequence"] == .null)
    }
  }

  @Test func errorsHaveTheFormOfThePath() {
    let forms: [(String, ErrorForm)] = [
      ("/v1/messages", .anthropic), ("/v1/messages/count_tokens?beta=true", .anthropic), ("/messages", .anthropic),
      ("/api/chat", .ollama), ("/v1/chat/completions", .openAI), ("/", .openAI), ("", .openAI),
    ]
    for (path, form) in forms { #expect(ErrorForm(target: path) == form, "\(path)") }
    #expect(
      APIError.bodyTooLarge(limit: 5).json(in: .anthropic, requestID: "r")
        == [
          "type": "error",
          "error": ["type": "request_too_large", "message": "The request body is larger than the limit of 5 bytes."],
          "request_id": "r",
        ])
    #expect(APIError.tooManyBodies.response(in: .anthropic).status.code == 529)
    #expect(APIError.tooManyBodies.json(in: .anthropic)["error"]?["type"] == "overloaded_error")
    #expect(APIError.tooManyBodies.json(in: .ollama) == ["error": .string(APIError.tooManyBodies.message)])
  }
}
