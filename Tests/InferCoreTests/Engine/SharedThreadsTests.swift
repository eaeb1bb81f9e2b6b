import Foundation
import TestSupport
import Testing

@testable import InferCore

/// Engines that compute with one team.
@Suite(.timeLimit(.minutes(10))) struct SharedThreadsTests {
  /// Which engine's steps there were, in order, and how many began within another one.
  private struct Steps {
    var isWithin = false
    var overlaps = 0
    var order: [Int] = []
  }

  private let steps = Monitor(Steps())

  private func engine(_ number: Int, _ threads: ThreadShare) throws -> Engine {
    let steps = steps
    let model = HashModel { _ in
      steps.withLock {
        if $0.isWithin { $0.overlaps += 1 }
        $0.isWithin = true
      }
      Thread.sleep(forTimeInterval: 0.000_5)
      steps.withLock {
        $0.isWithin = false
        $0.order.append(number)
      }
    }
    return try Engine(model: model, configuration: smallConfiguration(), threads: threads)
  }

  private func request(_ prompt: [Int32]) throws -> GenerationRequest {
    GenerationRequest(prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 200))
  }

  /// Steps never overlap, no engine waits for another's end, and each generates what it does alone.
  @Test func enginesTakeTurns() async throws {
    let expected = await Collected(
      try Engine(model: HashModel(), configuration: smallConfiguration()).submit(try request([5, 6, 7]))
    ).tokens
    let threads = try SharedThreads(count: 2)
    let engines = try (0..<3).map { try engine($0, threads.share()) }
    let generations = try engines.map { try $0.submit(try request([5, 6, 7])) }
    for generation in generations { #expect(await Collected(generation).tokens == expected) }
    let (overlaps, order) = steps.withLock { ($0.overlaps, $0.order) }
    #expect(overlaps == 0)
    // The last one to begin does so long before the first one ends.
    let firstEnd = try #require((0..<3).compactMap { order.lastIndex(of: $0) }.min())
    for number in 0..<3 { #expect(try #require(order.firstIndex(of: number)) < firstEnd) }
  }

  /// An engine that ends leaves the team to the others.
  @Test func anEngineThatEndsLeavesTheOthersAlone() async throws {
    let threads = try SharedThreads(count: 2)
    let (first, second) = (try engine(0, threads.share()), try engine(1, threads.share(weight: 3)))
    let cut = try first.submit(try request([1]))
    let kept = try second.submit(try request([2]))
    await first.shutdown()
    #expect([.shutdown, .length].contains(await Collected(cut).reason))
    #expect(await Collected(kept).tokens.count == 200)
  }
}
