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
    | memory, read, GB/s | \(columns(\.bandwidth)) |
    | multiply-adds of 32-bit floats, GFLOP/s | \(columns(\.floatOperations)) |
    | dots of 8-bit integers, GOP/s | \(columns(\.byteOperations)) |

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
    [
      "roof_bandwidth": .number(roofline.bandwidth), "roof_f32_flops": .number(roofline.floatOperations),
      "roof_int8_ops": .number(roofline.byteOperations),
    ]
  }

  private func columns(_ limit: KeyPath<Roofline, Double>) -> String {
    let samples = Samples(limits.map { $0[keyPath: limit] / 1e9 })
    return String(format: "%.1f | %.1f … %.1f", samples.median, samples.least, samples.most)
  }
}
