/// Python's operators.
extension JinjaEvaluator {
  func badOperand(_ symbol: String, _ value: JinjaValue) -> JinjaFailure {
    if case .undefined(let reason) = value { return .reason(reason) }
    return .reason("bad operand type for unary \(symbol): '\(value.typeName)'")
  }

  func negate(_ value: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    let number: JSONValue? =
      switch value {
      case .largeInteger(let integer): .largeInteger(integer)
      case .number(let number): .number(number)
      default: value.asInteger.map(JSONValue.integer)
      }
    guard let negated = number?.negated else { throw badOperand("-", value) }
    return JinjaValue(negated)
  }

  func compare(
    _ comparison: JinjaComparison, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaFailure) -> Bool {
    try spend(onComparing: left, right)
    switch comparison {
    case .equal: return left == right
    case .notEqual: return left != right
    case .isIn, .isNotIn:
      try spend(on: left)
      try spend(on: right)
      return try right.contains(left) == (comparison == .isIn)
    case .less, .lessOrEqual, .greater, .greaterOrEqual:
      for value in [left, right] { if case .undefined(let reason) = value { throw .reason(reason) } }
      return switch comparison {
      case .less: try left.precedes(right)
      case .greater: try right.precedes(left)
      // Not the negations of the others, for the sake of NaN.
      case .lessOrEqual: try left.precedes(right) || left == right
      default: try right.precedes(left) || left == right
      }
    }
  }

  func compute(
    _ kind: JinjaArithmetic, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaFailure) -> JinjaValue {
    switch (kind, left) {
    case (.modulo, .string(let format)): return .string(try formatted(format, percent: right, escaping: false))
    case (.modulo, .markup(let format)): return .markup(try formatted(format, percent: right, escaping: true))
    default: break
    }
    for value in [left, right] { if case .undefined(let reason) = value { throw .reason(reason) } }
    switch (kind, left, right) {
    case (.add, .string, .markup), (.add, .markup, .string), (.add, .markup, .markup):
      let (left, right) = (try escaped(left), try escaped(right))
      try spend(bytes: left.count + right.count)
      return .markup(left + right)
    case (.add, .string(let left), .string(let right)):
      try spend(bytes: left.count + right.count)
      return .string(left + right)
    case (.add, .list(let left), .list(let right)):
      try spend(left.count + right.count)
      return .list(left + right)
    case (.add, .tuple(let left), .tuple(let right)):
      try spend(left.count + right.count)
      return .tuple(left + right)
    case (.multiply, _, _) where left.isSequence || right.isSequence: return try repeated(left, right)
    default:
      if let left = left.asInteger, let right = right.asInteger { return try integer(kind, left, right) }
      guard let leftNumber = left.asNumber, let rightNumber = right.asNumber else {
        throw mismatch(kind, left, right)
      }
      // With a float, and in true division, the result is a float anyway.
      if left.isInteger, right.isInteger, kind != .divide {
        throw .reason("integers beyond 64 bits cannot be calculated with")
      }
      return .number(try number(kind, leftNumber, rightNumber))
    }
  }

  private func mismatch(_ kind: JinjaArithmetic, _ left: JinjaValue, _ right: JinjaValue) -> JinjaFailure {
    if kind == .add, left.isSequence {
      return .reason("can only concatenate \(left.typeName) (not \"\(right.typeName)\") to \(left.typeName)")
    }
    return .reason(
      "unsupported operand type(s) for \(kind.rawValue): '\(left.typeName)' and '\(right.typeName)'")
  }

  private func repeated(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    let (sequence, factor) = left.isSequence ? (left, right) : (right, left)
    guard factor.isInteger, let count = try JinjaValue.bound(factor) else {
      throw .reason("can't multiply sequence by non-int of type '\(factor.typeName)'")
    }
    let times = max(0, count)
    let (size, overflows) = (sequence.size(upTo: budget) + 1).multipliedReportingOverflow(by: times)
    try spend(overflows ? .max : size)
    if let text = sequence.asString { try spend(bytes: text.utf8.count, times: times) }
    switch sequence {
    case .string(let text), .markup(let text):
      let product = JinjaString(String(repeating: text.text, count: times), isFromOutside: text.isFromOutside)
      return sequence.isMarkup ? .markup(product) : .string(product)
    case .list(let elements): return .list(Array(repeatElement(elements, count: times).joined()))
    case .tuple(let elements): return .tuple(Array(repeatElement(elements, count: times).joined()))
    default: preconditionFailure("not a sequence: \(sequence.typeName)")
    }
  }

