/// A decimal number of any length, as it is written in JSON: `±digits · 10^exponent`.
struct ExactDecimal: Hashable, Sendable {
  /// Zero is not negative.
  let isNegative: Bool
  /// Digits 0 … 9 without zeros at either end; none for zero.
  let digits: [UInt8]
  let exponent: Int

  static let zero = ExactDecimal(isNegative: false, digits: [], exponent: 0)

  init(isNegative: Bool, digits: some Sequence<UInt8>, exponent: Int) {
    var kept = Array(digits.drop { $0 == 0 })
    var exponent = exponent
    while kept.last == 0 {
      kept.removeLast()
      exponent = exponent.addingReportingOverflow(1).partialValue
    }
    self.digits = kept
    self.isNegative = isNegative && !kept.isEmpty
    self.exponent = kept.isEmpty ? 0 : exponent
  }

  init(_ value: Int) {
    self.init(isNegative: value < 0, digits: String(value.magnitude).utf8.map { $0 - 48 }, exponent: 0)
  }

  /// The number of a JSON text; `nil` for any other text. Exponents beyond ±10⁹ are taken for that.
  init?(_ text: some Sequence<UInt8>) {
    var (isNegative, digits, scale, exponent) = (false, [UInt8](), 0, 0)
    var (isBehindPoint, isExponent, isExponentNegative, hasDigit) = (false, false, false, false)
    for (index, byte) in text.enumerated() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        hasDigit = true
        if isExponent {
          exponent = min(exponent * 10 + Int(byte - 48), 1_000_000_000)
        } else {
          digits.append(byte - 48)
          scale += isBehindPoint ? 1 : 0
        }
      case UInt8(ascii: "-") where index == 0: isNegative = true
      case UInt8(ascii: "-") where isExponent: isExponentNegative = true
      case UInt8(ascii: "+") where isExponent: break
      case UInt8(ascii: ".") where !isBehindPoint && !isExponent: isBehindPoint = true
      case UInt8(ascii: "e") where !isExponent, UInt8(ascii: "E") where !isExponent: isExponent = true
      default: return nil
      }
    }
    guard hasDigit else { return nil }
    self.init(isNegative: isNegative, digits: digits, exponent: (isExponentNegative ? -exponent : exponent) - scale)
  }

  /// The number of a JSON value, as it is written shortest; `nil` for other kinds.
  init?(_ value: JSONValue) {
    switch value {
    case .integer(let integer): self.init(integer)
    case .largeInteger(let integer): self.init(integer.description.utf8)
    case .number(let number) where number.isFinite: self.init(String(describing: number).utf8)
    default: return nil
    }
  }

  /// `exponent` is added as far as it fits.
  func multiplied(byPowerOfTen exponent: Int) -> ExactDecimal {
    digits.isEmpty ? self : ExactDecimal(self, exponent: self.exponent.addingReportingOverflow(exponent).partialValue)
  }

  private init(_ other: ExactDecimal, exponent: Int) {
    (isNegative, digits, self.exponent) = (other.isNegative, other.digits, exponent)
  }

  var isInteger: Bool { exponent >= 0 }

  /// The exponent of the power of ten above the first digit.
  private var magnitude: Int { digits.count + exponent }

  static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
    if a.isNegative != b.isNegative { return a.isNegative }
    return a.isNegative ? isLess(b, a) : isLess(a, b)
  }

  static func <= (a: ExactDecimal, b: ExactDecimal) -> Bool { !(b < a) }

  /// By magnitude.
  private static func isLess(_ a: ExactDecimal, _ b: ExactDecimal) -> Bool {
    if a.digits.isEmpty || b.digits.isEmpty { return a.digits.isEmpty && !b.digits.isEmpty }
    if a.magnitude != b.magnitude { return a.magnitude < b.magnitude }
    for index in 0..<max(a.digits.count, b.digits.count) {
      let (x, y) = (index < a.digits.count ? a.digits[index] : 0, index < b.digits.count ? b.digits[index] : 0)
      if x != y { return x < y }
    }
    return false
  }

  /// The greatest double.
  private static let greatest = ExactDecimal(String(describing: Double.greatestFiniteMagnitude).utf8) ?? .zero

  /// `true` for a number that is not further out than doubles, nor much smaller.
  var isLikeDouble: Bool {
    digits.isEmpty || magnitude - 1 >= -Int(JSONMachine.minExponent) && !Self.isLess(Self.greatest, self)
  }

  /// The maximum number of digits of a number that is held, those before or behind the point included that are zero.
  static let maxDigits = 800

  /// `true` for a number that is none of those which doubles lack, and of no more digits than are held.
  var isHeld: Bool {
    digits.isEmpty || (-400...308).contains(magnitude - 1) && digits.count + abs(exponent) <= Self.maxDigits
  }

  /// `true` for a multiple of a positive number whose digits fit 63 bits.
  func isMultiple(of unit: ExactDecimal) -> Bool {
    if digits.isEmpty { return true }
    // Neither has zeros at its end, so that a smaller exponent is a part of the unit.
    guard exponent >= unit.exponent, let divisor = unit.integerDigits else { return false }
    var rest: UInt64 = 0
    for digit in digits { rest = Self.remainder(rest, 10, plus: UInt64(digit), by: divisor) }
    var (power, count, scale) = (UInt64(10) % divisor, exponent - unit.exponent, UInt64(1) % divisor)
    while count > 0 {
      if count & 1 == 1 { scale = Self.remainder(scale, power, plus: 0, by: divisor) }
      power = Self.remainder(power, power, plus: 0, by: divisor)
      count >>= 1
    }
    return Self.remainder(rest, scale, plus: 0, by: divisor) == 0
  }

  /// The digits as an integer; `nil` when they do not fit 63 bits.
  var integerDigits: UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow, product < 1 << 63 - 10 else { return nil }
      value = product + UInt64(digit)
    }
    return value
  }

  private static func remainder(_ a: UInt64, _ b: UInt64, plus c: UInt64, by divisor: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    let (low, carry) = product.low.addingReportingOverflow(c)
    return divisor.dividingFullWidth(((product.high + (carry ? 1 : 0)) % divisor, low)).remainder
  }
}
