import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct LocalizedErrorTests {
  /// One error of every public type.
  static let errors: [any Error & CustomStringConvertible] = [
    ConfigurationError(.maxRunning, reason: "must be at least 1, not 0"), ModelError.unsuitable("no"),
    RequestError.invalid(.topP, reason: "must be above 0, not -1"), TemplateError.raised("roles must alternate"),
    TokenizerError.file("tokenizer.json", reason: "is empty"), WriteError(path: "/x", reason: "read-only"),
    ModelFileError.malformed(path: "config.json", reason: "is empty"), StateFileError.nothingKept, jsonError,
    constraintError,
    EmbeddingError(reason: .shutdown),
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
    for library in ["InferText", "InferCore", "HybridBlocks"] {
      let files = FileManager.default.enumerator(atPath: sources.appending(path: library).path)
      while let file = files?.nextObject() as? String {
        guard file.hasSuffix(".swift") else { continue }
        let text = try String(contentsOf: sources.appending(path: "\(library)/\(file)"), encoding: .utf8)
        for match in text.matches(of: /public (?:enum|struct|final class|class) (\w+): (?:.*\W)?Error\b/) {
          declared.insert(String(match.1))
        }
      }
    }
    #expect(declared == Set(Self.errors.map { "\(type(of: $0))" }))
  }

  /// The library's messages name its own properties, never an option or a field of some wire.
  @Test func namesAreThoseOfProperties() {
    let configuration = ConfigurationError(.kvCacheMiB, reason: "is too small")
    #expect(configuration.description == "kvCacheMiB is too small")
    #expect("\(RequestError.invalid(.maxTokens, reason: "must be at least 1"))" == "stop.maxTokens must be at least 1")
    let properties = Mirror(reflecting: EngineConfiguration()).children.compactMap(\.label)
    for property in ConfigurationError.Property.allCases { #expect(properties.contains(property.rawValue)) }
    let request = GenerationRequest(prompt: [1])
    let paths =
      Mirror(reflecting: request).children.compactMap(\.label)
      + Mirror(reflecting: request.sampling).children.compactMap { $0.label.map { "sampling.\($0)" } }
      + Mirror(reflecting: request.stop).children.compactMap { $0.label.map { "stop.\($0)" } }
    for property in RequestError.Property.allCases where property != .requests {
      #expect(paths.contains(property.rawValue), "\(property)")
    }
  }
}
