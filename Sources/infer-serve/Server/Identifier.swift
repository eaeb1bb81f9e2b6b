/// Names for requests and responses.
enum Identifier {
  /// `prefix`, `separator` and 24 random hexadecimal digits.
  static func make(_ prefix: String, separator: String = "-") -> String {
    let high = String(UInt64.random(in: .min ... .max), radix: 16)
    let low = String(UInt32.random(in: .min ... .max), radix: 16)
    let digits = String(repeating: "0", count: 16 - high.count) + high + String(repeating: "0", count: 8 - low.count)
    return "\(prefix)\(separator)\(digits)\(low)"
  }
}
