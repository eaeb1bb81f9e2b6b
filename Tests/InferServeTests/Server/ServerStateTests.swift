import Foundation
import HybridBlocks
import Testing

@testable import infer_serve

struct ServerStateTests {
  @Test func aServerThatIsNotReadySaysWhenToComeBack() throws {
    let state = ServerState(.unloaded(["tiny"]))
    let loading = refusal { () throws(APIError) in try state.check() }
    #expect(loading?.status == 503 && loading?.code == "loading" && loading?.retryAfter != nil)
    state.phase = .draining
    let draining = refusal { () throws(APIError) in try state.check() }
    #expect(draining?.status == 503 && draining?.code == "draining" && draining?.retryAfter != nil)
  }

  @Test func otherModelsAreNotFound() throws {
    let models = ModelRegistry.unloaded(["tiny"], ["small", "alias"])
    for (name, model) in [(nil, 0), ("tiny", 0), ("tiny:latest", 0), ("small", 1), ("alias", 1), ("alias:latest", 1)] {
      #expect(try models.model(named: name) === models.models[model])
    }
    let error = refusal { () throws(APIError) in try models.model(named: "huge") }
    #expect(error?.status == 404 && error?.code == "model_not_found" && error?.parameter == "model")
  }

  @Test(arguments: ["a/b/tiny", "a/b/tiny/", "tiny", "./x/../tiny", "a/tiny/.", "a/tiny.gguf", "tiny.GGUF"])
  func aModelIsCalledByItsFolderOrFile(path: String) { #expect(ModelSource.name(of: URL(filePath: path)) == "tiny") }

  @Test func identifiersAreLongAndDiffer() {
    let names = (0..<100).map { _ in Identifier.make("req") }
    #expect(Set(names).count == 100 && names.allSatisfy { $0.count == 28 && $0.hasPrefix("req-") })
  }
}

extension ModelRegistry {
  /// A registry of models with some names each, which cannot be loaded.
  static func unloaded(_ names: [String]...) -> ModelRegistry {
    let definitions = names.map { HostedModel.Definition(names: $0) { _, _ in throw CommandFailure("no files") } }
    guard let registry = try? ModelRegistry(definitions, logger: HTTPServer.quietLogger) else {
      preconditionFailure("two models of one name in \(names)")
    }
    return registry
  }
}
