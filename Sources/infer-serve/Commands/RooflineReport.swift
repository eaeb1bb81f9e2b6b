import Foundation
import InferCore
import OrderedCollections

/// Prints the limits of the machine.
struct RooflineReport {
  let roofline: Roofline
  let threads: Int

  /// A Markdown table.
  var table: String {
    """
    | limit, \(threads) threads | |
    | --- | ---: |
    | memory, read | \(Self.giga(roofline.bandwidth)) GB/s |
    | multiply-adds of 32-bit floats | \(Self.giga(roofline.floatOperations)) GFLOP/s |
    | dots of 8-bit integers | \(Self.giga(roofline.byteOperations)) GOP/s |

    """
  }

  /// One object.
  var json: JSONValue {
    var members = Self.members(roofline)
    members["n_threads"] = .integer(threads)
    return .object(members)
  }

  /// The limits as fields of other objects; a second's bytes and operations.
  static func members(_ roofline: Roofline) -> OrderedDictionary<String, JSONValue> {
    [
      "roof_bandwidth": .number(roofline.bandwidth), "roof_f32_flops": .number(roofline.floatOperations),
      "roof_int8_ops": .number(roofline.byteOperations),
    ]
  }

  private static func giga(_ value: Double) -> String { String(format: "%.1f", value / 1e9) }
}
