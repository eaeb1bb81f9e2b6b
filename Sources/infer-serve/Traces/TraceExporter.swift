import AsyncHTTPClient
import DequeModule
import Foundation
import InferCore
import InferMetrics
import InferText
import Logging
import NIOCore
import NIOHTTP1

/// Sends spans to a receiver of OTLP over HTTP, as JSON, in batches and from a task of its own.
///
/// Spans that wait are bounded; beyond that, and when the receiver does not take them after several tries, they are dropped
/// and counted. Nothing waits for the receiver.
final class TraceExporter: Sendable {
  /// Where spans are sent, and how many at a time.
  struct Configuration: Sendable {
    /// The address, with its path.
    var url: String
    var headers: [(name: String, value: String)] = []
    /// The time of one try.
    var timeout = Duration.seconds(10)
    /// How long spans wait for others.
    var delay = Duration.seconds(5)
    /// Spans of one request at most.
    var batch = 512
    /// Spans that wait at most.
    var queue = 2048
    /// The pause before a second try, which doubles with each one.
    var pause = Duration.seconds(1)
    /// Tries of one batch.
    var tries = 6
  }

  private struct State {
    var spans: Deque<FinishedSpan> = []
    /// Ends a pause; `nil` while there is none.
    var wake: AsyncStream<Void>.Continuation?
    var isEnding = false
  }

  private enum Outcome {
    case taken(rejected: Int)
    /// Not now; the receiver may say when.
    case later(String, after: Duration?)
    case refused(String)
  }

  private let configuration: Configuration
  private let document: OTLPDocument
  private let metrics: TraceMetrics
  private let logger: Logger
  private let state = Monitor(State())
  private let isFailing = Monitor(false)

  init(_ configuration: Configuration, _ document: OTLPDocument, metrics: TraceMetrics, logger: Logger) {
    self.configuration = configuration
    self.document = document
    self.metrics = metrics
    self.logger = logger
  }

  /// Takes a span. O(1), and never waits.
  func add(_ span: FinishedSpan) {
    let (isTaken, waker) = state.withLock { state in
      guard state.spans.count < configuration.queue, !state.isEnding else {
        return (false, AsyncStream<Void>.Continuation?.none)
      }
      state.spans.append(span)
      return (true, state.spans.count == configuration.batch ? state.wake : nil)
    }
    if !isTaken { metrics.dropped("queue").increment() }
    waker?.finish()
  }

  /// Sends what waits without waiting for more.
  func hurry() { state.withLock { $0.wake }?.finish() }

  /// Takes no more spans; those that wait are sent, once each, before ``run()`` returns.
  func end() {
    state.withLock { state in
      state.isEnding = true
      return state.wake
    }?.finish()
  }

  // MARK: The task

