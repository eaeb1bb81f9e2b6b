import InferText

/// Which traces are recorded: those of `OTEL_TRACES_SAMPLER`, by their names.
struct TraceSampler: Sendable, Equatable {
  /// The share of traces that begin here, or of all, from 0 to 1.
  var share = 1.0
  /// Whether a request's trace is recorded where its client records it, and only there.
  var followsParent = true

  static let names = [
    "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
    "parentbased_traceidratio",
  ]

  init(share: Double = 1, followsParent: Bool = true) { (self.share, self.followsParent) = (share, followsParent) }

  /// The sampler of a name.
  ///
  /// - Parameter argument: The share, for those of a ratio; 1 where there is none.
  /// - Throws: ``CommandFailure`` for another name, and for a share that is none.
  init(_ name: String, argument: String?) throws(CommandFailure) {
    guard Self.names.containsExactly(name) else {
      throw CommandFailure("OTEL_TRACES_SAMPLER is '\(name)', not one of \(Self.names.joined(separator: ", "))")
    }
    followsParent = name.hasPrefix("parentbased_")
    if name.hasSuffix("always_off") { share = 0 }
    guard name.hasSuffix("traceidratio"), let argument else { return }
    guard let value = Double(argument), (0...1).contains(value) else {
      throw CommandFailure("OTEL_TRACES_SAMPLER_ARG is '\(argument)', not a number from 0 to 1")
    }
    share = value
  }

  /// Whether a trace is recorded.
  ///
  /// - Parameters:
  ///   - trace: The lower half of its number, which all programs decide by alike.
  ///   - parent: The span that it comes from; `nil` for one that begins here.
  func records(trace: UInt64, parent: SpanIdentity?) -> Bool {
    if followsParent, let parent { return parent.isSampled }
    if share >= 1 { return true }
    return Double(trace >> 1) < share * 0x1p63
  }
}
