import Foundation
import InferCore
import InferMetrics
import InferText
import Testing

@testable import infer_serve

struct StatisticsTests {
  private let metrics = EngineMetrics(modelName: "tiny")

  private func value(_ row: JSONValue, _ name: String, _ statistics: Statistics) -> JSONValue? {
    statistics.names.firstIndex(of: name).flatMap { index in row.array?[index] }
  }

  @Test func readingsTellWhatTheMetricsDo() throws {
    let statistics = Statistics(metrics)
    statistics.sample(at: Date(timeIntervalSince1970: 100))
    metrics.generationTokens.increment(by: 7)
    metrics.prefixCacheMisses("no_state").increment(by: 3)
    metrics.timeToFirstToken.observe(0.3)
    statistics.sample(at: Date(timeIntervalSince1970: 101))
    let rows = statistics.rows(from: 0)
    try #require(rows.count == 2)
    #expect(rows.allSatisfy { $0.array?.count == statistics.names.count })
    #expect(value(rows[0], "generated_tokens", statistics) == 0)
    #expect(value(rows[0], "first_token.p50", statistics) == .null)
    #expect(value(rows[1], "time", statistics) == 101)
    #expect(value(rows[1], "generated_tokens", statistics) == 7)
    #expect(value(rows[1], "missed.no_state", statistics) == 3)
    // Half of the bucket from 0.25 to 0.5.
    #expect(value(rows[1], "first_token.p50", statistics) == 0.375)
    #expect(value(rows[1], "inter_token.p50", statistics) == .null)
  }

  @Test func anHourIsKeptAndTheOlderPartIsThinned() {
    let statistics = Statistics(metrics)
    for second in 0..<4000 { statistics.sample(at: Date(timeIntervalSince1970: Double(second))) }
    let times = statistics.rows(from: 0).compactMap { $0.array?[0].int }
    #expect(times == Array(stride(from: 400, to: 3700, by: 5)) + Array(3700..<4000))
    #expect(statistics.rows(from: 3998).compactMap { $0.array?[0].int } == [3998, 3999])
    #expect(statistics.rows(from: 4000).isEmpty)
  }

  @Test func followersHearOfReadingsUntilTheServerDrains() async throws {
    let state = ServerState(.unloaded(["tiny"]))
    let statistics = state.models.models[0].statistics
    let follower = statistics.follow()
    var notices = follower.notices.makeAsyncIterator()
    #expect(await notices.next() != nil)
    statistics.sample()
    #expect(await notices.next() != nil)
    state.phase = .draining
    try await state.makeReadings()
    #expect(await notices.next() == nil)
    // Nobody waits for readings that do not come.
    for await _ in statistics.follow().notices { Issue.record("a notice after the end") }
  }

  @Test func expertsStandInOrderOfTheirNumbers() {
    let statistics = Statistics(metrics)
    for (layer, expert, rows) in [("10", "0", 4), ("2", "11", 5), ("2", "1", 6)] {
      metrics.expertRows(layer, expert).increment(by: rows)
    }
    #expect(
      statistics.experts == [
        ["layer": 2, "rows": [0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]], ["layer": 10, "rows": [4]],
      ])
  }
}
