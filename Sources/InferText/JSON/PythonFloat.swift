import Foundation

extension Double {
  /// The shortest decimal that reads back to this value, written as Python's `repr` writes it: positional for
  /// exponents from -4 to 15, otherwise scientific with a signed exponent of at least two digits. `inf`, `-inf` and
  /// `nan` for the rest.
  var pythonDescription: String {
    guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
    // Swift prints the same shortest digits and differs only in when and how it writes an exponent.
    let parts = magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    let written = mantissa[0] + (mantissa.count > 1 ? mantissa[1] : "")
    let digits = Array(written.drop { $0 == "0" }).trimmingZeros
    let exponent =
      (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + mantissa[0].count - 1 - (written.prefix { $0 == "0" }.count)
    let sign = self.sign == .minus ? "-" : ""
    guard !digits.isEmpty else { return sign + "0.0" }
    return sign + Self.layOut(digits, exponent)
  }

  /// `digits` with the point after the first one, times ten to the `exponent`.
  private static func layOut(_ digits: [Character], _ exponent: Int) -> String {
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + String(digits[1...]) : ""
      let power = String(exponent.magnitude)
      return "\(digits[0])\(fraction)e\(exponent < 0 ? "-" : "+")\(power.count < 2 ? "0" : "")\(power)"
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + String(digits) }
    let whole = String(digits.prefix(exponent + 1)) + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let fraction = String(digits.dropFirst(exponent + 1))
    return whole + "." + (fraction.isEmpty ? "0" : fraction)
  }
}

extension [Character] {
  fileprivate var trimmingZeros: [Character] { Array(self[..<((lastIndex { $0 != "0" } ?? -1) + 1)]) }
}

extension Double {
  /// With exactly that many digits behind the point, correctly rounded.
  func fixed(digits: Int) -> String { String(format: "%.\(digits)f", self) }

  /// This number to a power.
  func raised(to exponent: Double) -> Double { pow(self, exponent) }
}
