// Numbers: which digits may still come, so that no number is begun that cannot be ended.
extension JSONMachine {
  /// `true` when digits may follow with which the goal is true.
  mutating func canComplete(_ frame: NumberFrame) -> Bool {
    guard let text = frame.text, frame.goal != .always else { return true }
    if frame.isInteger, frame.place == .sign || frame.place == .zero || frame.place == .digits { return true }
    let reach = reach(of: frame.goal)
    switch frame.place {
    case .sign:
      return isPossible(frame.goal, text, "0", "1e999")
    case .zero:
      return isPossible(frame.goal, text, "", Self.nines)
    case .digits:
      // With so many more digits than the constants have all are alike, but for what they are multiples of.
      let most = min(max(0, reach.digits + 1 - text.count) + reach.unitDigits, Int(Self.maxDigits - frame.digits))
      for count in 0...max(0, most) {
        let (low, high) = (String(repeating: "0", count: count), String(repeating: "9", count: count))
        if isPossible(frame.goal, text, low, high + Self.nines) { return true }
      }
      return hasExponent(text, frame.goal, reach)
    case .point, .fraction:
      return isPossible(frame.goal, text, "0", Self.nines.dropFirst(), isPlain: false)
        || hasExponent(text, frame.goal, reach)
    case .exponent, .exponentSign, .exponentDigits:
      return hasExponent(text, frame.goal, reach)
    }
  }

  /// A fraction that is greater than all that can be written, for bounds of up to as many digits.
  private static let nines = "." + String(repeating: "9", count: 40)

  /// `true` when the goal may be true of a number from a text with one end to it with another.
  ///
  /// - Parameter isPlain: `false` where it has a fraction.
  func isPossible(
    _ goal: Formula, _ text: [UInt8], _ low: String, _ high: some StringProtocol, isPlain: Bool = true
  ) -> Bool {
    guard var low = ExactDecimal(text + low.utf8), var high = ExactDecimal(text + high.utf8) else { return false }
    if text.first == UInt8(ascii: "-") { swap(&low, &high) }
    let truth = compiler.pool.truth(of: goal) { leaf in
      guard case .number(let rule) = leaf else { return .yes }
      return isPlain || !rule.isPlain ? rule.truth(from: low, to: high) : .no
    }
    return truth != .no
  }

  /// `true` when an exponent makes the goal true. Where statements look at it, the number before it is one digit that is not
  /// zero, and a fraction.
  func hasExponent(_ text: [UInt8], _ goal: Formula, _ reach: NumberReach) -> Bool {
    let isE = { (byte: UInt8) in byte | 0x20 == UInt8(ascii: "e") }
    let mantissa = text.prefix { !isE($0) }
    let digits = mantissa.drop { $0 == UInt8(ascii: "-") }
    guard digits.first != UInt8(ascii: "0"), digits.count == 1 || digits.dropFirst().first == UInt8(ascii: ".") else {
      return false
    }
    var exponent = text.dropFirst(mantissa.count + 1)
    var signs = ["", "-"]
    if let sign = exponent.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      exponent = exponent.dropFirst()
      signs = [sign == UInt8(ascii: "-") ? "-" : ""]
    } else if !exponent.isEmpty {
      signs = [""]
    }
    // Beyond the constants all are alike.
    let most = reach.digits + reach.unitDigits + digits.count
    let written = String(decoding: exponent, as: UTF8.self)
    var ends = (0...most).map(String.init).filter { $0.utf8.starts(with: exponent) }.map { $0.dropFirst(written.count) }
    ends.append(written.isEmpty ? "\(most + 1)" : Substring(repeating: "0", count: String(most).count))
    if !written.isEmpty { ends.append("") }
    return signs.contains { sign in
      ends.contains { end in
        guard let number = ExactDecimal(mantissa + "e\(sign)\(written)\(end)".utf8) else { return false }
        return isTrue(goal, of: number, isPlain: false)
      }
    }
  }

  mutating func reach(of goal: Formula) -> NumberReach {
    if let known = numberReaches[goal] { return known }
    var reach = NumberReach()
    compiler.pool.forEachLeaf(of: goal) { if case .number(let rule) = $0 { reach.extend(to: rule) } }
    numberReaches[goal] = reach
    return reach
  }
}
