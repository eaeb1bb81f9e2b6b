/// An integer beyond 64 bits, which keeps all its digits.
///
/// Can be printed, compared and converted; nothing is calculated with it.
public struct LargeInteger: Hashable, Sendable {
  /// Digits of the longest: what Python's `int` reads of a text.
  public static let maximumDigits = 4300

  /// Whether it is below zero.
  public let isNegative: Bool
  /// The decimal digits without a sign, without zeros before them.
  let digits: String

  /// Reads ASCII digits after an optional minus sign.
  ///
  /// Nil for anything else, for what fits into `Int`, and beyond ``maximumDigits``.
  public init?(_ text: some StringProtocol) {
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    let digits = text.utf8.dropFirst(isNegative ? 1 : 0).drop { $0 == UInt8(ascii: "0") }
    guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      digits.count <= Self.maximumDigits, Int(text) == nil, !digits.isEmpty
    else { return nil }
    self.init(isNegative: isNegative, digits: String(decoding: digits, as: UTF8.self))
  }

  private init(isNegative: Bool, digits: String) {
    self.isNegative = isNegative
    self.digits = digits
  }

  /// With the other sign. The result may fit into `Int`.
  var negated: LargeInteger { LargeInteger(isNegative: !isNegative, digits: digits) }

  /// The nearest `Double`, infinite from 2¹⁰²⁴ on.
  public var double: Double { Double(description) ?? (isNegative ? -.infinity : .infinity) }
}

extension LargeInteger: CustomStringConvertible {
  /// The digits, after a minus sign where there is one.
  public var description: String { isNegative ? "-" + digits : digits }
}

extension LargeInteger: Comparable {
  /// Whether `left` is the smaller one.
  public static func < (left: LargeInteger, right: LargeInteger) -> Bool {
    guard left.isNegative == right.isNegative else { return left.isNegative }
    let (small, large) = left.isNegative ? (right.digits, left.digits) : (left.digits, right.digits)
    return (small.utf8.count, small) < (large.utf8.count, large)
  }
}
