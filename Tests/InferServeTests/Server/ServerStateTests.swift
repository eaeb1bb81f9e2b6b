import Foundation
import HybridBlocks
import Testing

@testable import infer_serve

struct ServerStateTests {
  @Test func aServerThatIsNotReadySaysWhenToComeBack() {
    let state = ServerState(modelNames: ["tiny"])
    let loading = refusal { () throws(APIError) in try state.model() }
    #expect(loading?.status == 503 && loading?.code == "loading" && loading?.retryAfter != nil)
    state.phase = .draining
    let draining = refusal { () throws(APIError) in try state.model() }
    #expect(draining?.status == 503 && draining?.code == "draining" && draining?.retryAfter != nil)
  }

  @Test func otherModelsAreNotFound() {
    let state = ServerState(modelNames: ["tiny"])
    #expect(refusal { () throws(APIError) in try state.check(modelName: "tiny") } == nil)
    let error = refusal { () throws(APIError) in try state.check(modelName: "huge") }
    #expect(error?.status == 404 && error?.code == "model_not_found" && error?.parameter == "model")
  }

  @Test(arguments: ["a/b/tiny", "a/b/tiny/", "tiny", "./x/../tiny", "a/tiny/.", "a/tiny.gguf", "tiny.GGUF"])
  func aModelIsCalledByItsFolderOrFile(path: String) { #expect(ModelSource.name(of: URL(filePath: path)) == "tiny") }

  @Test func identifiersAreLongAndDiffer() {
    let names = (0..<100).map { _ in Identifier.make("req") }
    #expect(Set(names).count == 100 && names.allSatisfy { $0.count == 28 && $0.hasPrefix("req-") })
  }
}
