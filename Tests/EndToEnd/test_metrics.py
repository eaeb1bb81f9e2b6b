"""The metrics page."""
import httpx
from prometheus_client.parser import text_string_to_metric_families

from server import CONTEXT

CHAT = "/v1/chat/completions"

COUNTERS = ["num_preemptions", "prompt_tokens", "generation_tokens", "request_success", "admission_rejections",
            "http_requests", "log_lines_dropped", "expert_rows", "prefix_cache_queries", "prefix_cache_hits",
            "prefix_cache_misses", "prefix_cache_evictions", "context_shifts", "prefill_rows"]
GAUGES = ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "state_cache_usage_perc",
          "generation_tokens_per_second", "prefix_cache_entries", "prefix_cache_bytes",
          "state_memory_bytes", "state_memory_limit_bytes"]
SERVER = {"http_requests", "log_lines_dropped", "context_shifts", "event_delivery_seconds"}
HISTOGRAMS = ["time_to_first_token_seconds", "inter_token_latency_seconds", "request_time_per_output_token_seconds",
              "e2e_request_latency_seconds", "request_queue_time_seconds", "request_prefill_time_seconds",
              "request_decode_time_seconds", "request_prompt_tokens", "request_generation_tokens",
              "iteration_tokens_total", "event_delivery_seconds"]


def test_every_metric_is_there_and_well_formed(server):
    server.post(CHAT, server.chat(max_tokens=4))
    response = httpx.get(server.url + "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    for kind, names in (("counter", COUNTERS), ("gauge", GAUGES), ("histogram", HISTOGRAMS)):
        for name in names:
            family = families[f"infer_{name}"]
            assert family.type == kind and family.documentation
            # Those of the server itself are of no model.
            models = set() if name in SERVER else {server.model}
            assert {sample.labels["model_name"] for sample in family.samples if "model_name" in sample.labels} == models
    first = [s.labels["le"] for s in families["infer_inter_token_latency_seconds"].samples if "le" in s.labels][:5]
    assert [float(bound) for bound in first] == [0.0005, 0.001, 0.0025, 0.005, 0.01]


def test_a_request_is_counted_once_everywhere(start):
    with start() as server:
        usage = server.post(CHAT, server.chat(max_tokens=7, ignore_eos=True)).json()["usage"]
        server.post(CHAT, server.chat(temperature=-1))
        server.post(CHAT, server.chat("x" * (CONTEXT + 1)))
        metric = server.metric
        assert metric("prompt_tokens_total") == usage["prompt_tokens"]
        assert metric("generation_tokens_total") == usage["completion_tokens"] == 7
        assert metric("request_success_total", finished_reason="length") == 1
        assert metric("request_generation_tokens_sum") == 7 and metric("request_generation_tokens_count") == 1
        # Every prompt token was a row, and every generated token but the last.
        assert metric("prefill_rows_total") == usage["prompt_tokens"]
        assert metric("iteration_tokens_total_sum") == usage["prompt_tokens"] + 6
        assert metric("time_to_first_token_seconds_count") == 1
        assert metric("inter_token_latency_seconds_count") == 6
        assert metric("http_requests_total", route=CHAT, status="200") == 1
        assert metric("http_requests_total", route=CHAT, status="400") == 2
        assert metric("admission_rejections_total", reason="invalid") == 1
        assert metric("admission_rejections_total", reason="prompt_too_long") == 1
