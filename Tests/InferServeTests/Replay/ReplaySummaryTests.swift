import InferText
import Testing

@testable import infer_serve

struct ReplaySummaryTests {
  private func outcome(start: Double, ttft: Double, gaps: [Double], output: Int, cached: Int? = nil) -> RequestOutcome {
    var outcome = RequestOutcome()
    (outcome.start, outcome.timeToFirstToken, outcome.gaps) = (start, ttft, gaps)
    outcome.latency = gaps.reduce(ttft, +)
    (outcome.promptTokens, outcome.outputTokens, outcome.cachedTokens) = (10, output, cached)
    return outcome
  }

  private func failed(_ reason: String) -> RequestOutcome {
    var outcome = RequestOutcome()
    outcome.failure = reason
    return outcome
  }

  @Test func percentilesAreThoseOfNumpy() {
    let values = Distribution([4, 1, 3, 2, 10])
    // numpy.percentile([4, 1, 3, 2, 10], [0, 50, 90, 99, 100]) and numpy.std.
    for (percent, expected) in [(0.0, 1.0), (50, 3), (90, 7.6), (99, 9.76), (100, 10)] {
      #expect(abs(values.percentile(percent) - expected) < 1e-12)
    }
    #expect(values.mean == 4 && abs(values.deviation - 3.1622776601683795) < 1e-12 && values.median == 3)
    #expect(Distribution([]).percentile(99) == 0 && Distribution([]).deviation == 0)
  }

  @Test func requestsAddUp() throws {
    let outcomes = [
      outcome(start: 0, ttft: 0.5, gaps: [0.25, 0.25], output: 3, cached: 5),
      outcome(start: 1, ttft: 1, gaps: [], output: 1),
      outcome(start: 1.5, ttft: 0.2, gaps: [0.1], output: 6, cached: 10),
      failed("b"), failed("a"), failed("b"),
    ]
    let targets = try [#require(LatencyTarget("ttft:500")), #require(LatencyTarget("tpot:100"))]
    let summary = ReplaySummary(outcomes, duration: 4, targets: targets)
    #expect(summary.inputTokens == 30 && summary.outputTokens == 10)
    #expect(summary.requestThroughput == 0.75 && summary.outputThroughput == 2.5 && summary.totalThroughput == 10)
    // The first has 250 ms a token, the second a first token after a second.
    #expect(summary.goodput == 0.25)
    #expect(summary.cachedTokens == 15 && summary.cachedShare == 0.75)
    // The first ends when the second begins.
    #expect(summary.peakConcurrency == 2)
    #expect(summary.peakOutputThroughput == 7)
    #expect(summary.failures.map(\.reason) == ["b", "a"] && summary.failures[0].count == 2)
    #expect(summary.latencies[.tpot]?.mean == 135)
    #expect(summary.latencies[.itl]?.median == 250)
  }

  @Test func aRunOfNothingIsAllZeros() {
    let summary = ReplaySummary([], duration: 0)
    #expect(summary.requestThroughput == 0 && summary.peakConcurrency == 0 && summary.peakOutputThroughput == 0)
    #expect(summary.cachedShare == nil && summary.goodput == nil && summary.latencies[.ttft]?.mean == 0)
  }

  @Test func targetsAreRead() {
    #expect(LatencyTarget("e2el:1.5") == LatencyTarget("e2el:1.5"))
    for text in ["", "ttft", "ttft:", "ttft:x", "itl:5", "ttft:-1", "ttft:5:6", "e2e:5", "ttft:nan"] {
      #expect(LatencyTarget(text) == nil, "\(text)")
    }
  }

  @Test func reportsHaveTheNamesOfVLLM() throws {
    let summary = ReplaySummary(
      [outcome(start: 0, ttft: 0.5, gaps: [0.25], output: 2), failed("gone")], duration: 2,
      targets: [try #require(LatencyTarget("ttft:1"))])
    let report = ReplayReport(
      summary: summary, settings: ["model_id": "m"], percentiles: [90, 99.9], rate: 2.5, concurrency: 4)
    let lines = report.text.split(separator: "\n")
    #expect(lines.first == "============ Serving Benchmark Result ============")
    for line in [
      "Successful requests:                    1", "Failed requests:                        1",
      "Maximum request concurrency:            4", "Request rate configured (RPS):          2.50",
      "Benchmark duration (s):                 2.00", "Total generated tokens:                 2",
      "Request goodput (req/s):                0.00", "Output token throughput (tok/s):        1.00",
      "---------------Time to First Token----------------", "Mean TTFT (ms):                         500.00",
      "P99.9 TTFT (ms):                        500.00", "Median TPOT (ms):                       250.00",
    ] {
      #expect(lines.contains(line[...]), "\(line)")
    }
    let json = report.json(details: true)
    #expect(json["model_id"] == "m" && json["completed"] == 1 && json["failed"] == 1)
    #expect(json["p99.9_e2el_ms"] == .number(750) && json["mean_itl_ms"] == .number(250))
    #expect(json["request_goodput"] == .number(0) && json["total_cached_tokens"] == .null)
    #expect(json["errors"] == ["", "gone"] || json["errors"] == ["gone", ""])
    #expect(json["itls"]?.array?.count == 2 && report.json(details: false)["itls"] == nil)
  }

  @Test func barsFitTheTerminal() {
    let progress = ReplayProgress(total: 4, finished: 1, failed: 1, running: 2, outputTokens: 30, elapsed: 3)
    #expect(
      progress.bar(columns: 200) == "[######------------------] 1/4 requests, 2 running, 1 failed, 10.0 tok/s, 3 s")
    #expect(progress.bar(columns: 20).count == 19)
    #expect(ReplayProgress().bar(columns: 80).hasPrefix("[########################] 0/0"))
  }
}