  private func integer(_ kind: JinjaArithmetic, _ left: Int, _ right: Int) throws(JinjaFailure) -> JinjaValue {
    let result: (partialValue: Int, overflow: Bool)
    switch kind {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .divide: return .number(try number(.divide, Double(left), Double(right)))
    case .floorDivide, .modulo:
      guard right != 0 else { throw .reason("integer division or modulo by zero") }
      let (quotient, overflow) = left.dividedReportingOverflow(by: right)
      guard !overflow else { throw .reason("the number is too large") }
      let remainder = left - quotient * right
      // Python rounds towards negative infinity: the remainder has the sign of the divisor.
      let rounds = remainder != 0 && (remainder < 0) != (right < 0)
      return .integer(kind == .modulo ? (rounds ? remainder + right : remainder) : (rounds ? quotient - 1 : quotient))
    case .power:
      guard right >= 0 else { return .number(try number(.power, Double(left), Double(right))) }
      result = power(left, right)
    }
    guard !result.overflow else { throw .reason("the number is too large") }
    return .integer(result.partialValue)
  }

  private func power(_ base: Int, _ exponent: Int) -> (Int, Bool) {
    var (result, square, remaining) = (1, base, exponent)
    while remaining > 0 {
      if remaining & 1 == 1 {
        let (product, overflow) = result.multipliedReportingOverflow(by: square)
        if overflow { return (0, true) }
        result = product
      }
      remaining >>= 1
      guard remaining > 0 else { break }
      let (next, overflow) = square.multipliedReportingOverflow(by: square)
      if overflow { return (0, true) }
      square = next
    }
    return (result, false)
  }

  private func number(_ kind: JinjaArithmetic, _ left: Double, _ right: Double) throws(JinjaFailure) -> Double {
    switch kind {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide, .floorDivide, .modulo:
      guard right != 0 else { throw .reason("division by zero") }
      if kind == .divide { return left / right }
      // As Python: the quotient is what the remainder leaves, so that both fit each other after rounding.
      let truncated = left.truncatingRemainder(dividingBy: right)
      let isOpposite = truncated != 0 && (truncated < 0) != (right < 0)
      if kind == .modulo {
        return truncated == 0 ? Double(signOf: right, magnitudeOf: 0) : isOpposite ? truncated + right : truncated
      }
      let quotient = (left - truncated) / right - (isOpposite ? 1 : 0)
      let floor = quotient.rounded(.down)
      if quotient == 0 { return Double(signOf: left / right, magnitudeOf: 0) }
      return quotient - floor > 0.5 ? floor + 1 : floor
    case .power: return left.raised(to: right)
    }
  }

  // MARK: - Slices

  /// `value[start:stop:step]`.
  func slice(_ value: JinjaValue, start: Int?, stop: Int?, step: Int?) throws(JinjaFailure) -> JinjaValue {
    if step == 0 { throw .reason("slice step cannot be zero") }
    switch value {
    case .list(let elements): return .list(sliced(elements, start, stop, step ?? 1))
    case .tuple(let elements): return .tuple(sliced(elements, start, stop, step ?? 1))
    case .string(let text), .markup(let text):
      let part = sliced(text, start, stop, step ?? 1)
      return value.isMarkup ? .markup(part) : .string(part)
    case .undefined(let reason): throw .reason(reason)
    default: throw .reason("'\(value.typeName)' object is not subscriptable")
    }
  }

  private func sliced(_ text: JinjaString, _ start: Int?, _ stop: Int?, _ step: Int) -> JinjaString {
    let scalars = Array(text.text.unicodeScalars)
    let places = sliced(Array(scalars.indices), start, stop, step)
    guard step == 1 else {
      return JinjaString(String(scalars: places.map { scalars[$0] }), isFromOutside: text.isFromOutside)
    }
    guard let first = places.first else { return "" }
    let start = scalars[..<first].reduce(0) { $0 + UTF8.width($1) }
    return text[start..<places.reduce(start) { $0 + UTF8.width(scalars[$1]) }]
  }

  private func sliced<Element>(_ elements: [Element], _ start: Int?, _ stop: Int?, _ step: Int) -> [Element] {
    let count = elements.count
    let first = step > 0 ? 0 : -1
    let last = step > 0 ? count : count - 1
    // Negative bounds count from the end; then they are moved into the sequence.
    let bound = { (index: Int) in max(first, min(last, index < 0 ? max(index, -count - 1) + count : index)) }
    let from = start.map(bound) ?? (step > 0 ? 0 : count - 1)
    let to = stop.map(bound) ?? (step > 0 ? count : -1)
    return stride(from: from, to: to, by: max(-count - 1, min(count + 1, step))).map { elements[$0] }
  }
}

extension JinjaValue {
  fileprivate var isSequence: Bool {
    switch self {
    case .string, .markup, .list, .tuple: true
    default: false
    }
  }
}
