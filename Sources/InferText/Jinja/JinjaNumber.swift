import Foundation

/// A number to be compared by its exact value, as Python compares integers and floats.
enum JinjaNumber {
  case integer(Int)
  case large(LargeInteger)
  case float(Double)

  /// The number that a value is; nil for one that is none.
  init?(_ value: JinjaValue) {
    switch value {
    case .number(let number): self = .float(number)
    case .largeInteger(let integer): self = .large(integer)
    default:
      guard let integer = value.asInteger else { return nil }
      self = .integer(integer)
    }
  }

  /// The order of two numbers: -1, 0 or 1; nil beside a number that is none.
  private func order(to other: JinjaNumber) -> Int? {
    switch (self, other) {
    case (.integer(let left), .integer(let right)): Self.sign(left, right)
    case (.large(let left), .large(let right)): Self.sign(left, right)
    case (.large(let left), .integer): left.isNegative ? -1 : 1
    case (.integer, .large), (.integer, .float), (.large, .float): other.order(to: self).map { -$0 }
    case (.float(let left), _): Self.order(left, other)
    }
  }

  private static func sign<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
    left < right ? -1 : left > right ? 1 : 0
  }

  private static func order(_ left: Double, _ right: JinjaNumber) -> Int? {
    guard !left.isNaN else { return nil }
    guard left.isFinite else {
      if case .float(let right) = right { return right.isNaN ? nil : sign(left, right) }
      return left < 0 ? -1 : 1
    }
    switch right {
    case .float(let right): return right.isNaN ? nil : sign(left, right)
    case .integer(let right):
      let whole = left.rounded(.down)
      guard let integer = Int(exactly: whole) else { return left < 0 ? -1 : 1 }
      return integer < right ? -1 : integer > right || whole < left ? 1 : 0
    case .large(let right):
      // As wide as that, a float has no fraction.
      guard let integer = LargeInteger(left.fixed(digits: 0)) else { return right.isNegative ? 1 : -1 }
      return sign(integer, right)
    }
  }

  static func == (left: JinjaNumber, right: JinjaNumber) -> Bool { left.order(to: right) == 0 }
  static func < (left: JinjaNumber, right: JinjaNumber) -> Bool { left.order(to: right) == -1 }
}
