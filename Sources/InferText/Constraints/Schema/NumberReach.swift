/// How far the constants of a statement about a number reach.
struct NumberReach {
  /// Numbers further out than this are not written: their exponents are beyond that of a double.
  private static let maxDigits = 400

  /// The number of digits before or behind the point that one of them has at most.
  private(set) var digits = 0
  /// The number of digits with which every rest of a division by the units can be made.
  private(set) var unitDigits = 0
  /// The constants that numbers are compared with.
  private(set) var constants: Set<ExactDecimal> = []
  /// `true` where nothing is asked of a whole number but how it compares with the constants.
  private(set) var comparesOnly = true

  /// The number of constants beyond which telling numbers apart by them costs more than it saves.
  private static let maxConstants = 64

  mutating func extend(to rule: NumberRule) {
    let bounds = [rule.least, rule.most].compactMap { $0?.value }
    constants.formUnion(bounds + Array(rule.values ?? []) + Array(rule.excluded))
    comparesOnly =
      comparesOnly && constants.count <= Self.maxConstants && rule.units.allSatisfy { $0 == ExactDecimal(1) }
    for constant in bounds + Array(rule.units) + Array(rule.values ?? []) {
      digits = max(digits, min(Self.maxDigits, constant.digits.count + abs(constant.exponent)))
    }
    for unit in rule.units { unitDigits = min(60, unitDigits + unit.digits.count) }
  }
}

extension NumberReach {
  /// Adds what others reach.
  mutating func formUnion(_ other: NumberReach) {
    digits = max(digits, other.digits)
    unitDigits = max(unitDigits, other.unitDigits)
    constants.formUnion(other.constants)
    comparesOnly = comparesOnly && other.comparesOnly && constants.count <= Self.maxConstants
  }

  /// A text that compares with the constants as the beginning of a whole number does, whatever digits follow both: the same one
  /// for all beginnings of which that is true.
  ///
  /// - Parameter text: A sign or none, and two digits or more without a zero in front.
  func representative(of text: [UInt8]) -> [UInt8] {
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = text.drop { $0 == UInt8(ascii: "-") }
    // Constants with fewer digits are nearer to zero than all that follows.
    let beginnings = constants.compactMap { constant -> [UInt8]? in
      guard constant.isNegative == isNegative, constant.digits.count + constant.exponent >= digits.count else {
        return nil
      }
      let written = constant.digits.prefix(digits.count).map { $0 + UInt8(ascii: "0") }
      return written + repeatElement(UInt8(ascii: "0"), count: digits.count - written.count)
    }
    let below = beginnings.filter { !digits.lexicographicallyPrecedes($0) }.max { $0.lexicographicallyPrecedes($1) }
    guard let below else {
      return (isNegative ? [UInt8(ascii: "-")] : []) + [UInt8(ascii: "1")]
        + repeatElement(UInt8(ascii: "0"), count: digits.count - 1)
    }
    if below.elementsEqual(digits) { return text }
    var next = below
    for index in next.indices.reversed() {
      if next[index] < UInt8(ascii: "9") {
        next[index] += 1
        break
      }
      next[index] = UInt8(ascii: "0")
    }
    return (isNegative ? [UInt8(ascii: "-")] : []) + next
  }
}
