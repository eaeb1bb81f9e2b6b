import HybridBlocks
import InferCore
import Testing

/// Sequences that lose their memory and compute their tokens again, on every family: the same tokens come out.
@Suite struct PreemptionTests {
  @Test(arguments: ParityFixture.all)
  func preemptedSequencesGoOnAsIfNothingHadHappened(_ fixture: ParityFixture) async throws {
    let model = try fixture.load("config.json")
    let reference = try fixture.reference()
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    configuration.pageTokens = 2
    // Enough for every prompt and one page more each, so that all run, and far too little for their answers, where these take
    // more than prompts leave behind windows.
    let rows = PageRows(pageTokens: 2, windows: model.stateLayout.pageGroups.windows)
    let hasWindows = rows.windows.contains { $0 != nil }
    configuration.pageLimit = reference.prompts.reduce(0) {
      $0 + rows.pageCount(for: $1.count + 1, run: 2) + rows.groupCount
    }
    let engine = try Engine(model: model, configuration: configuration)
    let stop = try StopConditions(maxTokens: 12, ignoresEndTokens: true)
    let generations = try engine.submit(
      reference.prompts.map { GenerationRequest(prompt: $0, sampling: .greedy, stop: stop) })
    var preemptions = 0
    for (index, generation) in generations.enumerated() {
      var tokens: [Int32] = []
      for await event in generation {
        switch event {
        case .promptScores, .pooled: break
        case .token(let token): tokens.append(token.id)
        case .finished(_, let statistics): preemptions += statistics.preemptions
        }
      }
      // Up to the first choice that rounding may turn.
      let clear = reference.margins[index].prefix { $0 > 0.01 }.count
      #expect(tokens.count == 12)
      #expect(tokens.prefix(clear) == reference.greedy[index].prefix(clear), "prompt \(index)")
    }
    await engine.shutdown()
    let hasPages = model.stateLayout.pageBytes(tokens: 1, type: .f32) > 0
    #expect(preemptions > 0 || !hasPages || hasWindows)
  }
}
