import Foundation
import InferKit
import TestSupport
import Testing

/// Functions that a model calls.
@Suite(.timeLimit(.minutes(10))) struct ToolTests {
  private struct Place: Codable { let city: String }
  private struct Weather: Codable { let degrees: Int }
  private struct Closed: Error, CustomStringConvertible { let description = "the office is closed" }

  private static func call(_ name: String, _ arguments: String) -> String {
    "<tool_call>{\"name\": \"\(name)\", \"arguments\": \(arguments)}</tool_call>"
  }

  private func weather(_ asked: Monitor<[String]> = Monitor([])) throws -> Tool {
    try Tool("weather", "The weather in a city.", parameterDescriptions: ["city": "Its name."]) {
      (place: Place) throws in
      asked.withLock { $0.append(place.city) }
      if place.city == "Nowhere" { throw Closed() }
      return Weather(degrees: 21)
    }
  }

  @Test func toolsAreCalledAndTheModelGoesOn() async throws {
    let engine = try await ScriptedModel.engine([
      "I ask." + Self.call("weather", #"{"city": "Rome"}"#) + Self.call("weather", #"{"city": "Nowhere"}"#),
      Self.call("weather", #"{"town": "Rome"}"#) + Self.call("time", "{}"), "It is warm.",
    ])
    let asked = Monitor<[String]>([])
    let session = try ChatSession(engine, tools: [try weather(asked)], options: TinyModel.greedy)
    var results: [String] = []
    for try await case .toolResult(_, let result) in session.stream("How is it?") { results.append(result) }
    #expect(asked.withLock { $0 } == ["Rome", "Nowhere"])
    #expect(
      results.count == 4 && results[0] == #"{"degrees":21}"# && results[1] == "error: the office is closed"
        && results[2].hasPrefix("error: the arguments of weather are wrong: city: ")
        && results[3] == "error: there is no tool \"time\"; there are weather")
    let messages = session.messages
    #expect(messages.map(\.role) == [.user, .assistant, .tool, .tool, .assistant, .tool, .tool, .assistant])
    #expect(messages[1].content == "I ask." && messages.last?.content == "It is warm.")
    #expect(messages[2].answeredCall == messages[1].toolCalls.first && Set(messages[1].toolCalls.map(\.id)).count == 2)
  }

  @Test func aToolMayHaveNoParameters() async throws {
    let clock = Tool("clock", "The time of day.") { ["hour": 12] }
    #expect(clock.parameters["properties"]?.object?.isEmpty == true)
    let engine = try await ScriptedModel.engine([Self.call("clock", "{}"), "It is noon."])
    let session = try ChatSession(engine, tools: [clock], options: TinyModel.greedy)
    #expect(try await session.respond(to: "How late is it?").content == "It is noon.")
    #expect(session.messages.map(\.content)[2] == #"{"hour":12}"#)
  }

  @Test func callsInARowAreBounded() async throws {
    let call = Self.call("weather", #"{"city": "Rome"}"#)
    let engine = try await ScriptedModel.engine([call, call, call])
    var options = TinyModel.greedy
    options.maxToolRounds = 2
    let session = try ChatSession(engine, tools: [try weather()], options: options)
    await #expect(throws: ChatError.tooManyToolRounds(limit: 2)) { try await session.respond(to: "How is it?") }
    #expect(session.messages.isEmpty)
  }

  @Test func aToolThatIsCancelledEndsTheAnswer() async throws {
    struct Nothing: Codable { let city: String }
    let engine = try await ScriptedModel.engine([Self.call("wait", #"{"city": "Rome"}"#)])
    let tool = try Tool("wait", "Waits.") { (_: Nothing) in
      unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
      try await Task.sleep(for: .seconds(60))
      return ""
    }
    let session = try ChatSession(engine, tools: [tool], options: TinyModel.greedy)
    await #expect(throws: CancellationError.self) { try await Task { try await session.respond(to: "Go") }.value }
    #expect(session.messages.isEmpty)
  }

  @Test func parametersAreDescribed() throws {
    let tool = try weather()
    #expect(
      tool.parameters == [
        "type": "object", "properties": ["city": ["type": "string", "description": "Its name."]], "required": ["city"],
        "additionalProperties": false,
      ])
    #expect(throws: SchemaError.self) { try Tool("a", "") { (_: Int) in 1 } }
    #expect(throws: SchemaError.self) { try Tool("a", "", parameterDescriptions: ["x": ""]) { (_: Place) in 1 } }
  }
}
