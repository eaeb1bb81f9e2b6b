import InferMetrics
import Testing

@testable import InferCore

@Suite struct EngineMetricsTests {
  /// What a scraper of vLLM's metrics looks for, and that every line is well-formed.
  @Test func theListIsCompleteAndEveryLineParses() throws {
    let metrics = EngineMetrics(modelName: "tiny", contextLength: 4000)
    metrics.expertRows("3", "11").increment(by: 5)
    let text = metrics.text()
    let types = [
      "num_requests_running": "gauge", "num_requests_waiting": "gauge", "kv_cache_usage_perc": "gauge",
      "state_cache_usage_perc": "gauge", "generation_tokens_per_second": "gauge", "num_preemptions_total": "counter",
      "slow_steps_total": "counter", "prefix_cache_queries_total": "counter", "prefix_cache_hits_total": "counter",
      "prefix_cache_misses_total": "counter", "prefix_cache_evictions_total": "counter",
      "prefix_cache_cooled_states_total": "counter", "prefix_cache_cold_hits_total": "counter",
      "prefix_cache_entries": "gauge", "prefix_cache_bytes": "gauge", "state_memory_bytes": "gauge",
      "state_memory_limit_bytes": "gauge", "prefix_cache_disk_entries": "gauge", "prefix_cache_disk_bytes": "gauge",
      "prefix_cache_disk_writes_total": "counter", "prefix_cache_disk_drops_total": "counter",
      "prefix_cache_disk_loads_total": "counter", "prefix_cache_disk_loaded_tokens_total": "counter",
      "prefix_cache_disk_failures_total": "counter", "cache_config_info": "gauge", "prompt_tokens_total": "counter",
      "generation_tokens_total": "counter", "request_success_total": "counter",
      "admission_rejections_total": "counter", "expert_rows_total": "counter",
      "time_to_first_token_seconds": "histogram", "inter_token_latency_seconds": "histogram",
      "request_time_per_output_token_seconds": "histogram", "e2e_request_latency_seconds": "histogram",
      "request_queue_time_seconds": "histogram", "request_prefill_time_seconds": "histogram",
      "request_decode_time_seconds": "histogram", "request_prompt_tokens": "histogram",
      "request_generation_tokens": "histogram", "iteration_tokens_total": "histogram", "prefill_rows_total": "counter",
    ]
    for (name, type) in types { #expect(text.contains("# TYPE infer_\(name) \(type)\n"), "\(name)") }
    #expect(text.split(separator: "\n").count { $0.hasPrefix("# TYPE") } == types.count)
    let sample = /infer_[a-z0-9_]+\{model_name="tiny"(,[a-z_]+="[^"\\\n]*")*\} ([0-9.e+-]+|NaN|[+-]Inf)/
    for line in text.split(separator: "\n") where !line.hasPrefix("#") { #expect(line.wholeMatch(of: sample) != nil) }
    for reason in ["stop", "length", "abort", "error", "not_finite"] {
      #expect(
        text.contains("infer_request_success_total{model_name=\"tiny\",engine=\"0\",finished_reason=\"\(reason)\"} 0\n")
      )
    }
    for reason in RequestError.labels { #expect(text.contains(",reason=\"\(reason)\"} 0\n")) }
    #expect(text.contains("infer_expert_rows_total{model_name=\"tiny\",engine=\"0\",layer=\"3\",expert=\"11\"} 5\n"))
    let bounds = text.matches(of: /infer_request_prompt_tokens_bucket\{model_name="tiny",engine="0",le="([^"]+)"\}/).map
    {
      String($0.1)
    }
    #expect(bounds.suffix(3) == ["1000.0", "2000.0", "+Inf"])
    let latency = text.matches(
      of: /infer_inter_token_latency_seconds_bucket\{model_name="tiny",engine="0",le="([^"]+)"\}/)
    #expect(latency.prefix(5).map { String($0.1) } == ["0.0005", "0.001", "0.0025", "0.005", "0.01"])
  }

  @Test func everyRejectionHasAKnownLabel() {
    let all: [RequestError] = [
      .invalid(.topP, reason: ""), .emptyPrompt, .tokenOutOfRange(token: 0, position: 0, vocabularySize: 0),
      .promptTooLong(tokens: 0, limit: 0), .noHead, .queueFull(limit: 0, retryAfter: .zero),
      .queueTokensFull(limit: 0, retryAfter: .zero), .draining,
    ]
    #expect(all.map(\.label) == RequestError.labels)
  }
}
