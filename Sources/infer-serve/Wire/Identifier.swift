import InferCore
import InferText

/// Names for requests, responses and calls.
enum Identifier {
  /// `prefix`, `separator` and 24 random hexadecimal digits.
  static func make(_ prefix: String, separator: String = "-") -> String {
    let high = String(UInt64.random(in: .min ... .max), radix: 16)
    let low = String(UInt32.random(in: .min ... .max), radix: 16)
    let digits = String(repeating: "0", count: 16 - high.count) + high + String(repeating: "0", count: 8 - low.count)
    return "\(prefix)\(separator)\(digits)\(low)"
  }

  /// A name for a call of a tool, which begins with `prefix` where it may. Mistral's templates take back nothing but nine
  /// letters and digits.
  static func makeCall(_ format: ToolCallFormat?, prefix: String = "call") -> String {
    guard format == .mistral else { return make(prefix, separator: "_") }
    return String((0..<9).compactMap { _ in letters.randomElement() })
  }

  private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
}
