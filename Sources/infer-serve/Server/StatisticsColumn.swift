import InferCore
import InferMetrics

/// One of the numbers that a reading of ``Statistics`` has.
struct StatisticsColumn: Sendable {
  let name: String
  let read: @Sendable () -> Double

  private init(_ name: String, _ read: @escaping @Sendable () -> Double) {
    self.name = name
    self.read = read
  }

  private init(_ name: String, _ counter: Counter) { self.init(name) { Double(counter.value) } }

  private init(_ name: String, _ gauge: Gauge) { self.init(name) { gauge.value } }

  /// The numbers that are read of an engine.
  static func all(of metrics: EngineMetrics) -> [StatisticsColumn] {
    let rows = metrics.iterationTokens
    var columns = [
      StatisticsColumn("running", metrics.requestsRunning), StatisticsColumn("waiting", metrics.requestsWaiting),
      StatisticsColumn("prompt_tokens", metrics.promptTokens),
      StatisticsColumn("generated_tokens", metrics.generationTokens),
      StatisticsColumn("steps") { Double(rows.count) }, StatisticsColumn("rows") { rows.sum },
      StatisticsColumn("prefill_rows", metrics.prefillRows), StatisticsColumn("preemptions", metrics.preemptions),
      StatisticsColumn("kv_usage", metrics.kvCacheUsage), StatisticsColumn("state_usage", metrics.stateCacheUsage),
      StatisticsColumn("queried_tokens", metrics.prefixCacheQueries),
      StatisticsColumn("hit_tokens", metrics.prefixCacheHits),
      StatisticsColumn("memory_limit", metrics.stateMemoryLimit),
    ]
    // Counters are there from the start, under the names of all their reasons.
    columns += metrics.prefixCacheMisses.members.map { StatisticsColumn("missed.\($0.values[0])", $0.metric) }
    columns += metrics.prefixCacheEvictions.members.map { StatisticsColumn("evicted.\($0.values[0])", $0.metric) }
    columns += metrics.requestSuccess.members.map { StatisticsColumn("finished.\($0.values[0])", $0.metric) }
    for kind in ["kv", "state", "cold_state"] {
      columns.append(StatisticsColumn("entries.\(kind)", metrics.prefixCacheEntries(kind)))
      columns.append(StatisticsColumn("memory.\(kind)", metrics.stateMemoryBytes(kind)))
    }
    return columns
  }
}
