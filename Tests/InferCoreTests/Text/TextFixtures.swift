import Foundation
import InferCore

/// Where the test data of this folder lies.
enum TextFixtures {
  private static let repository = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let folder = repository.appending(path: "Tests/Fixtures/text")

  /// Data too large for the repository, in a sibling folder that need not exist.
  static let shared = repository.deletingLastPathComponent().appending(path: "shared")

  static func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  static func json(_ url: URL) throws -> JSONValue { try JSONValue(parsing: Array(Data(contentsOf: url))) }
}
