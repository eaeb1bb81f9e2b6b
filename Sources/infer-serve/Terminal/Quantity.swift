import Foundation

/// Numbers as people read them.
enum Quantity {
  /// 5_512_704 as `5.51 M`.
  static func count(_ value: Int) -> String {
    for (unit, name) in [(1e9, "B"), (1e6, "M"), (1e3, "K")] where Double(value) >= unit {
      return String(format: "%.2f %@", Double(value) / unit, name)
    }
    return String(value)
  }

  /// 1.5 as `1.5`, 2 as `2`.
  static func decimal(_ value: Double) -> String { String(format: "%g", value) }

  /// Bytes in MiB.
  static func mebibytes(_ bytes: Int) -> String { String(format: "%.1f MiB", Double(bytes) / 1_048_576) }
}
