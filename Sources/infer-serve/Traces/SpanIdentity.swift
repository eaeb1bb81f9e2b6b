import Tracing

/// The place of a span in a trace, as the W3C's Trace Context has it (w3.org/TR/trace-context).
struct SpanIdentity: Sendable, Equatable {
  /// The two halves of the trace's number; not both are 0.
  var trace: (high: UInt64, low: UInt64)
  /// The span's number; not 0.
  var span: UInt64
  /// Whether the trace is recorded.
  var isSampled: Bool
  /// The members that other programs have added, as they came; empty for none.
  var state = ""

  static func == (one: SpanIdentity, other: SpanIdentity) -> Bool {
    one.trace == other.trace && one.span == other.span && one.isSampled == other.isSampled && one.state == other.state
  }

  /// The first span of a trace of its own.
  static func root(isSampled: Bool = true) -> SpanIdentity {
    let trace = (high: UInt64.random(in: .min ... .max), low: UInt64.random(in: 1 ... .max))
    return SpanIdentity(trace: trace, span: UInt64.random(in: 1 ... .max), isSampled: isSampled)
  }

  /// A span within this one.
  var child: SpanIdentity {
    var child = self
    child.span = UInt64.random(in: 1 ... .max)
    return child
  }

  /// 32 hexadecimal digits.
  var traceText: String { Self.text(trace.high) + Self.text(trace.low) }
  /// 16 hexadecimal digits.
  var spanText: String { Self.text(span) }

  private static func text(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}

// The header fields `traceparent` and `tracestate`.
extension SpanIdentity {
  /// Bytes and members of a `tracestate` at most; a longer one is dropped, as the standard has it.
  private static let stateLimits = (bytes: 512, members: 32)

  /// The value of `traceparent`.
  var parentField: String { "00-\(traceText)-\(spanText)-0\(isSampled ? 1 : 0)" }

  /// The place that a request names; `nil` for a field that is not as it has to be.
  init?(parentField: String, stateField: String?) {
    let bytes = Array(parentField.utf8)
    let dash = UInt8(ascii: "-")
    guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == dash }),
      let version = Self.number(bytes[0..<2]), version != 0xFF,
      // Later versions may have more behind a dash.
      bytes.count == 55 || version > 0 && bytes[55] == dash,
      let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]),
      let span = Self.number(bytes[36..<52]), let flags = Self.number(bytes[53..<55]),
      high != 0 || low != 0, span != 0
    else { return nil }
    self.init(trace: (high, low), span: span, isSampled: flags & 1 == 1, state: Self.state(stateField ?? ""))
  }

  /// Digits of one case, as the standard has them.
  private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    digits.reduce(UInt64?(0)) { number, digit in
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): number.map { $0 << 4 | UInt64(digit - UInt8(ascii: "0")) }
      case UInt8(ascii: "a")...UInt8(ascii: "f"): number.map { $0 << 4 | UInt64(digit - UInt8(ascii: "a") + 10) }
      default: nil
      }
    }
  }

  private static func state(_ field: String) -> String {
    let isFine =
      field.utf8.count <= stateLimits.bytes && field.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
      && field.split(separator: ",").count <= stateLimits.members
    return isFine ? field : ""
  }
}

extension ServiceContext {
  private enum Key: ServiceContextKey {
    typealias Value = SpanIdentity
    static var nameOverride: String? { "span" }
  }

  /// The span that what happens in this context is a part of; `nil` for none.
  var span: SpanIdentity? {
    get { self[Key.self] }
    set { self[Key.self] = newValue }
  }
}
