import Foundation
import InferText

/// Prints a summary as `vllm bench serve` does, and writes it with the names of its JSON.
struct ReplayReport {
  let summary: ReplaySummary
  /// What was asked for, for the JSON: the model, the rate and the like, in this order.
  let settings: JSONObject
  let percentiles: [Double]
  let rate: Double?
  let concurrency: Int?

  private static let width = 50

  /// The table for people.
  var text: String {
    var lines = [Self.centred(" Serving Benchmark Result ", "=")]
    lines.append(Self.line("Successful requests:", "\(summary.succeeded.count)"))
    lines.append(Self.line("Failed requests:", "\(summary.failed.count)"))
    if let concurrency { lines.append(Self.line("Maximum request concurrency:", "\(concurrency)")) }
    if let rate, rate.isFinite { lines.append(Self.line("Request rate configured (RPS):", Self.decimal(rate))) }
    lines.append(Self.line("Benchmark duration (s):", Self.decimal(summary.duration)))
    lines.append(Self.line("Total input tokens:", "\(summary.inputTokens)"))
    if let cached = summary.cachedTokens, let share = summary.cachedShare {
      lines.append(Self.line("Total cached input tokens:", "\(cached)"))
      lines.append(Self.line("Cached share of input tokens:", String(format: "%.4f", share)))
    }
    lines.append(Self.line("Total generated tokens:", "\(summary.outputTokens)"))
    lines.append(Self.line("Request throughput (req/s):", Self.decimal(summary.requestThroughput)))
    if let goodput = summary.goodput { lines.append(Self.line("Request goodput (req/s):", Self.decimal(goodput))) }
    lines.append(Self.line("Output token throughput (tok/s):", Self.decimal(summary.outputThroughput)))
    lines.append(Self.line("Peak output token throughput (tok/s):", Self.decimal(summary.peakOutputThroughput)))
    lines.append(Self.line("Peak concurrent requests:", "\(summary.peakConcurrency)"))
    lines.append(Self.line("Total token throughput (tok/s):", Self.decimal(summary.totalThroughput)))
    for metric in LatencyMetric.allCases {
      guard let values = summary.latencies[metric] else { continue }
      let name = "\(metric.rawValue.uppercased()) (ms):"
      lines.append(Self.centred(metric.title, "-"))
      lines.append(Self.line("Mean \(name)", Self.decimal(values.mean)))
      lines.append(Self.line("Median \(name)", Self.decimal(values.median)))
      lines.append(Self.line("Std \(name)", Self.decimal(values.deviation)))
      for percent in percentiles {
        lines.append(Self.line("P\(Quantity.decimal(percent)) \(name)", Self.decimal(values.percentile(percent))))
      }
    }
    lines.append(String(repeating: "=", count: Self.width))
    return lines.map { $0 + "\n" }.joined()
  }

  /// The document for programs; with `details`, also every request's own measurements.
  func json(details: Bool) -> JSONValue {
    var members = settings
    members["duration"] = .number(summary.duration)
    members["completed"] = .integer(summary.succeeded.count)
    members["failed"] = .integer(summary.failed.count)
    members["total_input_tokens"] = .integer(summary.inputTokens)
    members["total_output_tokens"] = .integer(summary.outputTokens)
    members["total_cached_tokens"] = summary.cachedTokens.map(JSONValue.integer) ?? .null
    members["cached_share"] = summary.cachedShare.map(JSONValue.number) ?? .null
    members["request_throughput"] = .number(summary.requestThroughput)
    members["request_goodput"] = summary.goodput.map(JSONValue.number) ?? .null
    members["output_throughput"] = .number(summary.outputThroughput)
    members["total_token_throughput"] = .number(summary.totalThroughput)
    members["max_output_tokens_per_s"] = .number(summary.peakOutputThroughput)
    members["max_concurrent_requests"] = .integer(summary.peakConcurrency)
    for metric in LatencyMetric.allCases {
      guard let values = summary.latencies[metric] else { continue }
      add(values, metric.rawValue, to: &members)
    }
    add(summary.sendDelay, "send_delay", to: &members)
    if details { addDetails(to: &members) }
    return .object(members)
  }

  private func add(_ values: Distribution, _ name: String, to members: inout JSONObject) {
    members["mean_\(name)_ms"] = .number(values.mean)
    members["median_\(name)_ms"] = .number(values.median)
    members["std_\(name)_ms"] = .number(values.deviation)
    for percent in percentiles {
      members["p\(Quantity.decimal(percent))_\(name)_ms"] = .number(values.percentile(percent))
    }
  }

  private func addDetails(to members: inout JSONObject) {
    let all = (summary.succeeded + summary.failed).sorted { ($0.due, $0.start) < ($1.due, $1.start) }
    members["input_lens"] = .array(all.map { .integer($0.promptTokens) })
    members["output_lens"] = .array(all.map { .integer($0.outputTokens) })
    members["cached_lens"] = .array(all.map { $0.cachedTokens.map(JSONValue.integer) ?? .null })
    members["ttfts"] = .array(all.map { .number($0.timeToFirstToken) })
    members["itls"] = .array(all.map { .array($0.gaps.map(JSONValue.number)) })
    members["start_times"] = .array(all.map { .number($0.start) })
    members["generated_texts"] = .array(all.map { .string($0.text) })
    members["errors"] = .array(all.map { .string($0.failure ?? "") })
  }

  private static func centred(_ title: String, _ filler: Character) -> String {
    let left = max(0, width - title.count) / 2
    let right = max(0, width - title.count - left)
    return String(repeating: filler, count: left) + title + String(repeating: filler, count: right)
  }

  private static func line(_ name: String, _ value: String) -> String {
    name.padding(toLength: max(40, name.count + 1), withPad: " ", startingAt: 0) + value
  }

  private static func decimal(_ value: Double) -> String { String(format: "%.2f", value) }
}
