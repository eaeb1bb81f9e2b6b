import Foundation
import TestSupport
import Testing

/// The README's example is `Example.swift`, compiled and run here.
@Suite struct ExampleTests {
  private static let root = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()

  @Test func theReadmeShowsThisCode() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Example.swift")
    let code = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    #expect(readme.contains("```swift\n\(code)\n```"))
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 30)
  }

  @Test func itAnswers() async throws {
    let answer = try await example(Self.root.appending(path: "Models/tiny").path)
    #expect(answer.hasSuffix("132"))
  }
}
