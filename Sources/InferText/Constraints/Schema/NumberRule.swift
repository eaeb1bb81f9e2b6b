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
  /// The only numbers there are, in ascending order; `nil` for all.
  private(set) var values: [ExactDecimal]?

  /// Numbers that are not in the set.
  private(set) var excluded: Set<ExactDecimal> = []

  init(
    least: Bound? = nil, most: Bound? = nil, units: Set<ExactDecimal> = [], values: Set<ExactDecimal>? = nil,
    excluded: Set<ExactDecimal> = []
  ) {
    self.excluded = excluded
    self.least = least
    self.most = most
    self.units = units
    self.values = values?.sorted(by: <)
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
    result.excluded.formUnion(other.excluded)
    if let values = other.values { result.values = result.values?.filter(other.hasValue) ?? values }
    return result
  }

  private static func isTighter(_ a: Bound, _ b: Bound, above: Bool) -> Bool {
    a.value == b.value ? a.isExclusive : above ? b.value < a.value : a.value < b.value
  }

  /// Sets that together have the numbers which this one has not; `nil` where rules have no word for them.
  var complement: [NumberRule]? {
    guard units.isEmpty, !isPlain else { return nil }
    var rest: [NumberRule] = []
    if let least { rest.append(NumberRule(most: Bound(value: least.value, isExclusive: !least.isExclusive))) }
    if let most { rest.append(NumberRule(least: Bound(value: most.value, isExclusive: !most.isExclusive))) }
    if let values { rest.append(NumberRule(excluded: Set(values))) }
    if !excluded.isEmpty { rest.append(NumberRule(values: excluded)) }
    return rest
  }

  func contains(_ number: ExactDecimal) -> Bool {
    isInRange(number) && units.allSatisfy { number.isMultiple(of: $0) } && hasValue(number)
      && !excluded.contains(number)
  }

  /// `true` for a number among ``values``, and where there are none. O(log values).
  private func hasValue(_ number: ExactDecimal) -> Bool {
    guard let rest = values(from: number) else { return true }
    return rest.first == number
  }

  /// The numbers among ``values`` that are not less than another.
  private func values(from least: ExactDecimal?) -> ArraySlice<ExactDecimal>? {
    guard let values else { return nil }
    guard let least else { return values[...] }
    return values[values.firstIndexInOrder { least <= $0 }...]
  }

  private func isInRange(_ number: ExactDecimal) -> Bool {
    if let least, number < least.value || least.isExclusive && number == least.value { return false }
    if let most, most.value < number || most.isExclusive && number == most.value { return false }
    return true
  }

  /// `true` when no number is in the set.
  var isEmpty: Bool {
    if let values { return !values.contains(where: contains) }
    return truth(from: nil, to: nil) == .no
  }

  /// Which of the numbers of a range are in the set: `no` for none, `yes` for all. `nil` is an end that is not there.
  func truth(from low: Bound?, to high: Bound?) -> Truth {
    let range = NumberRule(least: low, most: high)
    if let values = values(from: low?.value) {
      let near = values.prefix { number in high.map { number <= $0.value } ?? true }
      return near.contains { range.contains($0) && contains($0) } ? .unknown : .no
    }
    let both = intersection(range)
    if let least = both.least, let most = both.most {
      if most.value < least.value || least.value == most.value && (least.isExclusive || most.isExclusive) { return .no }
    }
    if units.isEmpty { return excluded.isEmpty && both.least == low && both.most == high ? .yes : .unknown }
    guard let least = both.least, let most = both.most else { return .unknown }
    return hasMultiple(from: least, to: most) ? .unknown : .no
  }

  /// `true` when a number of a range is a multiple of all units, and not left out. `false` also where that takes more digits
  /// than are looked at.
  private func hasMultiple(from least: Bound, to most: Bound) -> Bool {
    if !least.isExclusive, contains(least.value) { return true }
    let exponent = ([least.value, most.value] + units).map(\.exponent).min() ?? 0
    guard var low = least.value.scaled(to: exponent), var high = most.value.scaled(to: exponent) else { return false }
    var unit: Int128 = 1
    for part in units {
      guard let value = part.scaled(to: exponent), value > 0, value < 1 << 60, unit < 1 << 60 else { return false }
      unit = unit / greatestCommonDivisor(unit, value) * value
    }
    if least.isExclusive { low += 1 }
    if most.isExclusive { high -= 1 }
    let rest = low % unit
    var next = rest == 0 ? low : rest > 0 ? low - rest + unit : low - rest
    for _ in 0...excluded.count {
      guard next <= high else { return false }
      let number = ExactDecimal(
        isNegative: next < 0, digits: String(next.magnitude).utf8.map { $0 - 48 }, exponent: exponent)
      if !excluded.contains(number) { return true }
      next += unit
    }
    return false
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
