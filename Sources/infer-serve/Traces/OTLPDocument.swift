import InferText
import Tracing

/// The JSON of an OTLP request that tells of spans (`ExportTraceServiceRequest`).
struct OTLPDocument {
  /// The attributes of the program, as `service.name`.
  let resource: [(name: String, value: SpanAttribute)]

  func json(_ spans: [FinishedSpan]) -> JSONValue {
    let scope: JSONValue = ["name": .string(Software.name), "version": .string(Software.version)]
    return [
      "resourceSpans": [
        [
          "resource": ["attributes": .array(resource.compactMap { Self.attribute($0.name, $0.value) })],
          "scopeSpans": [["scope": scope, "spans": .array(spans.map(Self.json))]],
        ]
      ]
    ]
  }

  private static func json(_ span: FinishedSpan) -> JSONValue {
    var members: JSONObject = [
      "traceId": .string(span.identity.traceText), "spanId": .string(span.identity.spanText),
      "name": .string(span.name), "kind": .integer(kind(span.kind)),
      // Numbers of 64 bits are texts in the JSON of protocol buffers.
      "startTimeUnixNano": .string("\(span.start)"), "endTimeUnixNano": .string("\(span.end)"),
      "attributes": attributes(span.attributes),
      // The W3C's flags, and whether the parent is another program's.
      "flags": .integer((span.identity.isSampled ? 1 : 0) | 0x100 | (span.parentIsRemote ? 0x200 : 0)),
    ]
    if let parent = span.parent {
      var identity = span.identity
      identity.span = parent
      members["parentSpanId"] = .string(identity.spanText)
    }
    if !span.identity.state.isEmpty { members["traceState"] = .string(span.identity.state) }
    if !span.events.isEmpty { members["events"] = .array(span.events.map(json)) }
    if !span.links.isEmpty {
      members["links"] = .array(
        span.links.map { ["traceId": .string($0.traceText), "spanId": .string($0.spanText)] })
    }
    if let status = span.status {
      var told: JSONObject = ["code": .integer(status.code == .ok ? 1 : 2)]
      told["message"] = status.message.map(JSONValue.string)
      members["status"] = .object(told)
    }
    return .object(members)
  }

  private static func json(_ event: SpanEvent) -> JSONValue {
    [
      "timeUnixNano": .string("\(event.nanosecondsSinceEpoch)"), "name": .string(event.name),
      "attributes": attributes(event.attributes),
    ]
  }

  private static func kind(_ kind: SpanKind) -> Int {
    switch kind {
    case .internal: 1
    case .server: 2
    case .client: 3
    case .producer: 4
    case .consumer: 5
    }
  }

  private static func attributes(_ attributes: SpanAttributes) -> JSONValue {
    var list: [(name: String, value: JSONValue)] = []
    attributes.forEach { name, value in
      if let json = attribute(name, value) { list.append((name, json)) }
    }
    return .array(list.sorted { $0.name < $1.name }.map(\.value))
  }

  private static func attribute(_ name: String, _ value: SpanAttribute) -> JSONValue? {
    json(value).map { ["key": .string(name), "value": $0] }
  }

  private static func json(_ value: SpanAttribute) -> JSONValue? {
    switch value {
    case .int32(let number): integer(Int64(number))
    case .int64(let number): integer(number)
    case .int32Array(let numbers): array(numbers.map { integer(Int64($0)) })
    case .int64Array(let numbers): array(numbers.map(integer))
    case .double(let number): double(number)
    case .doubleArray(let numbers): array(numbers.map(double))
    case .bool(let flag): ["boolValue": .bool(flag)]
    case .boolArray(let flags): array(flags.map { ["boolValue": .bool($0)] })
    case .string(let text): string(text)
    case .stringArray(let texts): array(texts.map(string))
    case .stringConvertible(let value): string("\(value)")
    case .stringConvertibleArray(let values): array(values.map { string("\($0)") })
    default: nil
    }
  }

  private static func integer(_ number: Int64) -> JSONValue { ["intValue": .string("\(number)")] }
  // JSON has no others.
  private static func double(_ number: Double) -> JSONValue { ["doubleValue": .number(number.isFinite ? number : 0)] }
  private static func string(_ text: String) -> JSONValue { ["stringValue": .string(text)] }
  private static func array(_ values: [JSONValue]) -> JSONValue { ["arrayValue": ["values": .array(values)]] }
}
