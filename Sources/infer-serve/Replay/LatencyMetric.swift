/// The latencies that are reported, with the names that `vllm bench serve` has for them.
enum LatencyMetric: String, CaseIterable, Sendable {
  case ttft
  case tpot
  case itl
  case e2el

  var title: String {
    switch self {
    case .ttft: "Time to First Token"
    case .tpot: "Time per Output Token (excl. 1st token)"
    case .itl: "Inter-token Latency"
    case .e2el: "End-to-end Latency"
    }
  }

  /// The measurements of a request in milliseconds.
  func milliseconds(_ outcome: RequestOutcome) -> [Double] {
    switch self {
    case .ttft: [outcome.timeToFirstToken * 1000]
    case .tpot: outcome.timePerOutputToken.map { [$0 * 1000] } ?? []
    case .itl: outcome.gaps.map { $0 * 1000 }
    case .e2el: [outcome.latency * 1000]
    }
  }
}

/// The most milliseconds of a latency with which a request counts as good: `ttft:500`.
struct LatencyTarget: Sendable, Equatable {
  let metric: LatencyMetric
  let milliseconds: Double

  /// Reads `ttft:500`, `tpot:50` or `e2el:2000`.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let metric = LatencyMetric(rawValue: String(parts[0])), metric != .itl,
      let milliseconds = Double(parts[1]), milliseconds >= 0, milliseconds.isFinite
    else { return nil }
    (self.metric, self.milliseconds) = (metric, milliseconds)
  }

  /// Whether a request keeps within the target. An answer of one token has no time per token to miss.
  func isMet(by outcome: RequestOutcome) -> Bool {
    metric.milliseconds(outcome).allSatisfy { $0 <= milliseconds }
  }
}
