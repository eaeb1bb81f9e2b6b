import Foundation
import Testing

@testable import HybridBlocks

@Suite struct SupportedModelsTests {
  private static let article = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Sources/HybridBlocks/HybridBlocks.docc/SupportedModels.md").standardized

  /// The article's table is the one that the families themselves give; with `UPDATE_ARTICLES` set it is made so.
  @Test func theArticleListsEveryFamily() throws {
    let lines = try String(contentsOf: Self.article, encoding: .utf8).components(separatedBy: "\n")
    let isRow = lines.map { $0.hasPrefix("|") }
    let first = try #require(isRow.firstIndex(of: true), "\(Self.article.path) has no table")
    let last = try #require(isRow.lastIndex(of: true))
    if ProcessInfo.processInfo.environment["UPDATE_ARTICLES"] != nil {
      let changed = lines[..<first] + [Families.table] + lines[(last + 1)...]
      try changed.joined(separator: "\n").write(to: Self.article, atomically: true, encoding: .utf8)
      return
    }
    #expect(lines[first...last].joined(separator: "\n") == Families.table)
  }

  /// Each name leads to one family, and each dialect to one that is listed.
  @Test func namesAreNotShared() {
    let types = Families.all.flatMap { $0.modelTypes }
    #expect(Set(types).count == types.count)
    let architectures = Dialects.all.flatMap { $0.architectures }
    #expect(Set(architectures).count == architectures.count)
    for dialect in Dialects.all { #expect(Families.all.contains { $0 == dialect.family }, "\(dialect)") }
  }
}
