import Foundation
// The README's example, between the marks, is this code: `example()` is compiled and run here, and compared with it.
// example
import HybridBlocks
import InferCore
import TestSupport
import Testing

/// Asks the model in `folder` one question and prints the answer as it comes.
func example(_ folder: String) async throws -> String {
  let loaded = try loadModel(at: folder)
  guard let tokenizer = loaded.tokenizer, let template = loaded.chatTemplate else { return "" }

  var configuration = EngineConfiguration()
  configuration.endTokens = loaded.generation.endTokens
  let engine = try Engine(model: loaded.model, configuration: configuration)

  let prompt = try template.render(messages: [["role": "user", "content": "What is 47 + 85?"]])
  let request = GenerationRequest(prompt: try tokenizer.encode(prompt), sampling: .greedy)

  var answer = ""
  for await event in try engine.submitText(request, tokenizer: tokenizer) {
    switch event {
    case .piece(let piece):
      answer += piece.text
      print(piece.text, terminator: "")
    case .finished(let reason, let statistics):
      print("\n\(reason): \(statistics.generatedTokens) tokens in \(statistics.totalTime)")
    }
  }
  await engine.shutdown()
  return answer
}
// example

@Suite struct ExampleTests {
  private static let root = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()

  @Test func theReadmeShowsThisCode() throws {
    let here = try String(contentsOfFile: #filePath, encoding: .utf8)
    let code = here.components(separatedBy: "// example\n")[1].trimmingCharacters(in: .whitespacesAndNewlines)
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    #expect(readme.contains("```swift\n\(code)\n```"))
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 30)
  }

  @Test func itAnswers() async throws {
    let answer = try await example(Self.root.appending(path: "Models/tiny").path)
    #expect(answer.hasSuffix("132"))
  }
}
