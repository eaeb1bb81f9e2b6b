import InferMetrics
import Synchronization
import TestSupport
import Testing

@testable import InferCore

/// Holds the model within a step until it is opened.
final class Barrier: Sendable {
  private let isOpen = Monitor(true)
  private let entered = Atomic<Int>(0)

  /// Steps that have begun.
  var steps: Int { entered.load(ordering: .acquiring) }

  func close() { isOpen.withLock { $0 = false } }

  func open() { isOpen.change { $0 = true } }

  func pass() {
    entered.add(1, ordering: .acquiringAndReleasing)
    isOpen.wait { $0 }
  }

  /// Returns once a step is held.
  func held(after count: Int = 0) async throws {
    while steps <= count { try await Task.sleep(for: .milliseconds(1)) }
  }
}

/// Requests that come, go and are left; the engine's own end.
@Suite(.timeLimit(.minutes(10))) struct EngineLifeTests {
  private let barrier = Barrier()

  private func engine(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> Engine {
    let barrier = barrier
    return try Engine(
      model: HashModel { _ in barrier.pass() }, configuration: smallConfiguration(change))
  }

  private func request(_ count: Int? = nil) throws -> GenerationRequest {
    GenerationRequest(prompt: [1, 2, 3], sampling: .greedy, stop: try StopConditions(maxTokens: count))
  }

  /// Waits for what another thread is about to do.
  private func eventually(_ condition: () -> Bool) async throws {
    for _ in 0..<60_000 where !condition() { try await Task.sleep(for: .milliseconds(1)) }
    #expect(condition())
  }

  /// While a step is under way, everything outsiders ask is answered.
  @Test func nobodyWaitsForAStep() async throws {
    let engine = try engine { $0.maxQueue = 2 }
    barrier.close()
    let running = try engine.submit(try request(2))
    try await barrier.held()
    let others = try (0..<9).map { _ in try engine.submit(try request(2)) }
    let refusal = #expect(throws: RequestError.self) { try engine.submit(try request(2)) }
    guard case .queueFull(10, let retryAfter) = refusal else { throw try #require(refusal) }
    #expect(retryAfter >= .seconds(1))
    #expect(engine.metrics.text().contains("infer_num_requests_waiting{model_name=\"model\",engine=\"0\"} 9.0\n"))
    others[0].cancel()
    barrier.open()
    #expect(await Collected(running).reason == .length)
    #expect(await Collected(others[0]).reason == .cancelled)
    for other in others.dropFirst() { #expect(await Collected(other).tokens.count == 2) }
    #expect(engine.metrics.admissionRejections("queue_full").value == 1)
    #expect(throws: Never.self) { try engine.submit(try request(1)) }
  }

  @Test func cancelsWhatRunsAndWhatWaits() async throws {
    let engine = try engine { $0.maxRunning = 1 }
    barrier.close()
    let running = try engine.submit(try request())
    let queued = try engine.submit(try request())
    try await barrier.held()
    running.cancel()
    queued.cancel()
    barrier.open()
    let collected = await Collected(running)
    #expect(collected.reason == .cancelled && collected.tokens.count == 1)
    let waited = await Collected(queued)
    #expect(waited.reason == .cancelled && waited.tokens.isEmpty && waited.statistics.timeToFirstToken == nil)
    #expect(engine.metrics.requestSuccess("abort").value == 2)
    #expect(engine.metrics.stateCacheUsage.value == 0 && engine.metrics.kvCacheUsage.value == 0)
  }

  /// Leaving the loop, dropping the sequence unread, and cancelling the reading task all end the work.
  @Test func abandonedGenerationsEnd() async throws {
    let engine = try Engine(model: HashModel.unhurried(), configuration: smallConfiguration())
    for await event in try engine.submit(try request()) {
      guard case .token = event else { break }
      break
    }
    _ = try engine.submit(try request())
    let unread = try engine.submit(try request())
    let reader = Task { await Collected(unread) }
    reader.cancel()
    _ = await reader.value
    try await eventually { engine.metrics.requestSuccess("abort").value == 3 }
    #expect(engine.metrics.requestsRunning.value == 0)
  }

  @Test func severalAreTakenOnTogetherOrNotAtAll() async throws {
    let engine = try engine { ($0.maxRunning, $0.maxQueue) = (1, 2) }
    // More than fit even an idle engine: no use in trying again.
    #expect {
      try engine.submit(Array(repeating: try request(1), count: 4))
    } throws: { ($0 as? RequestError)?.property == .requests }
    #expect(throws: RequestError.emptyPrompt) { try engine.submit([try request(1), GenerationRequest(prompt: [])]) }
    let generations = try engine.submit(Array(repeating: try request(1), count: 3))
    for generation in generations { #expect(await Collected(generation).reason == .length) }
    #expect(engine.metrics.requestSuccess("length").value == 3)
  }

  @Test func drainingFinishesWhatIsThereAndRefusesTheRest() async throws {
    let engine = try engine()
    barrier.close()
    let generations = try (0..<12).map { _ in try engine.submit(try request(5)) }
    try await barrier.held()
    let drain = Task { await engine.drain() }
    try await eventually { !engine.isAccepting }
    #expect(throws: RequestError.draining) { try engine.submit(try request(1)) }
    barrier.open()
    await drain.value
    for generation in generations { #expect(await Collected(generation).tokens.count == 5) }
    await engine.shutdown()
  }

  @Test func drainingEndsWhatDoesNotEndInTime() async throws {
    let engine = try engine()
    barrier.close()
    let endless = try engine.submit(try request())
    try await barrier.held()
    let drain = Task { await engine.drain(within: .milliseconds(20)) }
    try await Task.sleep(for: .milliseconds(200))
    barrier.open()
    await drain.value
    #expect(await Collected(endless).reason == .shutdown)
    #expect(engine.metrics.requestSuccess("shutdown").value == 1)
  }

  /// An engine that is shut down does not look like a caller who cancels.
  @Test func shutdownEndsEverything() async throws {
    let engine = try engine()
    barrier.close()
    let generations = try (0..<20).map { _ in try engine.submit(try request()) }
    try await barrier.held()
    let shutdown = Task { await engine.shutdown() }
    try await eventually { !engine.isAccepting }
    barrier.open()
    await shutdown.value
    for generation in generations { #expect(await Collected(generation).reason == .shutdown) }
    await engine.shutdown()
  }

  @Test func aGenerationKeepsItsEngine() async throws {
    final class Mark: Sendable {}
    weak var mark: Mark?
    func generation() throws -> Generation {
      let held = Mark()
      mark = held
      return try Engine(
        model: HashModel { _ in withExtendedLifetime(held) {} }, configuration: smallConfiguration()
      ).submit(try request(20))
    }
    let collected = await Collected(try generation())
    #expect(collected.tokens.count == 20 && collected.reason == .length)
    // Nothing holds the engine any more: its thread ends, and lets go of the model.
    try await eventually { mark == nil }
  }

  /// However a generation is left, its end is told with what it cost.
  @Test(arguments: ["loop", "task", "cancel", "asking"]) func theEndIsAlwaysTold(way: String) async throws {
    let engine = try Engine(model: HashModel.unhurried(), configuration: smallConfiguration())
    let generation = try engine.submit(try request())
    let isReading = Monitor(false)
    switch way {
    case "loop":
      for await _ in generation { break }
    case "cancel":
      for await _ in generation { generation.cancel() }
    case "asking":
      let asking = Task { await generation.end }
      asking.cancel()
      #expect(await asking.value.reason == .cancelled)
    default:
      let reader = Task {
        var collected = Collected()
        for await event in generation {
          collected.append(event)
          isReading.withLock { $0 = true }
        }
        return collected
      }
      try await eventually { isReading.withLock { $0 } }
      reader.cancel()
      let collected = await reader.value
      #expect(collected.reason == .cancelled && collected.statistics.generatedTokens == collected.tokens.count)
    }
    let end = await generation.end
    #expect(end.reason == .cancelled && end.statistics.promptTokens == 3 && end.statistics.totalTime > .zero)
    #expect(way == "asking" || end.statistics.generatedTokens > 0)
    #expect(engine.metrics.generationTokens.value == end.statistics.generatedTokens)
    #expect(await generation.end == end)
  }

  /// Requests from many tasks in tight memory, a third of them left at some point: the others get the tokens they get
  /// alone, and in the end nothing is held.
  @Test func whoStaysIsNotDisturbedByWhoLeaves() async throws {
    let model = HashModel(contextLength: 64, heads: 512)
    let engine = try Engine(
      model: model, configuration: smallConfiguration { ($0.kvType, $0.pageLimit, $0.maxQueue) = (.f32, 32, 300) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<200 {
        group.addTask {
          var random = SeededGenerator(seed: UInt64(index))
          let prompt = (0...index % 20).map { _ in Int32.random(in: 0..<97, using: &random) }
          let leavesAfter = index % 3 == 0 ? Int.random(in: 0..<20, using: &random) : .max
          let generation = try engine.submit(
            GenerationRequest(prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 20)))
          var tokens: [Int32] = []
          for await case .token(let token) in generation {
            tokens.append(token.id)
            if tokens.count > leavesAfter { return }
          }
          #expect(tokens == model.greedy(after: prompt, count: 20))
        }
      }
      try await group.waitForAll()
    }
    await engine.drain()
    let metrics = engine.metrics
    let endings = FinishReason.allCases.map { metrics.requestSuccess($0.rawValue).value }
    #expect(endings.reduce(0, +) == 200 && metrics.requestSuccess("length").value >= 133)
    #expect(metrics.kvCacheUsage.value == 0 && metrics.stateCacheUsage.value == 0 && metrics.preemptions.value > 0)
    #expect(metrics.requestsRunning.value == 0 && metrics.requestsWaiting.value == 0)
  }

  /// A reader that sleeps finds every token there when it wakes.
  @Test func slowReadersSlowNobody() async throws {
    let engine = try engine()
    let slow = try engine.submit(try request(200))
    let fast = try engine.submit(try request(200))
    #expect(await Collected(fast).tokens.count == 200)
    let collected = await Collected(slow)
    #expect(collected.tokens.count == 200 && collected.reason == .length)
  }

  @Test func statisticsAddUp() async throws {
    let engine = try engine()
    let statistics = await Collected(try engine.submit(try request(50))).statistics
    let first = try #require(statistics.timeToFirstToken)
    #expect(statistics.queueTime + statistics.prefillTime == first)
    #expect(first + statistics.decodeTime <= statistics.totalTime)
    #expect(statistics.queueTime >= .zero && statistics.prefillTime > .zero && statistics.decodeTime > .zero)
    #expect(engine.metrics.interTokenLatency.cumulativeCounts.last == 49)
    #expect(engine.metrics.timeToFirstToken.cumulativeCounts.last == 1)
    #expect(engine.metrics.generationTokens.value == 50 && engine.metrics.promptTokens.value == 3)
  }
}
