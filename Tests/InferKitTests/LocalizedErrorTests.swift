import Foundation
import TestSupport
import Testing

@testable import InferCore
@testable import InferKit

@Suite struct LocalizedErrorTests {
  /// One error of every public type.
  static let errors: [any DescribedError] = [
    ConfigurationError(.maxRunning, reason: "must be at least 1, not 0"), ModelError.unsuitable("no"),
    RequestError.invalid(.topP, reason: "must be above 0, not -1"), TemplateError.raised("roles must alternate"),
    TokenizerError.file("tokenizer.json", reason: "is empty"), WriteError(at: URL(filePath: "/x"), reason: "read-only"),
    StateFileError.nothingKept, jsonError,
    constraintError,
    EmbeddingError(reason: .shutdown), ChatError.busy, InferKit.SchemaError(path: "a[].b", reason: "has no end"),
  ]

  private static var jsonError: JSONError {
    do throws(JSONError) {
      _ = try JSONValue(parsing: "[1,")
      preconditionFailure("half an array was read")
    } catch {
      return error
    }
  }

  private static var constraintError: ConstraintError {
    do throws(ConstraintError) {
      _ = try Constraint(regex: "(", for: MaskVocabulary(size: 1, []))
      preconditionFailure("half a group was read")
    } catch {
      return error
    }
  }

  @Test(arguments: errors.indices) func aLocalizedDescriptionIsTheDescription(index: Int) {
    let error = Self.errors[index]
    #expect((error as any Error).localizedDescription == error.description)
    #expect(!error.description.isEmpty)
  }

  @Test func everyPublicErrorIsHere() throws {
    let sources = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
    var declared: Set<String> = []
    for library in ["InferText", "InferCore", "HybridBlocks", "InferKit"] {
      let files = FileManager.default.enumerator(atPath: sources.appending(path: library).path)
      while let file = files?.nextObject() as? String {
        guard file.hasSuffix(".swift") else { continue }
        let text = try String(contentsOf: sources.appending(path: "\(library)/\(file)"), encoding: .utf8)
        for match in text.matches(of: /public (?:enum|struct|final class|class) (\w+): (?:.*\W)?\w*Error\b/) {
          declared.insert(String(match.1))
        }
      }
    }
    #expect(declared == Set(Self.errors.map { "\(type(of: $0))" }))
  }
}
