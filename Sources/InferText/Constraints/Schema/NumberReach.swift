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
  /// The number by which digits before the point need only have the same rest where they compare with the constants in the
  /// same way; `nil` where they are not told apart so simply.
  private(set) var modulus: Int? = 1

  /// The number of constants beyond which telling numbers apart by them costs more than it saves.
  private static let maxConstants = 64
  private static let maxModulus = 1 << 7

  mutating func extend(to rule: NumberRule) {
    let bounds = [rule.least, rule.most].compactMap { $0?.value }
    constants.formUnion(bounds + Array(rule.values ?? []) + Array(rule.excluded))
    for unit in rule.units { join(unit.wholeModulus) }
    if constants.count > Self.maxConstants { modulus = nil }
    for constant in bounds + Array(rule.units) + Array(rule.values ?? []) {
      digits = max(digits, min(Self.maxDigits, constant.digits.count + abs(constant.exponent)))
    }
    for unit in rule.units { unitDigits = min(60, unitDigits + unit.digits.count + max(0, min(60, unit.exponent))) }
  }
}

extension NumberReach {
  private mutating func join(_ other: Int?) {
    guard let one = modulus, let other else { return modulus = nil }
    let (product, isLarge) = (one / greatestCommonDivisor(one, other)).multipliedReportingOverflow(by: other)
    modulus = isLarge || product > Self.maxModulus ? nil : product
  }

  /// Adds what others reach.
  mutating func formUnion(_ other: NumberReach) {
    digits = max(digits, other.digits)
    unitDigits = max(unitDigits, other.unitDigits)
    constants.formUnion(other.constants)
    join(other.modulus)
    if constants.count > Self.maxConstants { modulus = nil }
  }

  /// A text that compares with the constants as the beginning of a whole number does, whatever digits follow both, and has the
  /// same rest: the same one for nearly all beginnings of which that is true.
  ///
  /// - Parameter text: A sign or none, and two digits or more without a zero in front.
  func representative(of text: [UInt8]) -> [UInt8] {
    guard let modulus else { return text }
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = text.drop { $0 == UInt8(ascii: "-") }.map { $0 - UInt8(ascii: "0") }
    // Constants with fewer digits are nearer to zero than all that follows.
    let beginnings = constants.compactMap { constant -> [UInt8]? in
      guard constant.isNegative == isNegative, constant.digits.count + constant.exponent >= digits.count else {
        return nil
      }
      let written = constant.digits.prefix(digits.count)
      return written + [UInt8](repeating: 0, count: digits.count - written.count)
    }
    let below = beginnings.filter { !digits.lexicographicallyPrecedes($0) }.max { $0.lexicographicallyPrecedes($1) }
    if below == digits { return text }
    var next = below ?? [1] + [UInt8](repeating: 0, count: digits.count - 1)
    let least = below == nil ? 0 : 1
    let missing = Self.rest(of: digits, by: modulus) - Self.rest(of: next, by: modulus) - least
    // Between two constants there may be none with the rest but the text itself.
    guard Self.add(least + (missing % modulus + modulus) % modulus, to: &next),
      !digits.lexicographicallyPrecedes(next)
    else { return text }
    return (isNegative ? [UInt8(ascii: "-")] : []) + next.map { $0 + UInt8(ascii: "0") }
  }

  private static func rest(of digits: [UInt8], by modulus: Int) -> Int {
    digits.reduce(0) { ($0 * 10 + Int($1)) % modulus }
  }

  /// Adds a number; `false` where the sum has more digits.
  private static func add(_ number: Int, to digits: inout [UInt8]) -> Bool {
    var carry = number
    for index in digits.indices.reversed() where carry > 0 {
      carry += Int(digits[index])
      digits[index] = UInt8(carry % 10)
      carry /= 10
    }
    return carry == 0
  }
}

extension ExactDecimal {
  /// The number by which whole numbers with the same rest are alike in which fractions make them multiples of this positive one;
  /// `nil` for one that does not fit 63 bits.
  fileprivate var wholeModulus: Int? {
    guard var modulus = integerDigits.flatMap(Int.init(exactly:)), modulus > 0 else { return nil }
    for _ in 0..<max(0, min(exponent, 20)) {
      let (product, isLarge) = modulus.multipliedReportingOverflow(by: 10)
      if isLarge { return nil }
      modulus = product
    }
    // The power of ten that makes it whole divides every whole number, and so do its divisors.
    for _ in 0..<max(0, min(-exponent, 64)) { modulus /= greatestCommonDivisor(modulus, 10) }
    return modulus
  }
}
