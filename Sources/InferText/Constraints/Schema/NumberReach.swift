/// How far the constants of a statement about a number reach.
struct NumberReach {
  /// The number of digits before or behind the point that one of them has at most.
  private(set) var digits = 0
  /// The number of digits with which every rest of a division by the units can be made.
  private(set) var unitDigits = 0
  /// The constants that numbers are compared with.
  private(set) var constants: Set<ExactDecimal> = []
  /// The units that the rests of digits before the point matter for; `nil` where digits are not told apart so simply.
  private(set) var units: Set<Unit>? = []

  /// The number of constants beyond which telling numbers apart by them costs more than it saves.
  private static let maxConstants = 64
  private static let maxModulus = 1 << 40
  /// The number of texts that are looked at for one of the same rests.
  private static let maxTries = 64

  /// A number that others are to be multiples of.
  struct Unit: Hashable {
    /// The number by which digits before the point with the same rest are alike.
    let modulus: Int
    /// `true` where a multiple is a whole number.
    let isWhole: Bool
  }

  mutating func extend(to rule: NumberRule) {
    let bounds = [rule.least, rule.most].compactMap { $0?.value }
    constants.formUnion(bounds + Array(rule.values ?? []) + Array(rule.excluded))
    var (modulus, isWhole) = (Optional(1), true)
    for unit in rule.units {
      modulus = Self.leastCommonMultiple(modulus, unit.wholeModulus)
      isWhole = isWhole && unit.exponent >= 0
    }
    if let modulus {
      if modulus > 1 { units?.insert(Unit(modulus: modulus, isWhole: isWhole)) }
    } else {
      units = nil
    }
    if constants.count > Self.maxConstants { units = nil }
    for constant in bounds + Array(rule.units) + Array(rule.values ?? []) {
      digits = max(digits, constant.digits.count + abs(constant.exponent))
    }
    for unit in rule.units { unitDigits = min(60, unitDigits + unit.digits.count + max(0, min(60, unit.exponent))) }
  }
}

extension NumberReach {
  /// `nil` where it is too large.
  private static func leastCommonMultiple(_ one: Int?, _ other: Int?) -> Int? {
    guard let one, let other else { return nil }
    let (product, isLarge) = (one / greatestCommonDivisor(one, other)).multipliedReportingOverflow(by: other)
    return isLarge || product > maxModulus ? nil : product
  }

  /// Adds what others reach.
  mutating func formUnion(_ other: NumberReach) {
    digits = max(digits, other.digits)
    unitDigits = max(unitDigits, other.unitDigits)
    constants.formUnion(other.constants)
    units = other.units.flatMap { units?.union($0) }
    if constants.count > Self.maxConstants { units = nil }
  }

  /// A text that compares with the constants as the beginning of a whole number does, whatever digits follow both, and is as
  /// far from multiples of the units: the same one for nearly all beginnings of which that is true.
  ///
  /// - Parameter text: A sign or none, and two digits or more without a zero in front.
  func representative(of text: [UInt8]) -> [UInt8] {
    guard let units else { return text }
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
    // The number of the beginning itself belongs to a constant.
    if below != nil, !Self.add(1, to: &next) { return text }
    // Beginnings that are alike have a rest in common, and of those that have it most are.
    let step = units.reduce(1) { Self.leastCommonMultiple($0, $1.commonModulus) ?? 0 }
    guard step > 0 else { return text }
    let missing = Self.rest(of: digits, by: step) - Self.rest(of: next, by: step)
    guard Self.add((missing + step) % step, to: &next) else { return text }
    let wanted = units.map { (unit: $0, distances: $0.distances(from: Self.rest(of: digits, by: $0.modulus))) }
    var rests = wanted.map { Self.rest(of: next, by: $0.unit.modulus) }
    for _ in 0..<Self.maxTries {
      if digits.lexicographicallyPrecedes(next) { return text }
      if zip(wanted, rests).allSatisfy({ $0.unit.distances(from: $1) == $0.distances }) {
        return (isNegative ? [UInt8(ascii: "-")] : []) + next.map { $0 + UInt8(ascii: "0") }
      }
      guard Self.add(step, to: &next) else { return text }
      for index in rests.indices { rests[index] = (rests[index] + step) % wanted[index].unit.modulus }
    }
    return text
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

extension NumberReach.Unit {
  /// The number by which rests that are alike have the same rest.
  var commonModulus: Int {
    guard isWhole else { return modulus }
    var room = 1
    while room < modulus { room *= 10 }
    return modulus / greatestCommonDivisor(modulus, room)
  }

  /// The distances from a rest to the next multiple: for each number of digits that may follow, the number that they have to
  /// be, or -1 where it has more digits; of fractions, which may follow too, the rest itself.
  ///
  /// Two rests of which that is the same are alike, whatever follows.
  func distances(from rest: Int) -> [Int] {
    guard isWhole else { return [rest] }
    var (distances, rest, room) = ([Int](), rest, 1)
    while true {
      let missing = rest == 0 ? 0 : modulus - rest
      distances.append(missing < room ? missing : -1)
      // With as much room, what was missing tells of all that follows.
      if room >= modulus { return distances }
      (rest, room) = (rest * 10 % modulus, room * 10)
    }
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
