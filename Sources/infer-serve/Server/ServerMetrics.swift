import InferCore
import InferMetrics

/// The measurements of the server: with those of its engines the one list of what `/metrics` tells.
final class ServerMetrics: Sendable {
  /// Requests that were answered: the route's pattern, never a path as it came, and the status.
  let httpRequests = MetricFamily(
    "infer_http_requests_total", "Requests answered.", labels: ["route", "status"], known: []
  ) { Counter() }
  /// Lines of the log that were dropped because nobody read them.
  let logLinesDropped = MetricFamily(
    "infer_log_lines_dropped_total", "Lines of the log that were dropped because nobody read them.", labels: [],
    known: [[]]
  ) { Counter() }
  /// Lines that the log of requests has not got: `queue` where too many waited, `file` where the file could not be written.
  let requestLogLinesDropped = MetricFamily(
    "infer_request_log_lines_dropped_total",
    "Requests that are missing in the log of requests: queue (too many waited) or file (it could not be written).",
    labels: ["reason"], known: [["queue"], ["file"]]
  ) { Counter() }
  /// Times that the event loop or the tasks' threads did not answer for longer than a step may take.
  let stalls = MetricFamily(
    "infer_server_stalls_total", "Times that the server's own threads did not answer for longer than --slow-step.",
    labels: [], known: [[]]
  ) { Counter() }
  /// The time that telling of a token takes the server: from the end of the step that computed it until the connection has
  /// the event's bytes, or has room for more where its client reads slowly.
  let eventDelivery: Histogram
  private let eventDeliveries = MetricFamily(
    "infer_event_delivery_seconds", "From the end of a step to the write of the event that tells of its token.",
    labels: [], known: [[]]
  ) { Histogram(bounds: ServerMetrics.deliveryBounds) }
  /// Requests whose prompts were shortened to fit the context.
  let contextShifts = MetricFamily(
    "infer_context_shifts_total", "Requests whose prompts were shortened to fit the context.", labels: [], known: [[]]
  ) { Counter() }

  private static let deliveryBounds = [
    0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.01, 0.025, 0.1, 1, 10,
  ]

  /// The measurements of traces.
  let traces = TraceMetrics()

  /// Requests that were refused for their keys; of a key that is not known the name is empty.
  let keyRefusals = MetricFamily(
    "infer_key_refusals_total",
    "Requests refused for their API key: invalid, expired, scope, model, requests, tokens or concurrency.",
    labels: ["key", "reason"], known: []
  ) { Counter() }
  /// Requests of each key that were answered.
  let keyRequests = MetricFamily(
    "infer_key_requests_total", "Requests answered, by API key.", labels: ["key"], known: []
  ) { Counter() }
  /// Requests of each key for each model that are under way.
  let keyRunning = MetricFamily(
    "infer_key_requests_running", "Requests under way, by API key and model.", labels: ["key", "model_name"], known: []
  ) { Gauge() }
  /// Tokens of each key's requests for each model: `prompt` and `generated`.
  let keyTokens = MetricFamily(
    "infer_key_tokens_total", "Tokens of prompts and of answers, by API key and model.",
    labels: ["key", "model_name", "kind"], known: []
  ) { Counter() }

  init() { eventDelivery = eventDeliveries() }

  /// All metrics in the Prometheus text format, beside those of engines.
  func text(with engines: [EngineMetrics]) -> String {
    var text = PrometheusText()
    for engine in engines {
      text.commonLabels = engine.commonLabels
      engine.write(to: &text)
    }
    text.commonLabels = []
    text.write(httpRequests)
    text.write(logLinesDropped)
    text.write(requestLogLinesDropped)
    text.write(traces.exported)
    text.write(traces.dropped)
    text.write(stalls)
    text.write(eventDeliveries)
    text.write(contextShifts)
    text.write(keyRefusals)
    text.write(keyRequests)
    text.write(keyRunning)
    text.write(keyTokens)
    return text.text
  }
}