  /// Sends spans until ``end()``.
  func run() async {
    var http = HTTPClient.Configuration(redirectConfiguration: .disallow)
    http.timeout.connect = .seconds(5)
    http.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: http)
    while true {
      let (batch, rest, isEnding) = state.withLock { state in
        let count = min(configuration.batch, state.spans.count)
        let batch = Array(state.spans.prefix(count))
        state.spans.removeFirst(count)
        return (batch, state.spans.count, state.isEnding)
      }
      if !batch.isEmpty { await send(batch, client) }
      if isEnding, rest == 0 { break }
      // A receiver that is gone is not to hold the server.
      if isEnding, isFailing.withLock({ $0 }) {
        metrics.dropped("export").increment(by: rest)
        break
      }
      if rest < configuration.batch, !isEnding { await pause(configuration.delay) }
    }
    try? await client.shutdown()
  }

  /// Waits for a time, for a batch to be full, or for the end.
  private func pause(_ time: Duration) async {
    let (wakes, continuation) = AsyncStream<Void>.makeStream()
    let waits = state.withLock { state in
      guard !state.isEnding, state.spans.count < configuration.batch else { return false }
      state.wake = continuation
      return true
    }
    guard waits else { return }
    let timer = Task {
      try await Task.sleep(for: time)
      continuation.finish()
    }
    for await _ in wakes {}
    timer.cancel()
    state.withLock { $0.wake = nil }
  }

  private func send(_ spans: [FinishedSpan], _ client: HTTPClient) async {
    let body = ByteBuffer(string: document.json(spans).serialized())
    var pause = configuration.pause
    for attempt in 1...max(1, configuration.tries) {
      switch await send(body, client) {
      case .taken(let rejected):
        if rejected > 0 { metrics.dropped("rejected").increment(by: min(rejected, spans.count)) }
        metrics.exported().increment(by: max(0, spans.count - rejected))
        if setFailing(false) { logger.notice("traces are exported again") }
        return
      case .later(let reason, let wait):
        tell(reason)
        let isEnding = state.withLock { $0.isEnding }
        guard attempt < configuration.tries, !isEnding else { break }
        // Programs that failed together are not to come back together.
        await self.rest(min(wait ?? pause * Double.random(in: 0.8...1.2), .seconds(60)))
        pause = min(pause * 2, .seconds(30))
        continue
      case .refused(let reason): tell(reason)
      }
      break
    }
    metrics.dropped("export").increment(by: spans.count)
  }

  /// Waits before another try, or for the end.
  private func rest(_ time: Duration) async {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end, !state.withLock({ $0.isEnding }) {
      try? await Task.sleep(until: min(end, .now + .milliseconds(100)))
    }
  }

  /// Says once that the receiver does not take spans.
  private func tell(_ reason: String) {
    if setFailing(true) { return }
    logger.warning("traces are not exported", metadata: ["to": "\(configuration.url)", "reason": "\(reason)"])
  }

  /// Returns whether it was failing before.
  private func setFailing(_ fails: Bool) -> Bool {
    isFailing.withLock { isFailing in
      defer { isFailing = fails }
      return isFailing
    }
  }

  private func send(_ body: ByteBuffer, _ client: HTTPClient) async -> Outcome {
    var request = HTTPClientRequest(url: configuration.url)
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.headers.add(name: "user-agent", value: "\(Software.name)/\(Software.version)")
    for (name, value) in configuration.headers { request.headers.replaceOrAdd(name: name, value: value) }
    request.body = .bytes(body)
    // A server that ends has little time.
    let patience = state.withLock { $0.isEnding } ? min(configuration.timeout, .seconds(2)) : configuration.timeout
    do {
      let response = try await client.execute(request, timeout: TimeAmount(patience))
      let bytes = try await response.body.collect(upTo: 1 << 20)
      switch response.status.code {
      case 200..<300:
        let told = try? JSONValue(parsing: Array(bytes.readableBytesView))
        let rejected = told?["partialSuccess"]?["rejectedSpans"]
        return .taken(rejected: max(0, rejected?.int ?? rejected?.string.flatMap { Int($0) } ?? 0))
      case 429, 502, 503, 504:
        let wait = response.headers.first(name: "retry-after").flatMap { Int($0) }
        return .later("status \(response.status.code)", after: wait.map { .seconds(max(0, min($0, 60))) })
      default: return .refused("status \(response.status.code)")
      }
    } catch { return .later("\(error)", after: nil) }
  }
}

/// The measurements of an exporter.
final class TraceMetrics: Sendable {
  /// Spans that a receiver has taken.
  let exported = MetricFamily(
    "infer_trace_spans_exported_total", "Spans that the receiver of traces has taken.", labels: [], known: [[]]
  ) { Counter() }
  /// Spans that nobody has got.
  let dropped = MetricFamily(
    "infer_trace_spans_dropped_total",
    "Spans that are lost: queue (too many waited), export (the receiver did not take them) or rejected (it said so).",
    labels: ["reason"], known: [["queue"], ["export"], ["rejected"]]
  ) { Counter() }
}
