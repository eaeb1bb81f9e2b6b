/// How far the constants of a statement about a number reach.
struct NumberReach {
  /// Numbers further out than this are not written: their exponents are beyond that of a double.
  private static let maxDigits = 400

  /// The number of digits before or behind the point that one of them has at most.
  private(set) var digits = 0
  /// The number of digits with which every rest of a division by the units can be made.
  private(set) var unitDigits = 0

  mutating func extend(to rule: NumberRule) {
    let bounds = [rule.least, rule.most].compactMap { $0?.value }
    for constant in bounds + Array(rule.units) + Array(rule.values ?? []) {
      digits = max(digits, min(Self.maxDigits, constant.digits.count + abs(constant.exponent)))
    }
    for unit in rule.units { unitDigits = min(60, unitDigits + unit.digits.count) }
  }
}
