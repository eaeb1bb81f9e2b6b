import Foundation

/// What the requests of a run come to.
struct ReplaySummary: Sendable {
  /// From the start to the last answer, in seconds.
  let duration: Double
  let succeeded: [RequestOutcome]
  let failed: [RequestOutcome]
  let targets: [LatencyTarget]
  let latencies: [LatencyMetric: Distribution]
  /// How late requests were sent, in milliseconds: a matter of this program and not of the server, but where a limit
  /// on concurrency held them back.
  let sendDelay: Distribution

  init(_ outcomes: [RequestOutcome], duration: Double, targets: [LatencyTarget] = []) {
    self.duration = duration
    self.targets = targets
    succeeded = outcomes.filter { $0.failure == nil }
    failed = outcomes.filter { $0.failure != nil }
    let succeeded = succeeded
    latencies = Dictionary(
      uniqueKeysWithValues: LatencyMetric.allCases.map { metric in
        (metric, Distribution(succeeded.flatMap(metric.milliseconds)))
      })
    sendDelay = Distribution(succeeded.map { ($0.start - $0.due) * 1000 })
  }

  var inputTokens: Int { succeeded.reduce(0) { $0 + $1.promptTokens } }
  var outputTokens: Int { succeeded.reduce(0) { $0 + $1.outputTokens } }
  var requestThroughput: Double { rate(Double(succeeded.count)) }
  var outputThroughput: Double { rate(Double(outputTokens)) }
  var totalThroughput: Double { rate(Double(inputTokens + outputTokens)) }

  /// Requests a second that kept within all targets; `nil` without targets.
  var goodput: Double? {
    guard !targets.isEmpty else { return nil }
    return rate(Double(succeeded.count { outcome in targets.allSatisfy { $0.isMet(by: outcome) } }))
  }

  /// Prompt tokens that the server took from a cache; `nil` where it never says.
  var cachedTokens: Int? {
    let told = succeeded.compactMap(\.cachedTokens)
    return told.isEmpty ? nil : told.reduce(0, +)
  }

  /// Cached prompt tokens as a share of those of the requests whose answers tell.
  var cachedShare: Double? {
    guard let cachedTokens else { return nil }
    let tokens = succeeded.reduce(0) { $0 + ($1.cachedTokens == nil ? 0 : $1.promptTokens) }
    return tokens > 0 ? Double(cachedTokens) / Double(tokens) : 0
  }

  /// The most requests that were under way at a time.
  var peakConcurrency: Int {
    // Of events at one time, ends come first.
    let events = succeeded.flatMap { [($0.start, 1), ($0.end, -1)] }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    var (current, peak) = (0, 0)
    for (_, change) in events {
      current += change
      peak = max(peak, current)
    }
    return peak
  }

  /// The most tokens that came within one second of the run's clock. Tokens of an answer are taken to be spread evenly
  /// over its pieces.
  var peakOutputThroughput: Double {
    var seconds: [Int: Double] = [:]
    for outcome in succeeded {
      let share = Double(outcome.outputTokens) / Double(outcome.gaps.count + 1)
      var time = outcome.start + outcome.timeToFirstToken
      seconds[Int(time), default: 0] += share
      for gap in outcome.gaps {
        time += gap
        seconds[Int(time), default: 0] += share
      }
    }
    return seconds.values.max() ?? 0
  }

  /// The reasons of failures with how often they occurred, most frequent first.
  var failures: [(reason: String, count: Int)] {
    let counts = Dictionary(failed.map { ($0.failure ?? "", 1) }, uniquingKeysWith: +)
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { (reason: $0.key, count: $0.value) }
  }

  private func rate(_ count: Double) -> Double { duration > 0 ? count / duration : 0 }
}
