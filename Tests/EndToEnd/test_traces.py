"""Traces: what a receiver of OTLP gets, and from whom they come."""
import base64
import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import reciter
from server import LONG, Server, events, wait_until

CHAT = "/v1/chat/completions"
MILLISECOND = 1_000_000


class Receiver:
    """Takes OTLP as JSON, and holds it to the protocol's own description."""

    def __init__(self):
        self.spans, self.resources, self.headers, self.status, self.requests = [], [], [], 200, 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests += 1
                if receiver.status == 200:
                    receiver.take(self.path, self.headers, body)
                self.send_response(receiver.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        assert path == "/v1/traces" and headers["content-type"] == "application/json", (path, dict(headers))

        def bytes_of(value):
            """Numbers of traces and spans are hexadecimal in OTLP, and base64 in the JSON of protocol buffers."""
            if isinstance(value, list):
                return [bytes_of(element) for element in value]
            if isinstance(value, dict):
                return {
                    name: base64.b64encode(bytes.fromhex(member)).decode()
                    if name in ("traceId", "spanId", "parentSpanId") else bytes_of(member)
                    for name, member in value.items()}
            return value

        message = json_format.ParseDict(bytes_of(json.loads(body)), ExportTraceServiceRequest())
        for group in message.resource_spans:
            self.resources.append({item.key: item.value.string_value for item in group.resource.attributes})
            for scope in group.scope_spans:
                self.spans += scope.spans
        self.headers.append(dict(headers))

    def wait(self, count):
        wait_until(lambda: len(self.spans) >= count, 20, f"{count} spans")
        return self.spans

    def named(self, name, timeout=20):
        return wait_until(lambda: next((span for span in self.spans if span.name == name), None), timeout, name)

    def children(self, span):
        return [other for other in self.spans if other.parent_span_id == span.span_id]


@pytest.fixture
def receiver(monkeypatch):
    # Servers that are started by the test send at once.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


def attributes(span):
    told = {}
    for item in span.attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind)
        told[item.key] = [element.string_value for element in value.values] if kind == "array_value" else value
    return told


def test_a_client_with_traces_finds_its_request_again(start, receiver, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "chickens")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=mine")
    tracer = TracerProvider().get_tracer("client")
    with start("--otlp-endpoint", receiver.url) as server:
        client = httpx.Client(timeout=60)
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=trace.get_tracer_provider())
        with tracer.start_as_current_span("outer") as outer:
            began = time.time_ns()
            answer = client.post(server.url + CHAT, json=server.chat("What is 47 + 85?", max_tokens=100, temperature=0))
            ended = time.time_ns()
        told = answer.json()
        span = receiver.named(f"POST {CHAT}")
        context = outer.get_span_context()
        assert span.trace_id == context.trace_id.to_bytes(16) and span.parent_span_id
        assert answer.headers["traceresponse"] == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
        known = attributes(span)
        assert known["http.request.method"] == "POST" and known["url.path"] == known["http.route"] == CHAT
        assert known["http.response.status_code"] == 200 and known["client.address"] == "127.0.0.1"
        assert known["url.scheme"] == "http"
        assert known["gen_ai.operation.name"] == "chat"
        assert known["gen_ai.request.model"] == known["gen_ai.response.model"] == server.model
        assert known["gen_ai.usage.input_tokens"] == told["usage"]["prompt_tokens"]
        assert known["gen_ai.usage.output_tokens"] == told["usage"]["completion_tokens"]
        assert known["gen_ai.response.finish_reasons"] == ["stop"] and span.kind == 2 and span.status.code == 0

        # The parts stand within it, one behind the other, and fill the time of the engine.
        parts = receiver.children(span)
        assert [part.name for part in parts] == ["queue", "prefill", "decode"]
        assert all(part.trace_id == span.trace_id for part in parts)
        edges = [parts[0].start_time_unix_nano] + [part.end_time_unix_nano for part in parts]
        assert edges == sorted(edges)
        for one, next in zip(parts, parts[1:]):
            assert abs(one.end_time_unix_nano - next.start_time_unix_nano) < MILLISECOND
        slack = 5 * MILLISECOND
        assert began - slack <= span.start_time_unix_nano <= edges[0] + slack
        assert edges[-1] <= span.end_time_unix_nano + slack <= ended + 2 * slack
        timings = told["timings"]
        assert abs((edges[2] - edges[1]) / MILLISECOND - timings["prompt_ms"]) < 1
        assert abs((edges[3] - edges[2]) / MILLISECOND - timings["predicted_ms"]) < 1
        assert attributes(parts[2])["infer.generated_tokens"] == told["usage"]["completion_tokens"]

        resource = receiver.resources[0]
        assert resource["service.name"] == "chickens" and resource["deployment.environment.name"] == "test"
        assert receiver.headers[0]["x-tenant"] == "mine"
        # The log knows the trace.
        line = [event for event in server.events() if event["message"] == "request"][-1]
        assert line["trace_id"] == span.trace_id.hex() and line["span_id"] == span.span_id.hex()
        for name, expected in (("queue_ms", (edges[1] - edges[0]) / MILLISECOND), ("prefill_ms", timings["prompt_ms"]),
                               ("decode_ms", timings["predicted_ms"])):
            assert abs(int(line[name]) - expected) < 2, name


