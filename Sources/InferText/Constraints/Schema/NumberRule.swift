/// A set of numbers: a range, of which only multiples of some numbers count, or only some values.
struct NumberRule: Hashable, Sendable {
  /// An end of a range.
  struct Bound: Hashable, Sendable {
    let value: ExactDecimal
    /// `true` when the value itself is outside.
    let isExclusive: Bool
  }

  private(set) var least: Bound?
  private(set) var most: Bound?
  private(set) var units: Set<ExactDecimal> = []
  /// `true` where they are written without a fraction and an exponent.
  private(set) var isPlain = false
  /// The only numbers there are; `nil` for all.
  private(set) var values: Set<ExactDecimal>?

  init(least: Bound? = nil, most: Bound? = nil, units: Set<ExactDecimal> = [], values: Set<ExactDecimal>? = nil) {
    self.least = least
    self.most = most
    self.units = units
    self.values = values
  }

  /// Whole numbers.
  static let integers = NumberRule(units: [ExactDecimal(1)])

  /// Whole numbers as draft 4 has them, to which 1.0 is none.
  static let plainIntegers = {
    var rule = integers
    rule.isPlain = true
    return rule
  }()

  func intersection(_ other: NumberRule) -> NumberRule {
    var result = self
    if let bound = other.least, result.least.map({ Self.isTighter(bound, $0, above: true) }) ?? true {
      result.least = bound
    }
    if let bound = other.most, result.most.map({ Self.isTighter(bound, $0, above: false) }) ?? true {
      result.most = bound
    }
    result.units.formUnion(other.units)
    result.isPlain = isPlain || other.isPlain
    if let values = other.values { result.values = result.values.map { $0.intersection(values) } ?? values }
    return result
  }

  private static func isTighter(_ a: Bound, _ b: Bound, above: Bool) -> Bool {
    a.value == b.value ? a.isExclusive : above ? b.value < a.value : a.value < b.value
  }

  func contains(_ number: ExactDecimal) -> Bool {
    isInRange(number) && units.allSatisfy { number.isMultiple(of: $0) } && values?.contains(number) ?? true
  }

  private func isInRange(_ number: ExactDecimal) -> Bool {
    if let least, number < least.value || least.isExclusive && number == least.value { return false }
    if let most, most.value < number || most.isExclusive && number == most.value { return false }
    return true
  }

  /// `true` when no number is in the set.
  var isEmpty: Bool {
    if let values { return values.isEmpty }
    guard let least, let most else { return false }
    return truth(from: least.value, to: most.value) == .no
  }

  /// Which of the numbers from one to another, both included, are in the set: `no` for none, `yes` for all.
  func truth(from low: ExactDecimal, to high: ExactDecimal) -> Truth {
    if let values {
      return values.contains { low <= $0 && $0 <= high && contains($0) } ? .unknown : .no
    }
    let isInside = isInRange(low) && isInRange(high)
    if units.isEmpty, isInside { return .yes }
    var (first, last) = (low, high)
    var (isFirstOut, isLastOut) = (false, false)
    if let least, first <= least.value { (first, isFirstOut) = (least.value, least.isExclusive) }
    if let most, most.value <= last { (last, isLastOut) = (most.value, most.isExclusive) }
    if last < first || first == last && (isFirstOut || isLastOut) { return .no }
    guard !units.isEmpty else { return .unknown }
    return hasMultiple(from: first, isFirstOut, to: last, isLastOut) ? .unknown : .no
  }

  /// `false` when no number of a range is a multiple of all units; `true` also where that is too large to tell.
  private func hasMultiple(from first: ExactDecimal, _ isFirstOut: Bool, to last: ExactDecimal, _ isLastOut: Bool)
    -> Bool
  {
    let exponent = ([first, last] + units).map(\.exponent).min() ?? 0
    guard var low = first.scaled(to: exponent), var high = last.scaled(to: exponent) else { return true }
    var unit: Int128 = 1
    for part in units {
      guard let value = part.scaled(to: exponent), value > 0, value < 1 << 60, unit < 1 << 60 else { return true }
      unit = unit / Self.greatestDivisor(unit, value) * value
    }
    if isFirstOut { low += 1 }
    if isLastOut { high -= 1 }
    let rest = low % unit
    let next = rest == 0 ? low : rest > 0 ? low - rest + unit : low - rest
    return next <= high
  }

  private static func greatestDivisor(_ a: Int128, _ b: Int128) -> Int128 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}

extension ExactDecimal {
  /// The number in units of `10^exponent`; `nil` when that is no integer or has more than 100 bits.
  fileprivate func scaled(to exponent: Int) -> Int128? {
    guard self.exponent >= exponent, digits.count + self.exponent - exponent <= 30 else { return nil }
    var value: Int128 = 0
    for digit in digits { value = value * 10 + Int128(digit) }
    for _ in exponent..<self.exponent { value *= 10 }
    return isNegative ? -value : value
  }
}
