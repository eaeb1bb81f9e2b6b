import InferCore
import Tracing

/// A span that has ended.
struct FinishedSpan: Sendable {
  var identity: SpanIdentity
  /// The number of the span that it is a part of; `nil` for the first of its trace.
  var parent: UInt64?
  /// Whether the parent is another program's.
  var parentIsRemote = false
  var name: String
  var kind: SpanKind
  /// Nanoseconds since 1970, by the wall clock.
  var start: UInt64
  var end: UInt64 = 0
  var attributes = SpanAttributes()
  var events: [SpanEvent] = []
  var links: [SpanIdentity] = []
  var status: SpanStatus?
}

/// A span, which is exported when it has ended if its trace is recorded.
final class TraceSpan: Span {
  /// The bound of a span's events, so that none grows without one.
  private static let eventLimit = 128

  let context: ServiceContext
  let isRecording: Bool
  /// Taken when the span has ended.
  private let contents: Monitor<FinishedSpan?>
  private let last: FinishedSpan
  private let export: @Sendable (FinishedSpan) -> Void

  /// - Parameter context: The context of what is a part of it.
  init(_ span: FinishedSpan, context: ServiceContext, export: @escaping @Sendable (FinishedSpan) -> Void) {
    self.context = context
    isRecording = span.identity.isSampled
    last = span
    contents = Monitor(span)
    self.export = export
  }

  /// The span's place in its trace.
  var identity: SpanIdentity { last.identity }

  var operationName: String {
    get { contents.withLock { $0?.name } ?? last.name }
    set { change { $0.name = newValue } }
  }

  var attributes: SpanAttributes {
    get { contents.withLock { $0?.attributes } ?? [:] }
    set { change { $0.attributes = newValue } }
  }

  func setStatus(_ status: SpanStatus) { change { $0.status = status } }

  func addEvent(_ event: SpanEvent) {
    change { if $0.events.count < Self.eventLimit { $0.events.append(event) } }
  }

  func addLink(_ link: SpanLink) {
    guard let other = link.context.span else { return }
    change { if $0.links.count < Self.eventLimit { $0.links.append(other) } }
  }

  func recordError<Instant: TracerInstant>(
    _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
  ) {
    var all = attributes
    all["exception.type"] = "\(type(of: error))"
    all["exception.message"] = "\(error)"
    addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
  }

  func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
    guard var span = contents.withLock({ $0.take() }), isRecording else { return }
    span.end = max(span.start, instant().nanosecondsSinceEpoch)
    export(span)
  }

  private func change(_ change: (inout FinishedSpan) -> Void) {
    guard isRecording else { return }
    contents.withLock { contents in
      guard var span = contents else { return }
      change(&span)
      contents = span
    }
  }
}
