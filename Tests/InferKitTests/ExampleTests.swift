import Foundation
import InferKit
import TestSupport
import Testing

@testable import Example

/// The code of README and articles is that of modules of their own, which import the library as a reader's does.
@Suite(.timeLimit(.minutes(2))) struct ExampleTests {
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
    (
      "Sources/InferKit/InferKit.docc/YourOwnFamily.md",
      ["OutsideFamily/Sources/OutsideFamily/Pebble", "OutsideFamily/Sources/OutsideFamily/Gate"]
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

  @Test func theValueIsHeld() async throws {
    let engine = try await ScriptedModel.engine([#"{"place": "cage", "chickens": 23, "rabbits": 12}"#])
    let animals = try await answeringWithValues(engine)
    #expect(animals.place == .cage && animals.chickens == 23 && animals.rabbits == 12 && animals.remark == nil)
  }
}
