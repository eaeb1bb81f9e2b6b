/// The first difference between two values, found by comparing their properties.
struct Difference {
  /// Names of properties, from the outermost on.
  let path: String
  let first: String
  let second: String

  /// Numbers that round to the same in single precision are alike.
  static func first(_ first: Any, _ second: Any, path: String = "") -> Difference? {
    if let a = number(first), let b = number(second) {
      let isAlike = a == b || abs(a - b) <= 1e-6 * max(abs(a), abs(b))
      return isAlike ? nil : Difference(path: path, first: "\(a)", second: "\(b)")
    }
    if Mirror(reflecting: first).displayStyle == .set {
      // Their order says nothing.
      let (a, b) = (elements(first), elements(second))
      return a == b ? nil : Difference(path: path, first: "\(a)", second: "\(b)")
    }
    let (a, b) = (Array(Mirror(reflecting: first).children), Array(Mirror(reflecting: second).children))
    guard !a.isEmpty, a.count == b.count, a.map(\.label) == b.map(\.label) else {
      let (a, b) = (String(describing: first), String(describing: second))
      return a == b ? nil : Difference(path: path, first: String(a.prefix(80)), second: String(b.prefix(80)))
    }
    for (index, (a, b)) in zip(a, b).enumerated() {
      // Where an optional has a value, that is its one child.
      let name = a.label == "some" ? nil : a.label ?? "\(index)"
      let path = [path, name ?? ""].filter { !$0.isEmpty }.joined(separator: ".")
      if let difference = Self.first(a.value, b.value, path: path) { return difference }
    }
    return nil
  }

  private static func elements(_ set: Any) -> [String] {
    Mirror(reflecting: set).children.map { String(describing: $0.value) }.sorted()
  }

  private static func number(_ value: Any) -> Double? {
    switch value {
    case let number as Double: number
    case let number as Float: Double(number)
    default: nil
    }
  }
}
