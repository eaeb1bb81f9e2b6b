import InferKit

/// Names for requests, responses and calls.
enum Identifier {
  /// `prefix`, `separator` and 24 random hexadecimal digits.
  static func make(_ prefix: String, separator: String = "-") -> String {
    "\(prefix)\(separator)\(ToolCall.randomDigits())"
  }

  /// A name for a call of a tool, which begins with `prefix` where it may.
  static func makeCall(_ format: ToolCallFormat?, prefix: String = "call") -> String {
    ToolCall.makeID(format, prefix: prefix)
  }
}
