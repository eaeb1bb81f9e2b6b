import Foundation
import TestSupport
import Testing

@testable import InferCore

/// The prefix cache with less memory than everything would take, under conversations that take turns.
@Suite struct TraceSharingTests {
  /// A prompt, in blocks of tokens, as Mooncake's traces describe them: equal numbers are equal blocks in equal places.
  private struct Request: Decodable {
    let length: Int
    let blocks: [Int32]

    enum CodingKeys: String, CodingKey {
      case length = "input_length"
      case blocks = "hash_ids"
    }

    func tokens(ofBlock count: Int) -> [Int32] {
      Array(blocks.flatMap { block in (0..<Int32(count)).map { block &* Int32(count) &+ $0 } }.prefix(length))
    }
  }

  /// A model's sizes in bytes: those of a page of 16 tokens and of a state.
  private struct Sizes {
    let page: Int
    let slot: Int
  }

  /// The share of tokens that were found, and the bytes taken in the end.
  private func replay(_ requests: [[Int32]], bytes: Int, _ sizes: Sizes) -> (share: Double, bytes: Int) {
    let memory = SequenceMemory(
      pageTokens: 16, pageCount: min(1 << 20, (bytes - 2 * sizes.slot) / sizes.page),
      slotCount: min(1 << 12, bytes / sizes.slot), hasRecurrentState: true,
      budget: MemoryBudget(bytes: bytes, pageBytes: sizes.page, slotBytes: sizes.slot, reservedSlots: 2))
    var scheduler = Scheduler<BareSequence>(maxBatchTokens: 1 << 20, maxRunning: 1, maxScoredRows: 1, memory: memory)
    var plan = StepPlan()
    for request in requests {
      scheduler.add(BareSequence(request, scope: .shared))
      scheduler.plan(into: &plan)
      scheduler.commit(plan, [.ended])
    }
    let counts = scheduler.memory.counts
    return (Double(counts.hitTokens) / Double(counts.queriedTokens), scheduler.memory.byteCount)
  }

  /// The share of tokens in blocks that an earlier prompt began with as well.
  private func sharedPart(_ requests: [Request], ofBlock count: Int) -> Double {
    var (seen, found, all) = (Set<[Int32]>(), 0, 0)
    for request in requests {
      let prefixes = request.blocks.indices.map { Array(request.blocks[...$0]) }
      let known = prefixes.firstIndex { !seen.contains($0) } ?? prefixes.count
      found += min(count * known, request.length)
      all += request.length
      seen.formUnion(prefixes)
    }
    return Double(found) / Double(all)
  }

  private func check(_ requests: [Request], ofBlock count: Int, _ sizes: Sizes) {
    let best = sharedPart(requests, ofBlock: count)
    let prompts = requests.map { $0.tokens(ofBlock: count) }
    let all = replay(prompts, bytes: 1 << 42, sizes)
    let half = replay(prompts, bytes: all.bytes / 2, sizes)
    #expect(best > 0.05 && all.share <= best && half.share >= 0.9 * best, "\(half.share) and \(all.share) of \(best)")
  }

  /// Conversations begin and go on at random; a turn's prompt is the one before, some blocks more, and a part of a block that
  /// is another in the next turn.
  @Test(arguments: [Sizes(page: 131_072, slot: 57 << 20), Sizes(page: 65_536, slot: 14 << 20)])
  private func halfTheMemoryFindsNearlyAll(_ sizes: Sizes) {
    var random = SeededGenerator(seed: 5)
    var conversations: [[Int32]] = []
    var fresh: Int32 = 1
    let requests = (0..<120).map { _ in
      var index = conversations.indices.suffix(12).randomElement(using: &random)
      if index == nil || Int.random(in: 0..<3, using: &random) == 0 {
        conversations.append([0])
        index = conversations.indices.last
      }
      var blocks = index.map { conversations[$0] } ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        blocks.append(fresh)
        fresh += 1
      }
      index.map { conversations[$0] = blocks }
      fresh += 1
      return Request(length: 512 * blocks.count + Int.random(in: 1...512, using: &random), blocks: blocks + [fresh - 1])
    }
    check(requests, ofBlock: 512, sizes)
  }

  private static let path = ProcessInfo.processInfo.environment["MOONCAKE_TRACE"]

  /// The first of Mooncake's conversations (kvcache-ai/Mooncake, FAST '25), from the file that `MOONCAKE_TRACE` names.
  @Test(.enabled(if: path != nil)) func halfTheMemoryFindsNearlyAllOfATrace() throws {
    let text = try String(contentsOfFile: try #require(Self.path), encoding: .utf8)
    let requests = try text.split(separator: "\n").prefix(400).map {
      try JSONDecoder().decode(Request.self, from: Data($0.utf8))
    }
    check(requests, ofBlock: 512, Sizes(page: 131_072, slot: 57 << 20))
  }
}
