public import InferMetrics

/// All metrics of an engine: numbers to be read at any time, and one text of all of them. Names, labels and buckets are
/// vLLM's, under the prefix `infer_`.
///
/// A new metric is one declaration here and one line where it is recorded.
public final class EngineMetrics: Sendable {
  /// The value of the label `model_name` on every sample.
  public let modelName: String
  private let all: [@Sendable (inout PrometheusText) -> Void]
  private let gauges: [MetricFamily<Gauge>]

  /// Requests in the running batch.
  public let requestsRunning: Gauge
  /// Requests waiting to run.
  public let requestsWaiting: Gauge
  /// Fraction of the pages of keys and values that there can be which requests hold, 0 to 1; what is kept for others does
  /// not count.
  public let kvCacheUsage: Gauge
  /// Fraction of the slots of recurrent state that requests hold, 0 to 1; likewise.
  public let stateCacheUsage: Gauge
  /// Generated tokens per second, over the last second or so; 0 when idle.
  public let generationTokensPerSecond: Gauge
  /// Times that a request lost its memory to one before it.
  public let preemptions: Counter
  /// Steps that took longer than a server that watches them allows.
  public let slowSteps: Counter
  /// Tokens of prompts that were looked up in the prefix cache.
  public let prefixCacheQueries: Counter
  /// Tokens of those that were found there.
  public let prefixCacheHits: Counter
  /// Tokens of those that were not, by the reason: `no_kv` when no prompt began so, `no_state` when keys and values were
  /// there and no recurrent state, `evicted` when they had been there, `too_short` when less than a page was left.
  public let prefixCacheMisses: MetricFamily<Counter>
  /// Entries that the prefix cache gave up, by kind: `kv` for pages, `state` for recurrent states.
  public let prefixCacheEvictions: MetricFamily<Counter>
  /// Recurrent states that were rounded to make room.
  public let prefixCacheCooledStates: Counter
  /// Requests that started, or went on, from one of those.
  public let prefixCacheColdHits: Counter
  /// Entries of the prefix cache, by kind as above, and `cold_state` for states of 8 bits.
  public let prefixCacheEntries: MetricFamily<Gauge>
  /// Bytes of those.
  public let prefixCacheBytes: MetricFamily<Gauge>
  /// Bytes of memory that the system may have backed for state, by kind as above.
  public let stateMemoryBytes: MetricFamily<Gauge>
  /// The budget of both kinds together; see ``EngineLimits/cacheBytes``.
  public let stateMemoryLimit: Gauge
  /// Entries of the prefix cache's folder on disk.
  public let prefixCacheDiskEntries: Gauge
  /// Bytes of all files there.
  public let prefixCacheDiskBytes: Gauge
  /// Entries that were written there.
  public let prefixCacheDiskWrites: Counter
  /// Entries that were to be written and were not: memory was needed, the queue was full, or writing had failed before.
  public let prefixCacheDiskDrops: Counter
  /// Prefixes that were read from there.
  public let prefixCacheDiskLoads: Counter
  /// Tokens whose keys and values were read from there.
  public let prefixCacheDiskLoadedTokens: Counter
  /// Files that could not be read or written, by operation: `read`, `write`.
  public let prefixCacheDiskFailures: MetricFamily<Counter>
  /// 1, with the number of tokens of a page of keys and values and the number of pages that there can be as labels.
  public let cacheConfiguration: MetricFamily<Gauge>
  /// Prompt tokens of requests that got their first token.
  public let promptTokens: Counter
  /// Generated tokens.
  public let generationTokens: Counter
  /// Rows of steps that were tokens of prompts, as they were computed.
  public let prefillRows: Counter
  /// Requests that ended, by the raw value of their ``FinishReason``.
  public let requestSuccess: MetricFamily<Counter>
  /// Requests that were refused, by ``RequestError/label``.
  public let admissionRejections: MetricFamily<Counter>
  /// Rows that each expert of each mixture-of-experts layer computed, by layer and expert.
  public let expertRows: MetricFamily<Counter>
  /// Seconds from a request's arrival to its first token.
  public let timeToFirstToken: Histogram
  /// Seconds from one token of a request to the next.
  public let interTokenLatency: Histogram
  /// A request's mean seconds from token to token.
  public let timePerOutputToken: Histogram
  /// Seconds from a request's arrival to its end.
  public let endToEndLatency: Histogram
  /// Seconds from arrival to the first step.
  public let queueTime: Histogram
  /// Seconds from the first step to the first token.
  public let prefillTime: Histogram
  /// Seconds from the first token to the last.
  public let decodeTime: Histogram
  /// Tokens of a request's prompt.
  public let requestPromptTokens: Histogram
  /// Generated tokens of a request.
  public let requestGenerationTokens: Histogram
  /// Rows of a step.
  public let iterationTokens: Histogram

