// Numbers: which digits may still come, so that no number is begun that cannot be ended.
extension JSONMachine {
  /// `true` when digits may follow with which the goal is true.
  mutating func canComplete(_ frame: NumberFrame) -> Bool {
    guard let text = frame.text, frame.goal != .always else { return true }
    if frame.isInteger, frame.place == .sign || frame.place == .zero || frame.place == .digits { return true }
    let reach = reach(of: frame.goal)
    work.take(compiler.pool.size(of: frame.goal) * (reach.digits + 8))
    // The number of characters that may follow.
    let room = Int(limit(of: frame) - frame.digits) - 1
    switch frame.place {
    case .sign:
      let zero = NumberRule.Bound(value: .zero, isExclusive: false)
      return isPossible(frame.goal, from: nil, to: zero, isPlain: true)
    case .zero:
      return isPossible(frame.goal, text)
    case .digits:
      // With so many more digits than the constants have all are alike, but for what they are multiples of.
      let most = min(max(0, reach.digits + 1 - text.count) + reach.unitDigits, room + 1)
      for count in 0...max(0, most) {
        if isPossible(frame.goal, text, moreDigits: count) { return true }
      }
      return hasExponent(text, frame.goal, reach, room: room)
    case .point, .fraction:
      return hasFraction(text, frame.goal, room: room) || hasExponent(text, frame.goal, reach, room: room)
    case .exponent, .exponentSign, .exponentDigits:
      return hasExponent(text, frame.goal, reach, room: room)
    }
  }

  /// `true` when digits behind the point may make the goal true: those that have room, where that is for one at most.
  private func hasFraction(_ text: [UInt8], _ goal: Formula, room: Int) -> Bool {
    guard room < 2 else { return isPossible(goal, text, isPlain: false) }
    let digits = room > 0 ? (UInt8(ascii: "0")...UInt8(ascii: "9")).map { [$0] } : []
    return ([[]] + digits).contains { digit in
      ExactDecimal(text + digit).map { isTrue(goal, of: $0, isPlain: false) } ?? false
    }
  }

  /// `true` when the goal may be true of a number that begins with a text, has so many more digits before the point, and any
  /// behind it.
  ///
  /// - Parameter isPlain: `false` where it has a fraction.
  func isPossible(_ goal: Formula, _ text: [UInt8], moreDigits count: Int = 0, isPlain: Bool = true) -> Bool {
    var digits: [UInt8] = []
    var exponent = count
    var isBehindPoint = false
    for byte in text where byte != UInt8(ascii: "-") {
      if byte == UInt8(ascii: ".") {
        isBehindPoint = true
      } else {
        digits.append(byte - UInt8(ascii: "0"))
        exponent -= isBehindPoint ? 1 : 0
      }
    }
    // From the text itself up to the next one of its length.
    var next = [0] + digits
    for index in next.indices.reversed() {
      next[index] = (next[index] + 1) % 10
      if next[index] != 0 { break }
    }
    let isNegative = text.first == UInt8(ascii: "-")
    let near = ExactDecimal(isNegative: isNegative, digits: digits, exponent: exponent)
    let far = NumberRule.Bound(
      value: ExactDecimal(isNegative: isNegative, digits: next, exponent: exponent), isExclusive: true)
    // The text's own number and those beyond it are looked at each by itself, since of two statements that only one may be
    // true the first may be about that number alone.
    if isTrue(goal, of: near, isPlain: isPlain) { return true }
    let beyond = NumberRule.Bound(value: near, isExclusive: true)
    return isPossible(goal, from: isNegative ? far : beyond, to: isNegative ? beyond : far, isPlain: isPlain)
  }

  private func isPossible(
    _ goal: Formula, from low: NumberRule.Bound?, to high: NumberRule.Bound?, isPlain: Bool
  ) -> Bool {
    let truth = compiler.pool.truth(of: goal) { leaf in
      guard case .number(let rule) = leaf else { return .yes }
      return isPlain || !rule.isPlain ? rule.truth(from: low, to: high) : .no
    }
    return truth != .no
  }

