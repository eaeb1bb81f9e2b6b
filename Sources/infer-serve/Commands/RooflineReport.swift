import Foundation
import InferCore
import InferText

/// Prints the limits of the machine as they were measured several times.
struct RooflineReport {
  let limits: [Roofline]
  let median: Roofline
  let threads: Int

  /// `nil` where nothing was measured.
  init?(_ limits: [Roofline], threads: Int) {
    guard let median = Roofline(medianOf: limits) else { return nil }
    (self.limits, self.median, self.threads) = (limits, median, threads)
  }

  /// A Markdown table of medians, and from least to most.
  var table: String {
    """
    | limit, \(threads) threads | median | min … max |
    | --- | ---: | ---: |
    \(row("memory, read, GB/s") { $0.bandwidth })\
    \(row("multiply-adds of 32-bit floats, GFLOP/s") { $0.floatOperations })\
    \(row("dots of 8-bit integers, GOP/s") { $0.byteOperations })\
    \(row("multiply-adds of bfloat16, GFLOP/s") { $0.bfloatOperations })
    """
  }

  /// One object, of medians.
  var json: JSONValue {
    var members = Self.members(median)
    members["n_threads"] = .integer(threads)
    return .object(members)
  }

  /// The limits as fields of other objects; a second's bytes and operations.
  static func members(_ roofline: Roofline) -> JSONObject {
    var members: JSONObject = [
      "roof_bandwidth": .number(roofline.bandwidth), "roof_f32_flops": .number(roofline.floatOperations),
      "roof_int8_ops": .number(roofline.byteOperations),
    ]
    members["roof_bf16_flops"] = roofline.bfloatOperations.map { .number($0) }
    return members
  }

  /// A line of the table; empty for a limit that the machine has not.
  private func row(_ name: String, _ limit: (Roofline) -> Double?) -> String {
    let values = limits.compactMap { limit($0).map { $0 / 1e9 } }
    guard !values.isEmpty else { return "" }
    let samples = Samples(values)
    return "| \(name) | \(String(format: "%.1f | %.1f … %.1f", samples.median, samples.least, samples.most)) |\n"
  }
}
