import InferCore
import Tracing

/// Makes the spans of requests, and hands those of traces that are recorded to an exporter.
struct RequestTracer: Tracer {
  typealias Span = TraceSpan

  let sampler: TraceSampler
  let exporter: TraceExporter

  /// The header fields of the W3C's Trace Context.
  static let parentField = "traceparent"
  static let stateField = "tracestate"

  func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
  ) -> TraceSpan {
    var context = context()
    let parent = context.span
    var identity = parent?.child ?? .root()
    // What is within a span of this program follows it.
    if parent == nil || kind == .server {
      identity.isSampled = sampler.records(trace: identity.trace.low, parent: parent)
    }
    context.span = identity
    let span = FinishedSpan(
      identity: identity, parent: parent?.span, parentIsRemote: parent != nil && kind == .server, name: operationName,
      kind: kind, start: instant().nanosecondsSinceEpoch)
    return TraceSpan(span, context: context, export: exporter.add)
  }

  func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    guard let parent = extractor.extract(key: Self.parentField, from: carrier) else { return }
    context.span = SpanIdentity(
      parentField: parent, stateField: extractor.extract(key: Self.stateField, from: carrier))
  }

  func inject<Carrier, Inject: Injector>(
    _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    guard let span = context.span else { return }
    injector.inject(span.parentField, forKey: Self.parentField, into: &carrier)
    if !span.state.isEmpty { injector.inject(span.state, forKey: Self.stateField, into: &carrier) }
  }

  func forceFlush() { exporter.hurry() }
}

/// A moment of the steady clock on the wall clock, as of one reading of both: spans of one trace nest however the latter is
/// set meanwhile.
struct TraceClock: Sendable {
  private let instant = ContinuousClock.now
  private let nanoseconds = DefaultTracerClock.now.nanosecondsSinceEpoch

  /// The moment on the wall clock.
  func time(of moment: ContinuousClock.Instant) -> DefaultTracerClock.Timestamp {
    let distance = (moment - instant) / .nanoseconds(1)
    // Centuries are enough.
    let nanoseconds = Double(nanoseconds) + min(max(distance, -0x1p61), 0x1p61)
    return DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: UInt64(max(0, nanoseconds)))
  }
}