  /// `true` when an exponent makes the goal true. Where statements look at it, the number before it is one digit that is not
  /// zero, and a fraction.
  ///
  /// - Parameter room: The number of characters that may follow.
  func hasExponent(_ text: [UInt8], _ goal: Formula, _ reach: NumberReach, room: Int) -> Bool {
    let isE = { (byte: UInt8) in byte | 0x20 == UInt8(ascii: "e") }
    let mantissa = text.prefix { !isE($0) }
    let digits = mantissa.drop { $0 == UInt8(ascii: "-") }
    guard digits.first != UInt8(ascii: "0"), digits.count == 1 || digits.dropFirst().first == UInt8(ascii: ".") else {
      return false
    }
    if mantissa.count == text.count, hasLongExponent(mantissa, goal, reach, room: room) { return true }
    var written = text.dropFirst(mantissa.count + 1)
    var signs: [UInt8?] = [nil, UInt8(ascii: "-")]
    if let sign = written.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      written = written.dropFirst()
      signs = [sign]
    } else if !written.isEmpty {
      signs = [nil]
    }
    guard let number = ExactDecimal(mantissa) else { return false }
    // An exponent or a sign that was written already needs no room.
    let (hasE, hasSign) = (mantissa.count < text.count, mantissa.count + 1 < text.count)
    // Beyond the constants all are alike.
    let exponents = Self.exponents(beginningWith: written, upTo: reach.digits + reach.unitDigits + digits.count)
    return signs.contains { sign in
      let room = min(
        room - (hasE ? 0 : 1) - (hasSign || sign == nil ? 0 : 1), Int(Self.maxExponentDigits) - written.count)
      let isNegative = sign == UInt8(ascii: "-")
      let most = isNegative ? Self.minExponent : Self.maxExponent
      return exponents.contains { exponent in
        guard exponent.digits <= room, exponent.value <= most else { return false }
        let value = number.multiplied(byPowerOfTen: isNegative ? -exponent.value : exponent.value)
        return value.isLikeDouble && isTrue(goal, of: value, isPlain: false)
      }
    }
  }

  /// The exponents, positive and negative, from which on programs write numbers so: JavaScript, C and Python, of which each has
  /// others.
  private static let longExponents = (positive: 15, negative: -5)

  /// `true` when more digits of a fraction may come, and then an exponent with which programs would not write the number
  /// otherwise, so that the goal is true.
  private func hasLongExponent(
    _ mantissa: ArraySlice<UInt8>, _ goal: Formula, _ reach: NumberReach, room: Int
  ) -> Bool {
    // The rest of a constant, and its exponent.
    guard room > reach.digits + reach.unitDigits + 6 else { return false }
    let most = reach.digits + reach.unitDigits + mantissa.count
    let exponents = [
      stride(from: Self.longExponents.negative, through: -min(most, Int(Self.minExponent)), by: -1),
      stride(from: Self.longExponents.positive, through: min(most, Int(Self.maxExponent)), by: 1),
    ]
    guard let number = ExactDecimal(mantissa) else { return false }
    return exponents.joined().contains { exponent in
      number.multiplied(byPowerOfTen: exponent).isLikeDouble
        && isPossible(goal, Array(mantissa), moreDigits: exponent, isPlain: false)
    }
  }

  /// The exponents that begin with some digits, each with the least number of further ones that it takes: those up to a limit,
  /// and one beyond it.
  private static func exponents(
    beginningWith written: some Collection<UInt8>, upTo most: Int
  ) -> [(value: Int, digits: Int)] {
    var exponents: [(value: Int, digits: Int)] = []
    var (first, count, digits, next) = (written.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }, 1, 0, 0)
    while true {
      for value in max(first, next)..<first + count where digits > 0 || !written.isEmpty {
        exponents.append((value, digits))
        if value > most { return exponents }
        next = value + 1
      }
      (first, count, digits) = (first * 10, count * 10, digits + 1)
    }
  }

  /// The number of characters that a number has less than: more where the constants are long.
  mutating func limit(of frame: NumberFrame) -> UInt16 {
    guard frame.text != nil, frame.goal != .always else { return Self.maxDigits }
    return Self.maxDigits + UInt16(reach(of: frame.goal).digits)
  }

  /// The reach of all that is asked about a number.
  mutating func reach(of frame: NumberFrame) -> NumberReach {
    var reach = reach(of: frame.goal)
    for outcome in frame.outcomes { reach.formUnion(self.reach(of: outcome)) }
    return reach
  }

  mutating func reach(of goal: Formula) -> NumberReach {
    if let known = numberReaches[goal] { return known }
    var reach = NumberReach()
    compiler.pool.forEachLeaf(of: goal) { if case .number(let rule) = $0 { reach.extend(to: rule) } }
    numberReaches[goal] = reach
    return reach
  }
}
