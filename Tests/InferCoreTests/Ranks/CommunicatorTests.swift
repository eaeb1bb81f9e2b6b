import Foundation
import InferCore
import TestSupport
import Testing

/// What ranks tell each other, between threads.
@Suite struct CommunicatorTests {
  @Test(arguments: [1, 2, 3, 5]) func everyRankHearsOfAll(count: Int) throws {
    let heard = try onRanks(count) { ranks in
      // Of different lengths, one of them empty.
      try ranks.gatherAll(Array(repeating: UInt8(ranks.rank), count: 3 * ranks.rank), within: .seconds(30))
    }
    let expected = (0..<count).map { Array(repeating: UInt8($0), count: 3 * $0) }
    #expect(heard == Array(repeating: expected, count: count))
  }

  @Test func allHaveTheBytesOfTheFirst() throws {
    let message = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
    let heard = try onRanks(3) { ranks in
      try (0..<3).map { round in
        try ranks.broadcast(ranks.rank == 0 ? Array(message.prefix(round * 40_000)) : [9], within: .seconds(30))
      }
    }
    for messages in heard { #expect(messages == [0, 40_000, 80_000].map { Array(message.prefix($0)) }) }
  }

  @Test func aBarrierNamesTheRankThatDoesNotCome() throws {
    let errors = try onRanks(3) { ranks -> RankError? in
      guard ranks.rank != 2 else { return nil }
      do throws(RankError) {
        try ranks.barrier(within: .milliseconds(200))
        return nil
      } catch { return error }
    }
    let silent = RankError.silent(rank: 2, after: .milliseconds(200))
    #expect(errors == [silent, silent, nil])
    #expect(RankError.silent(rank: 2, after: .seconds(30)).description.hasPrefix("rank 2 has not answered for 30 s"))
  }

  @Test func allHaveMeasuredTheSameNetwork() throws {
    let links = try onRanks(3) { try $0.measureLink() }
    #expect(links[1] == links[0] && links[2] == links[0])
    #expect(links[0].latency > 0 && links[0].bandwidth > 0)
  }

  @Test func forecastsAddMemoryAndNetwork() {
    let forecast = RankForecast(weightBytes: 1_000_000_000, sums: 40, width: 1500)
    let link = RankLink(latency: 1e-4, bandwidth: 6e7)
    #expect(forecast.seconds(ranks: 1, bandwidth: 1e10, link: link) == 0.1)
    // Half of the bytes, and 40 exchanges of 6,000 bytes.
    #expect(abs(forecast.seconds(ranks: 2, bandwidth: 1e10, link: link) - (0.05 + 40 * 2e-4)) < 1e-9)
    #expect(abs(forecast.seconds(ranks: 4, bandwidth: 1e10, link: link) - (0.025 + 40 * 4e-4)) < 1e-9)
    #expect(forecast.seconds(stages: 1, bandwidth: 1e10, link: link) == 0.1)
    #expect(abs(forecast.seconds(stages: 3, bandwidth: 1e10, link: link) - (0.1 + 3 * 2e-4)) < 1e-9)
  }

  @Test func aMessageOfAnotherLengthIsAnError() throws {
    let errors = try onRanks(2) { ranks -> RankError? in
      do throws(RankError) {
        // One side sends two bytes more than a length.
        if ranks.rank == 0 {
          try unsafe withUnsafeTemporaryAllocation(byteCount: 10, alignment: 8) { (bytes) throws(RankError) in
            try ranks.exchange(
              sending: [unsafe OutgoingMessage(to: 1, UnsafeRawBufferPointer(bytes))], receiving: [], within: nil)
          }
        } else {
          try ranks.broadcast(within: .seconds(30))
        }
        return nil
      } catch { return error }
    }
    #expect(errors == [nil, .malformed(rank: 0, reason: "10 bytes, expected 8")])
  }
}

/// How a model is dealt out.
@Suite struct ModelShareTests {
  private func shares(_ count: Int) -> [ModelShare] { (0..<count).map { ModelShare(rank: $0, of: count) } }

  @Test(arguments: [1, 2, 3, 7]) func rangesFollowEachOtherAndTheFirstAreTheLargest(count: Int) {
    for (total, unit) in [(0, 1), (1, 1), (5, 1), (48, 1), (100_352, 16), (513, 16), (15, 16)] {
      let ranges = shares(count).map { $0.range(of: total, by: unit) }
      #expect(ranges.flatMap { Array($0) } == Array(0..<total))
      #expect(ranges.dropLast().allSatisfy { $0.upperBound % unit == 0 || $0.upperBound == total })
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.count >= $1.count })
    }
  }

  @Test func columnsAreWholeBlocksOfWeightsWhereThatIsFair() {
    // 256 at a time, as super-blocks are, also where that is a little unfair, and not where it is more.
    #expect(shares(2).map { $0.columns(of: 4096) } == [0..<2048, 2048..<4096])
    #expect(shares(2).map { $0.columns(of: 4352) } == [0..<2304, 2304..<4352])
    #expect(shares(2).map { $0.columns(of: 800) } == [0..<448, 448..<800])
    // Whole heads of 96, two at a time.
    #expect(shares(3).map { $0.columns(of: 960, width: 96) } == [0..<384, 384..<768, 768..<960])
    #expect(shares(4).map { $0.columns(of: 3) } == [nil, nil, nil, nil])
  }

  @Test func headsGoWithThoseThatTheyShare() throws {
    // 12 query heads share 4 key heads.
    let usual = try shares(2).map { try #require($0.heads(12, sharing: 4, width: 128)) }
    #expect(usual.map(\.heads) == [0..<6, 6..<12] && usual.map(\.shared) == [0..<2, 2..<4])
    // One group of 48 heads, of which every rank needs the whole.
    let spread = try shares(4).map { try #require($0.heads(48, sharing: 1, width: 64)) }
    #expect(spread.map(\.heads) == [0..<12, 12..<24, 24..<36, 36..<48] && spread.allSatisfy { $0.shared == 0..<1 })
    // Two key heads on four ranks.
    let both = try shares(4).map { try #require($0.heads(8, sharing: 2, width: 32)) }
    #expect(both.map(\.heads) == [0..<2, 2..<4, 4..<6, 6..<8] && both.map(\.shared) == [0..<1, 0..<1, 1..<2, 1..<2])
    #expect(ModelShare(rank: 0, of: 3).heads(8, sharing: 2, width: 32) == nil)
    let uneven = try shares(2).map { try #require($0.heads(9, sharing: 3, width: 64)) }
    #expect(uneven.map(\.heads) == [0..<6, 6..<9] && uneven.map(\.shared) == [0..<2, 2..<3])
  }
}
