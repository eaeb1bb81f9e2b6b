import Foundation
import InferKit
import TestSupport
import Testing

@testable import Example

/// The code of README and articles is that of modules of their own, which import the library as a reader's does.
@Suite(.timeLimit(.minutes(10))) struct ExampleTests {
  private static let root = TinyModel.folder.deletingLastPathComponent().deletingLastPathComponent()

  private static func code(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test(arguments: [
    ("README.md", ["Example/Example"]),
    ("Sources/InferKit/InferKit.docc/GettingStarted.md", ["Example/Example"]),
    ("Sources/InferKit/InferKit.docc/Chatting.md", ["Example/Chatting"]),
    ("Sources/InferKit/InferKit.docc/CallingTools.md", ["Example/CallingTools"]),
    ("Sources/InferKit/InferKit.docc/AnsweringWithValues.md", ["Example/AnsweringWithValues"]),
    ("Sources/InferKit/InferKit.docc/ChoosingTokens.md", ["Example/ChoosingTokens"]),
    (
      "Sources/InferKit/InferKit.docc/YourOwnFamily.md",
      ["Pebble", "Gate", "Memory"].map { "OutsideFamily/Sources/OutsideFamily/\($0)" }
    ),
  ])
  func textsShowCodeThatIsCompiled(text: String, files: [String]) throws {
    let blocks = try Self.code(text).components(separatedBy: "```swift\n").dropFirst()
    let shown = blocks.map { $0.components(separatedBy: "```")[0] }.filter { $0.hasPrefix("import ") }
    #expect(shown == (try files.map { try Self.code("Tests/\($0).swift") }))
  }

  @Test func theExampleAnswers() async throws {
    #expect(try await example(TinyModel.folder) == "132")
  }

  @Test func theConversationGoesOn() async throws {
    let messages = try await chatting(try await TinyModel.engine())
    #expect(messages.map(\.role) == [.system, .user, .assistant, .user, .assistant] && messages[2].content == "132")
  }

  @Test func theToolIsCalled() async throws {
    let call = #"<tool_call>{"name": "add", "arguments": {"first": 47, "second": 85}}</tool_call>"#
    let engine = try await ScriptedModel.engine([call, "It is 132."])
    #expect(try await callingTools(engine) == "It is 132.")
  }

  /// Each request has its own copy of a processor.
  @Test func nothingIsSaidTwice() async throws {
    let engine = try await TinyModel.engine()
    #expect(try await choosingTokens(engine).finishReason == .stop)
    let tokenizer = try #require(engine.loadedModel?.tokenizer)
    func pairs(_ processors: [any LogitsProcessor]) async throws -> (all: Int, different: Int) {
      var request = GenerationRequest(
        prompt: try tokenizer.encode("12 + 34 = 46"), sampling: .greedy,
        stop: try StopConditions(maxTokens: 60, ignoresEndTokens: true))
      request.processors = processors
      var answers: [[Int32]] = []
      for generation in try engine.submit([request, request]) {
        var answer: [Int32] = []
        for await case .token(let token) in generation { answer.append(token.id) }
        answers.append(answer)
      }
      #expect(answers[0] == answers[1] && answers[0].count == 60)
      return (59, Set(zip(answers[0], answers[0].dropFirst()).map { [$0, $1] }).count)
    }
    let (free, held) = (try await pairs([]), try await pairs([NoRepeatedSequences(length: 2)]))
    #expect(free.different < free.all && held.different == held.all)
  }

  @Test func theValueIsHeld() async throws {
    let engine = try await ScriptedModel.engine([#"{"place": "cage", "chickens": 23, "rabbits": 12}"#])
    let animals = try await answeringWithValues(engine)
    #expect(animals.place == .cage && animals.chickens == 23 && animals.rabbits == 12 && animals.remark == nil)
  }
}
