import Foundation
import TestSupport
import Testing

@testable import Example

/// The README's example is a module of its own, which imports the libraries as a reader's does.
@Suite struct ExampleTests {
  private static let root = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()

  @Test func theReadmeShowsThisCode() throws {
    let code = try String(contentsOf: Self.root.appending(path: "Tests/Example/Example.swift"), encoding: .utf8)
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    let shown = readme.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(shown == [code])
    #expect(code.split(separator: "\n", omittingEmptySubsequences: false).count <= 30)
    let imports = code.matches(of: /import (\w+)/).map { String($0.1) }
    #expect(imports == ["HybridBlocks", "InferCore"])
  }

  @Test func itAnswers() async throws {
    let answer = try await example(Self.root.appending(path: "Models/tiny").path)
    #expect(answer.hasSuffix("132"))
  }
}