def test_spans_of_streams_choices_and_refusals(start, receiver):
    with start("--otlp-endpoint", receiver.url) as server:
        state = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1,b=2"}
        body = {"model": server.model, "prompt": "2 + 2", "max_tokens": 3, "n": 2, "stream": True}
        httpx.post(server.url + "/v1/completions", json=body, headers=state).read()
        span = receiver.named("POST /v1/completions")
        assert span.trace_id.hex() == state["traceparent"][3:35] and span.parent_span_id.hex() == "00f067aa0ba902b7"
        assert span.trace_state == "a=1,b=2"
        parts = receiver.children(span)
        assert sorted(part.name for part in parts) == sorted(["queue", "prefill", "decode"] * 2)
        assert {attributes(part)["infer.choice"] for part in parts} == {0, 1}

        receiver.spans.clear()
        assert server.post(CHAT, server.chat(temperature=-1)).status_code == 400
        refused = attributes(receiver.wait(1)[0])
        assert refused["http.response.status_code"] == 400 and refused["error.type"]
        assert "gen_ai.usage.input_tokens" not in refused

        receiver.spans.clear()
        with httpx.stream("POST", server.url + CHAT, json=server.chat(stream=True, **LONG)) as stream:
            for _ in events(stream):
                break
        gone = attributes(receiver.named(f"POST {CHAT}"))
        assert gone["error.type"] == "client_closed"

        # Who only looks begins no trace, and is a part of one that there is.
        receiver.spans.clear()
        assert "traceresponse" not in httpx.get(server.url + "/health").headers
        assert httpx.get(server.url + "/v1/models", headers=state).headers["traceresponse"].startswith("00-4bf92f")
        assert [span.name for span in receiver.wait(1)] == ["GET /v1/models"]


def test_calls_have_spans(binary, receiver, tmp_path):
    text = '<tool_call>\n{"name": "add", "arguments": {"city": "x", "days": 3}}\n</tool_call>'
    folder = reciter.make(tmp_path / "recital", text, "Qwen-Qwen3-0.6B", ())
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    with Server(binary, folder, "--otlp-endpoint", receiver.url) as server:
        answer = server.post(CHAT, server.chat("Add", tools=tools))
        assert answer.status_code == 200, answer.text
        [told] = answer.json()["choices"][0]["message"]["tool_calls"]
        call, span = receiver.named("tool_call add"), receiver.named(f"POST {CHAT}")
        assert attributes(call) == {"gen_ai.tool.name": "add", "gen_ai.tool.call.id": told["id"]}
        assert call.parent_span_id == span.span_id
        assert attributes(span)["gen_ai.response.finish_reasons"] == ["tool_calls"]
        assert span.start_time_unix_nano <= call.start_time_unix_nano <= call.end_time_unix_nano
        assert call.end_time_unix_nano <= span.end_time_unix_nano


def test_waiting_for_a_model_has_a_span(start, receiver):
    with start("--otlp-endpoint", receiver.url, "--load", "demand") as server:
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        span = receiver.named(f"POST {CHAT}")
        parts = receiver.children(span)
        assert [part.name for part in parts] == ["load_model", "queue", "prefill", "decode"]
        assert attributes(parts[0]) == {"gen_ai.response.model": server.model}
        assert span.start_time_unix_nano <= parts[0].start_time_unix_nano < parts[0].end_time_unix_nano
        assert parts[0].end_time_unix_nano <= parts[1].start_time_unix_nano
        # The second request waits for none.
        receiver.spans.clear()
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        assert {span.name for span in receiver.wait(4)} == {f"POST {CHAT}", "queue", "prefill", "decode"}


def test_what_is_not_sampled_is_not_sent(start, receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    with start() as server:
        on = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
        off = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"}
        body = server.chat(max_tokens=1)
        for headers in ({}, off, {"traceparent": "nonsense"}, on):
            answer = server.post(CHAT, body, headers=headers)
            assert answer.headers["traceresponse"][-1] == ("1" if headers is on else "0")
        server.signal()
        assert server.exit_code() == 0
        traces = {span.trace_id.hex() for span in receiver.spans}
        assert traces == {"4bf92f3577b34da6a3ce929d0e0e4736"}


def test_a_receiver_that_is_down_costs_nothing_but_spans(start, receiver):
    receiver.status = 503
    with start("--otlp-endpoint", receiver.url) as server:
        for _ in range(3):
            assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        wait_until(lambda: receiver.requests >= 1)
        assert "503" in server.wait_for_event("traces are not exported")["reason"]
        # What it did not take is sent again when it is back.
        receiver.status = 200
        wait_until(lambda: len([span for span in receiver.spans if span.name == f"POST {CHAT}"]) == 3)
        server.wait_for_event("traces are exported again")
        wait_until(lambda: server.metric("trace_spans_exported_total") == len(receiver.spans))
        assert server.metric("trace_spans_dropped_total", reason="export") == 0
        # A refusal is no reason to try again.
        receiver.status = 400
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        wait_until(lambda: server.metric("trace_spans_dropped_total", reason="export") == 4)
        # At the end of the server, what waits is sent.
        receiver.status = 200
        known = len(receiver.spans)
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        server.signal()
        assert server.exit_code() == 0
        assert len(receiver.spans) == known + 4
    receiver.server.shutdown()
    receiver.server.server_close()
    with start("--otlp-endpoint", receiver.url) as server:
        assert server.post(CHAT, server.chat(max_tokens=1)).status_code == 200
        server.wait_for_event("traces are not exported")
        began = time.monotonic()
        server.signal()
        assert server.exit_code() == 0 and time.monotonic() - began < 5


def test_wrong_settings_are_told(binary, monkeypatch):
    for option, variables, name in (
            (["--otlp-endpoint", "collector:4318"], {}, "--otlp-endpoint"),
            ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_SAMPLER": "x"}, "OTEL_TRACES_SAMPLER")):
        run = subprocess.run(
            [binary, "serve", "--model", "x", *option], capture_output=True, text=True, env={**os.environ, **variables})
        assert run.returncode != 0 and name in run.stderr, run.stderr
