extension ToolCall {
  /// A name for a call, which begins with `prefix` where it may. Mistral's templates take back nothing but nine letters and
  /// digits.
  package static func makeID(_ format: ToolCallFormat?, prefix: String = "call") -> String {
    guard format == .mistral else { return "\(prefix)_\(randomDigits())" }
    return String((0..<9).compactMap { _ in letters.randomElement() })
  }

  /// 24 random hexadecimal digits.
  package static func randomDigits() -> String {
    let high = String(UInt64.random(in: .min ... .max), radix: 16)
    let low = String(UInt32.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - high.count) + high + String(repeating: "0", count: 8 - low.count) + low
  }

  private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
}
