import Foundation
import TestSupport
import Testing

@testable import HybridBlocks

/// The article on what transformers and llama.cpp have and this engine refuses, against lists of both.
@Suite struct OtherModelsTests {
  private static let folder = Fixtures.folder.appending(path: "architectures")
  private static let article = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Sources/HybridBlocks/HybridBlocks.docc/OtherModels.md").standardized

  /// A library's architectures, those that run, and why others do not.
  private struct Library {
    let names: Set<String>
    let supported: Set<String>
    /// For each reason, the names.
    let refused: [[String]]

    var count: String { "\(names.intersection(supported).count) of \(names.count)" }
  }

  private struct Lists {
    let reasons: [String]
    let transformers: Library
    let llama: Library

    init() throws {
      func lines(_ name: String) throws -> [String] {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n").map { String($0) }
      }
      let rows = try lines("reasons.tsv").map { line in
        line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
      }
      try #require(rows.allSatisfy { $0.count == 3 }, "a reason, and names of two libraries")
      func library(_ file: String, _ column: Int, _ supported: [String]) throws -> Library {
        Library(
          names: try Set(lines(file)), supported: Set(supported),
          refused: rows.map { $0[column].split(separator: " ").map { String($0) } })
      }
      reasons = rows.map { $0[0] }
      transformers = try library("transformers.txt", 1, Families.all.flatMap { $0.modelTypes })
      llama = try library("llama.cpp.txt", 2, Dialects.all.flatMap { $0.architectures })
    }

    /// The counts and the table.
    var text: String {
      func quoted(_ names: [String]) -> String {
        names.isEmpty ? "–" : names.map { "`\($0)`" }.joined(separator: ", ")
      }
      let rows = reasons.indices.map {
        "| \(reasons[$0]) | \(quoted(transformers.refused[$0])) | \(quoted(llama.refused[$0])) |"
      }
      return """
        Of transformers' language models \(transformers.count) run, of llama.cpp's architectures \(llama.count).

        | Why not | `model_type` | GGUF architecture |
        | --- | --- | --- |
        \(rows.joined(separator: "\n"))
        """
    }
  }

  /// Each name runs here or has one reason why not.
  @Test func everyArchitectureRunsOrHasAReason() throws {
    let lists = try Lists()
    for library in [lists.transformers, lists.llama] {
      let refused = library.refused.flatMap { $0 }
      #expect(Set(refused).count == refused.count, "one reason each")
      #expect(Set(refused).isDisjoint(with: library.supported), "\(Set(refused).intersection(library.supported))")
      let silent = library.names.subtracting(library.supported).subtracting(refused)
      #expect(silent.isEmpty, "without a reason: \(silent.sorted())")
      #expect(Set(refused).isSubset(of: library.names), "\(Set(refused).subtracting(library.names))")
    }
  }

  /// The article's end is what the lists give; with `UPDATE_ARTICLES` set it is made so.
  @Test func theArticleIsCurrent() throws {
    let text = try String(contentsOf: Self.article, encoding: .utf8)
    let first = try #require(text.range(of: "Of transformers' language models"), "\(Self.article.path) has no counts")
    let want = try Lists().text + "\n"
    if ProcessInfo.processInfo.environment["UPDATE_ARTICLES"] != nil {
      try (text[..<first.lowerBound] + want).write(to: Self.article, atomically: true, encoding: .utf8)
      return
    }
    #expect(text[first.lowerBound...] == want)
  }
}
