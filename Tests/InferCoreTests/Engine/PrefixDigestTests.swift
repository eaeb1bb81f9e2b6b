import InferMetrics
import TestSupport
import Testing

@testable import InferCore

/// The landmarks that the prefix cache tells.
@Suite struct PrefixDigestTests {
  private func run(_ engine: Engine, _ prompt: [Int32], _ landmarks: [(UInt64, Int)], branches: [Int]) async throws {
    var request = GenerationRequest(
      prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 3), branches: branches)
    request.landmarks = landmarks.map { PromptLandmark(hash: $0.0, tokens: $0.1) }
    _ = await Collected(try engine.submit(request))
  }

  private func kept(_ engine: Engine) async throws -> [UInt64: Int] {
    let digest = try #require(await engine.prefixDigest())
    return Dictionary(uniqueKeysWithValues: digest.landmarks.map { ($0.hash, $0.tokens) })
  }

  @Test(arguments: [HashModel.Memory.paged, [.paged, .recurrent]])
  func landmarksOfKeptStatesAreTold(memory: HashModel.Memory) async throws {
    let engine = try Engine(model: HashModel(memory: memory), configuration: smallConfiguration())
    let system = (0..<70).map { Int32($0 % 89) }
    let landmarks: [(UInt64, Int)] = [(1, 40), (2, 70), (3, 100)]
    try await run(engine, system + Array(repeating: 5, count: 30), landmarks, branches: [70])
    // Nothing is kept at the first.
    #expect(try await kept(engine) == [2: 70, 3: 99])
    let first = try #require(await engine.prefixDigest())

    // The same beginning by another name, and an end that is shared with nobody.
    try await run(engine, system + Array(repeating: 6, count: 40), [(9, 70), (4, 110)], branches: [70])
    #expect(try await kept(engine) == [2: 70, 9: 70, 3: 99, 4: 109])
    let second = try #require(await engine.prefixDigest())
    #expect(second.sequence > first.sequence && second.instance == first.instance)
    #expect(second.landmarks.map(\.tokens) == [109, 99, 70, 70])

    // Four more names of one state: the oldest are forgotten.
    for name in UInt64(11)...14 {
      let tail = Array(repeating: Int32(name), count: 30)
      try await run(engine, system + tail, [(name, 70), (name + 10, 100)], branches: [70])
    }
    let named = try await kept(engine)
    #expect(Set(named.filter { $0.value == 70 }.keys) == [11, 12, 13, 14] && named.count == 10)

    await engine.resetPrefixCache()
    #expect(try await kept(engine).isEmpty)
    #expect(try #require(await engine.prefixDigest()).sequence > second.sequence)
    await engine.shutdown()
    #expect(await engine.prefixDigest() == nil)
  }

  @Test func followersHearOfChangesAndOfTheEnd() async throws {
    let engine = try Engine(model: HashModel(memory: [.paged, .recurrent]), configuration: smallConfiguration())
    let follower = engine.followPrefixes()
    let sequences = Task {
      var sequences: [Int] = []
      for await _ in follower.notices {
        guard let digest = await engine.prefixDigest() else { break }
        sequences.append(digest.sequence)
      }
      return sequences
    }
    for turn in 0..<3 {
      try await run(engine, (0..<60).map { Int32(turn * 7 + $0) % 89 }, [(UInt64(turn + 1), 60)], branches: [])
    }
    await engine.drain()
    let told = await sequences.value
    #expect(told.count >= 2 && told == told.sorted())
    // Who comes later hears nothing.
    for await _ in engine.followPrefixes().notices { Issue.record("a notice after the end") }
  }

  @Test func theFirstLandmarkAtOrBehindAPositionIsFound() {
    let landmarks = [(1, 10), (2, 10), (3, 25)].map { PromptLandmark(hash: $0.0, tokens: $0.1) }
    #expect([0, 10, 11, 25, 26].map { landmarks.hash(atOrBehind: $0) } == [1, 1, 3, 3, 0])
    #expect([PromptLandmark]().hash(atOrBehind: 0) == 0)
  }
}
