import Foundation
import InferKit
import TestSupport
import Testing

/// Loading, and what an engine knows of its model.
@Suite(.timeLimit(.minutes(10))) struct LoadingTests {
  @Test func loadingTellsHowFarItIs() async throws {
    let steps = Monitor<[LoadProgress]>([])
    let model = try await Model.load(at: TinyModel.folder) { progress in steps.withLock { $0.append(progress) } }
    let told = steps.withLock { $0 }
    #expect(model.name == "tiny" && told.count > 10)
    #expect(told.map(\.bytesDone) == told.map(\.bytesDone).sorted() && told.last?.bytesDone == told.last?.bytesTotal)
  }

  @Test func loadingEndsWithItsTask() async throws {
    let steps = Monitor(0)
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let task = Task {
      try await Model.load(at: TinyModel.folder) { _ in
        if steps.withLock({
          $0 += 1; return $0
        }) == 3 {
          begin.yield()
          while !steps.withLock({ $0 > 1000 }) { Thread.sleep(forTimeInterval: 0.001) }
        }
      }
    }
    for await _ in begun { break }
    task.cancel()
    steps.withLock { $0 = 1001 }
    await #expect(throws: CancellationError.self) { try await task.value }
    // The tensor that was under way was the last.
    #expect(steps.withLock { $0 } <= 1002)
  }

  @Test func placesThatAreNoModelAreNamed() async throws {
    await #expect(throws: ModelError.self) { try await Model.load(at: URL(filePath: "/nowhere")) }
    let address = try #require(URL(string: "https://example.org/model"))
    await #expect(
      throws: ModelError.unreadable(at: address, reason: "is not on this machine, expected a file's URL")
    ) {
      try await Model.load(at: address)
    }
  }

  @Test func textsBecomeVectors() async throws {
    let engine = try await TinyModel.engine()
    let texts = ["What is 47 + 85?", "What is 47 + 86?", "Hello"]
    let vectors = try await engine.embed(texts)
    #expect(vectors.count == 3 && vectors.allSatisfy { $0.count == engine.model.hiddenWidth })
    func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(vectors.allSatisfy { abs(dot($0, $0) - 1) < 1e-5 })
    let alone = try await engine.embed(texts[2])
    #expect(dot(vectors[2], alone) > 0.9999 && dot(vectors[0], alone) < 0.9999)
  }
}
