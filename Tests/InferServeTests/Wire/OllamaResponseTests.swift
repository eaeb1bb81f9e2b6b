import Foundation
import InferCore
import InferText
import NIOCore
import Testing

@testable import infer_serve

struct OllamaResponseTests {
  private static let tools: JSONValue = [
    ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]
  ]
  private static let answer =
    "<think>\nhm\n</think>\n\nLooking.<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>"

  private func response(
    _ form: OllamaResponse.Form = .chat, stop: [String] = []
  ) throws -> OllamaResponse {
    var format = OutputFormat(template: "")
    format.toolCalls = .hermes
    let parser = OutputParser(format, prompt: "", tools: Self.tools)
    let options = ChatChoice.Options(stop: try StopConditions(stopStrings: stop), makeCallID: { "call_1" })
    return OllamaResponse(form, model: "m", choice: ChatChoice(parser, options))
  }

  private static let call: JSONValue = ["id": "call_1", "function": ["index": 0, "name": "f", "arguments": ["a": 1]]]
  private static let costs: [(String, JSONValue)] = [
    ("prompt_eval_count", 10), ("prompt_eval_duration", 200_000_000), ("eval_count", 4), ("eval_duration", 100_000_000),
  ]

  @Test func linesJoinToTheWhole() throws {
    var streamed = try response()
    var lines: [JSONValue] = []
    for character in Self.answer { lines += streamed.append(piece(String(character)), to: 0) }
    lines += streamed.finish(0, .stop, statistics())
    let messages = lines.compactMap { $0["message"] }
    #expect(messages.compactMap { $0["thinking"]?.string }.joined() == "hm")
    #expect(messages.compactMap { $0["content"]?.string }.joined() == "Looking.")
    #expect(messages.compactMap { $0["tool_calls"] } == [[Self.call]])
    #expect(lines.dropLast().allSatisfy { $0["done"] == false && $0["done_reason"] == nil })
    let last = try #require(lines.last)
    #expect(last["done"] == true && last["done_reason"] == "stop")
    for (name, value) in Self.costs { #expect(last[name] == value, "\(name)") }

    var whole = try response()
    _ = whole.append(piece(Self.answer), to: 0)
    _ = whole.finish(0, .length, statistics())
    #expect(
      whole.completion["message"]
        == ["role": "assistant", "content": "Looking.", "thinking": "hm", "tool_calls": [Self.call]])
    #expect(whole.completion["done_reason"] == "length")
    for (name, value) in Self.costs { #expect(whole.completion[name] == value, "\(name)") }
  }

  @Test func aCallThatBreaksOffIsNotTold() throws {
    var response = try response()
    let begun =
      response.append(piece(String(Self.answer.dropLast(20))), to: 0) + response.finish(0, .length, statistics())
    #expect(begun.allSatisfy { $0["message"]?["tool_calls"] == nil })
    let content = begun.compactMap { $0["message"]?["content"]?.string }.joined()
    #expect(content == "Looking." && begun.last?["done_reason"] == "length")
    #expect(response.completion["message"]?["tool_calls"] == nil)
  }

  @Test func generatedTextIsAMember() throws {
    var response = try response(.generate, stop: ["ok"])
    let lines = response.append(piece("Well: it is ok now"), to: 0)
    #expect(response.isComplete(0))
    #expect(lines.map { $0["response"] } == ["Well: it is "] && lines[0]["message"] == nil)
    _ = response.finish(0, .stop, statistics())
    #expect(response.completion["response"] == "Well: it is " && response.completion["model"] == "m")
    let time = try #require(response.completion["created_at"]?.string)
    let date = try Date(time, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    #expect(abs(date.timeIntervalSinceNow) < 3600)
  }

  @Test func withoutAnAnswerTheModelIsLoaded() throws {
    let completion = try response().completion
    #expect(completion["done"] == true && completion["done_reason"] == "load" && completion["eval_count"] == nil)
  }

  @Test func documentsAreLines() throws {
    let framing = OllamaResponse.framing
    #expect(String(buffer: framing.bytes([["a": "x\ny"], [:]])) == "{\"a\":\"x\\ny\"}\n{}\n")
    #expect(framing.end == nil && framing.contentType == "application/x-ndjson")
    // Whatever stands between two lines must leave each a document.
    let line = String(buffer: framing.keepAlive) + String(buffer: framing.bytes([["n": 1]]))
    #expect(try JSONValue(parsing: line) == ["n": 1])
  }
}