  /// All metrics at zero. Token counts of requests are counted in buckets up to `contextLength`.
  public init(modelName: String, contextLength: Int = 131_072) {
    self.modelName = modelName
    var list = MetricList()
    requestsRunning = list.gauge("num_requests_running", "Requests in the running batch.")
    requestsWaiting = list.gauge("num_requests_waiting", "Requests waiting to run.")
    kvCacheUsage = list.gauge(
      "kv_cache_usage_perc", "Fraction of the pages of keys and values that requests hold, 0 to 1.")
    stateCacheUsage = list.gauge(
      "state_cache_usage_perc", "Fraction of the slots of recurrent state that requests hold, 0 to 1.")
    generationTokensPerSecond = list.gauge(
      "generation_tokens_per_second", "Tokens generated per second, over the last second or so; 0 when idle.")
    preemptions = list.counter("num_preemptions_total", "Times that a request lost its memory to one before it.")
    slowSteps = list.counter("slow_steps_total", "Steps that took longer than --slow-step.")
    prefixCacheQueries = list.counter(
      "prefix_cache_queries_total", "Tokens of prompts that were looked up in the prefix cache.")
    prefixCacheHits = list.counter("prefix_cache_hits_total", "Tokens of prompts that were found in the prefix cache.")
    prefixCacheMisses = list.counters(
      "prefix_cache_misses_total", "Tokens of prompts that were not found in the prefix cache, by why.",
      labels: ["reason"], known: PrefixCacheCounts.Miss.allCases.map { [$0.rawValue] })
    prefixCacheEvictions = list.counters(
      "prefix_cache_evictions_total", "Entries that the prefix cache gave up.", labels: ["kind"],
      known: [["kv"], ["state"]])
    prefixCacheCooledStates = list.counter(
      "prefix_cache_cooled_states_total", "Recurrent states that were rounded to 8 bits to make room.")
    prefixCacheColdHits = list.counter(
      "prefix_cache_cold_hits_total", "Requests that started, or went on, from a state of 8 bits.")
    prefixCacheEntries = list.gauges("prefix_cache_entries", "Entries of the prefix cache.", labels: ["kind"])
    prefixCacheBytes = list.gauges("prefix_cache_bytes", "Bytes of the prefix cache's entries.", labels: ["kind"])
    stateMemoryBytes = list.gauges(
      "state_memory_bytes", "Bytes of memory taken for keys and values and for recurrent state.", labels: ["kind"])
    stateMemoryLimit = list.gauge(
      "state_memory_limit_bytes", "Bytes of memory that both may take together, cold states aside.")
    prefixCacheDiskEntries = list.gauge("prefix_cache_disk_entries", "Entries of the prefix cache's folder on disk.")
    prefixCacheDiskBytes = list.gauge("prefix_cache_disk_bytes", "Bytes of the prefix cache's files on disk.")
    prefixCacheDiskWrites = list.counter("prefix_cache_disk_writes_total", "Entries written to disk.")
    prefixCacheDiskDrops = list.counter(
      "prefix_cache_disk_drops_total",
      "Entries not written to disk: memory was needed, too many waited, or writing had failed before.")
    prefixCacheDiskLoads = list.counter("prefix_cache_disk_loads_total", "Prefixes read from disk.")
    prefixCacheDiskLoadedTokens = list.counter(
      "prefix_cache_disk_loaded_tokens_total", "Tokens whose keys and values were read from disk.")
    prefixCacheDiskFailures = list.counters(
      "prefix_cache_disk_failures_total", "Files that could not be read or written.", labels: ["operation"],
      known: [["read"], ["write"]])
    cacheConfiguration = list.gauges(
      "cache_config_info", "1: tokens of a page of keys and values, and pages that there can be.",
      labels: ["block_size", "num_gpu_blocks"])
    promptTokens = list.counter("prompt_tokens_total", "Prompt tokens of requests that got their first token.")
    generationTokens = list.counter("generation_tokens_total", "Tokens generated.")
    prefillRows = list.counter("prefill_rows_total", "Rows of steps that were tokens of prompts.")
    requestSuccess = list.counters(
      "request_success_total", "Requests that ended, by how.", labels: ["finished_reason"],
      known: FinishReason.allCases.map { [$0.rawValue] })
    admissionRejections = list.counters(
      "admission_rejections_total", "Requests that were refused, by why.", labels: ["reason"],
      known: RequestError.labels.map { [$0] })
    expertRows = list.counters(
      "expert_rows_total", "Rows that each expert of each mixture-of-experts layer computed.",
      labels: ["layer", "expert"])
    timeToFirstToken = list.histogram(
      "time_to_first_token_seconds", "From a request's arrival to its first token.", Buckets.firstToken)
    interTokenLatency = list.histogram(
      "inter_token_latency_seconds", "From one token of a request to the next.", Buckets.interToken)
    timePerOutputToken = list.histogram(
      "request_time_per_output_token_seconds", "A request's mean time from token to token.", Buckets.interToken)
    endToEndLatency = list.histogram(
      "e2e_request_latency_seconds", "From a request's arrival to its end.", Buckets.request)
    queueTime = list.histogram("request_queue_time_seconds", "From arrival to the first step.", Buckets.request)
    prefillTime = list.histogram(
      "request_prefill_time_seconds", "From the first step to the first token.", Buckets.request)
    decodeTime = list.histogram("request_decode_time_seconds", "From the first token to the last.", Buckets.request)
    requestPromptTokens = list.histogram(
      "request_prompt_tokens", "Tokens of a request's prompt.", Buckets.tokenCounts(upTo: contextLength))
    requestGenerationTokens = list.histogram(
      "request_generation_tokens", "Tokens generated for a request.", Buckets.tokenCounts(upTo: contextLength))
    iterationTokens = list.histogram("iteration_tokens_total", "Rows of a step.", Buckets.iteration)
    all = list.writers
    gauges = list.gauges
  }

