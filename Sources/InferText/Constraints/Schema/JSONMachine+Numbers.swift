// Numbers: the grammar of RFC 8259, and what statements make of the digits so far.
extension JSONMachine {
  mutating func beginNumber(_ number: Int, _ byte: UInt8, _ parent: State) -> State {
    numberFrame(number, byte).map { state(.number($0, parent: parent)) } ?? Self.dead
  }

  /// The frame in which a number begins with a byte; `nil` when it may not.
  mutating func numberFrame(_ number: Int, _ byte: UInt8) -> NumberFrame? {
    let requirement = requirement(number, of: .number)
    let isFree = requirement.goal == .always && requirement.outcomes.allSatisfy { $0 == .always }
    let text: [UInt8]? = isFree && !isTold(number) ? nil : []
    var frame = NumberFrame(
      place: .sign, goal: requirement.goal, outcomes: requirement.outcomes,
      isInteger: requirement.isInteger && !isTold(number), text: text, digits: 0)
    guard requirement.goal != .never else { return nil }
    frame.isAbridged = text != nil && !isTold(number) && reach(of: frame).units != nil
    switch byte {
    case UInt8(ascii: "-"): break
    case UInt8(ascii: "0"): frame.place = .zero
    case UInt8(ascii: "1")...UInt8(ascii: "9"): frame.place = .digits
    default: return nil
    }
    frame.text?.append(byte)
    frame.integerDigits = frame.place == .sign ? 0 : 1
    return canComplete(frame) ? frame : nil
  }

  /// The frame behind a byte of a number: `nil` when the byte is none, and `nil` within when it may not follow.
  mutating func advance(_ frame: NumberFrame, _ byte: UInt8) -> NumberFrame?? {
    let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    let place: NumberFrame.Place
    switch (frame.place, byte) {
    case (.sign, UInt8(ascii: "0")): place = .zero
    case (.sign, _) where isDigit, (.digits, _) where isDigit: place = .digits
    case (.zero, UInt8(ascii: ".")), (.digits, UInt8(ascii: ".")): place = .point
    case (.point, _) where isDigit, (.fraction, _) where isDigit: place = .fraction
    case (.zero, UInt8(ascii: "e")), (.digits, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "e")),
      (.zero, UInt8(ascii: "E")), (.digits, UInt8(ascii: "E")), (.fraction, UInt8(ascii: "E")):
      place = .exponent
    case (.exponent, UInt8(ascii: "+")), (.exponent, UInt8(ascii: "-")): place = .exponentSign
    case (.exponent, _) where isDigit, (.exponentSign, _) where isDigit, (.exponentDigits, _) where isDigit:
      place = .exponentDigits
    default: return frame.isWhole && !isDigit ? nil : .some(nil)
    }
    var next = frame
    next.place = place
    next.digits += 1
    if place == .digits { next.integerDigits += 1 }
    if place == .exponentSign { next.isExponentNegative = byte == UInt8(ascii: "-") }
    if place == .exponentDigits {
      next.exponent = next.exponent * 10 + UInt16(byte - UInt8(ascii: "0"))
      // Greater numbers are none to programs that have doubles. Where statements look at the number, they are left out as such.
      let digits = frame.goal == .always ? min(Self.maxExponent, next.integerDigits) : 0
      let most = next.isExponentNegative ? Self.minExponent : Self.maxExponent - digits
      guard next.exponent <= most else { return .some(nil) }
      next.exponentDigits += frame.goal == .always ? 0 : 1
      guard next.exponentDigits <= Self.maxExponentDigits else { return .some(nil) }
    }
    if frame.isInteger, place == .digits, let text = frame.text, text.count > (text[0] == UInt8(ascii: "-") ? 2 : 1) {
      // Which digits these are does not matter.
    } else {
      next.text?.append(byte)
      if next.isAbridged, place == .digits, next.integerDigits > 1, let text = next.text {
        next.text = reach(of: next).representative(of: text)
      }
    }
    // Where it cannot end, there is room for a digit; ``canComplete(_:)`` looks for that of an exponent.
    guard next.digits < limit(of: next) - (next.isWhole ? 0 : 1), canComplete(next) else { return .some(nil) }
    return next
  }

  /// The state behind a number; ``dead`` when it may not end where it is.
  mutating func finish(_ frame: NumberFrame, _ parent: State) -> State {
    guard frame.isWhole else { return Self.dead }
    guard let text = frame.text else {
      return finish(parent, Outcomes(bits: frame.outcomes.map { _ in true }), nil)
    }
    if frame.isInteger, frame.place == .digits || frame.place == .zero {
      return finish(parent, Outcomes(bits: frame.outcomes.map { _ in true }), nil)
    }
    let isPlain = frame.place == .digits || frame.place == .zero
    guard let number = ExactDecimal(text), isTrue(frame.goal, of: number, isPlain: isPlain) else { return Self.dead }
    let bits = frame.outcomes.map { isTrue($0, of: number, isPlain: isPlain) }
    return finish(parent, Outcomes(bits: bits), .number(number))
  }

  func isTrue(_ formula: Formula, of number: ExactDecimal, isPlain: Bool) -> Bool {
    compiler.pool.truth(of: formula) { leaf in
      guard case .number(let rule) = leaf else { return .yes }
      return Truth(rule.contains(number) && (isPlain || !rule.isPlain))
    } == .yes
  }
}

extension NumberFrame {
  /// `true` when the number may end.
  var isWhole: Bool {
    switch place {
    case .zero, .digits, .fraction, .exponentDigits: true
    case .sign, .point, .exponent, .exponentSign: false
    }
  }
}
