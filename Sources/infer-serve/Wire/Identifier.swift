import InferKit

/// Names for requests and responses.
enum Identifier {
  /// `prefix`, `separator` and 24 random hexadecimal digits.
  static func make(_ prefix: String, separator: String = "-") -> String {
    "\(prefix)\(separator)\(ToolCall.randomDigits())"
  }
}