  /// All metrics in the Prometheus text format, see `PrometheusText`. Every sample has vLLM's two labels: the model
  /// and the number of the engine, of which a process has one.
  public func text() -> String {
    var text = PrometheusText(commonLabels: commonLabels)
    write(to: &text)
    return text.text
  }

  /// Sets to zero what an engine holds, once it has ended.
  package func forgetState() {
    for family in gauges { for (_, gauge) in family.members { gauge.set(0) } }
  }

  /// The labels of every sample.
  package var commonLabels: [(name: String, value: String)] { [("model_name", modelName), ("engine", "0")] }

  /// Adds all metrics to a text.
  package func write(to text: inout PrometheusText) {
    for write in all { write(&text) }
  }
}

/// Upper bounds of histogram buckets, which are vLLM's; between tokens four more stand below its first.
private enum Buckets {
  static let firstToken = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
  ]
  static let interToken = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    20, 40, 80,
  ]
  static let request = [
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
  ]
  static let iteration = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384].map(Double.init)

  /// 1, 2, 5, 10, 20, 50 … as far as they are not above `limit`.
  static func tokenCounts(upTo limit: Int) -> [Double] {
    var bounds: [Double] = []
    var power = 1
    while power <= limit {
      bounds += [1, 2, 5].map { $0 * power }.filter { $0 <= limit }.map(Double.init)
      power *= 10
    }
    return bounds
  }
}

/// Collects families in order of declaration.
private struct MetricList {
  private(set) var writers: [@Sendable (inout PrometheusText) -> Void] = []
  private(set) var gauges: [MetricFamily<Gauge>] = []

  mutating func counters(
    _ name: String, _ help: String, labels: [String], known: [[String]] = []
  ) -> MetricFamily<Counter> {
    let family = MetricFamily("infer_" + name, help, labels: labels, known: known) { Counter() }
    writers.append { $0.write(family) }
    return family
  }

  mutating func counter(_ name: String, _ help: String) -> Counter { counters(name, help, labels: [], known: [[]])() }

  mutating func gauges(_ name: String, _ help: String, labels: [String], known: [[String]] = []) -> MetricFamily<Gauge>
  {
    let family = MetricFamily("infer_" + name, help, labels: labels, known: known) { Gauge() }
    writers.append { $0.write(family) }
    gauges.append(family)
    return family
  }

  mutating func gauge(_ name: String, _ help: String) -> Gauge { gauges(name, help, labels: [], known: [[]])() }

  mutating func histogram(_ name: String, _ help: String, _ bounds: [Double]) -> Histogram {
    let family = MetricFamily("infer_" + name, help, labels: [], known: [[]]) { Histogram(bounds: bounds) }
    writers.append { $0.write(family) }
    return family()
  }
}
