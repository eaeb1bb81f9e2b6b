import InferText
import Testing

@testable import infer_serve

struct ModelRouterTests {
  private let router = ModelRouter(
    name: "auto", fast: "a", slow: "b", slowFrom: .medium, slowAbove: 20, slowWithTools: true)

  private func route(_ body: JSONValue) throws -> ModelRouter.Route { router.route(try FieldReader(body)) }

  @Test(arguments: [
    ("none", ModelRouter.Route.fast), ("minimal", .fast), ("low", .fast), ("medium", .slow), ("high", .slow),
    ("xhigh", .slow), ("unheard of", .fast),
  ])
  func effortDecides(effort: String, expected: ModelRouter.Route) throws {
    #expect(try route(["reasoning_effort": .string(effort)]) == expected)
    #expect(try route(["reasoning": ["effort": .string(effort)]]) == expected)
    #expect(try route(["think": .string(effort)]) == expected)
  }

  @Test func switchesCountBeforeEffortsAndEffortsBeforeTheRest() throws {
    #expect(try route(["enable_thinking": false, "reasoning_effort": "high"]) == .fast)
    #expect(try route(["thinking": ["type": "enabled", "budget_tokens": 7], "reasoning_effort": "none"]) == .slow)
    #expect(try route(["think": true]) == .slow)
    #expect(try route(["tools": [[:]]]) == .slow && route(["tools": []]) == .fast)
    #expect(try route(["tools": [[:]], "reasoning_effort": "low"]) == .fast)
  }

  @Test func lengthIsThatOfAllText() throws {
    let short = String(repeating: "x", count: 9)
    #expect(try route(["messages": [["content": .string(short)], ["content": .string(short)]]]) == .fast)
    #expect(
      try route(["messages": [["content": .string(short)], ["content": [["text": .string(short + "yy")]]]]]) == .slow)
    #expect(try route(["prompt": [.string(short), .string(short), "yy"]]) == .slow)
    #expect(try route(["prompt": 5, "tools": "no list", "thinking": 3]) == .fast)
  }

  /// One model in two modes is told which; two models think as they do.
  @Test func oneModelIsToldToThink() throws {
    var one = router
    one.slow = "a"
    let cases: [(ModelRouter, JSONValue, JSONValue)] = [
      (one, .object([:]), false), (one, ["reasoning_effort": "high"], true), (one, ["enable_thinking": true], true),
      (router, .object([:]), .null),
    ]
    for (router, body, expected) in cases {
      var reader = try FieldReader(body)
      router.setMode(router.route(reader), of: &reader)
      #expect((reader["enable_thinking"] ?? .null) == expected)
    }
  }
}
