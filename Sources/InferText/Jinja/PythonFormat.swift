import Foundation
import OrderedCollections

extension JinjaEvaluator {
  /// A format is gone through character by character, at several times the cost of looking at its bytes.
  static let formatCost = 4

  /// `format % values`: `%s`, `%r`, `%d`, `%i`, `%u`, `%f`, `%e`, `%g`, `%x`, `%o`, `%c` and `%%`, with flags, width
  /// and precision, by position or by name.
  ///
  /// - Parameters:
  ///   - format: What precedes the percent sign.
  ///   - values: What follows it.
  ///   - escaping: Whether values are escaped, unless they are markup.
  func formatted(
    _ format: JinjaString, percent values: JinjaValue, escaping: Bool
  ) throws(JinjaFailure) -> JinjaString {
    var arguments: [JinjaValue] = [values]
    if case .tuple(let elements) = values { arguments = elements }
    var remaining = arguments[...]
    // Python looks for leftovers only where arguments cannot be named: not in anything with subscripts.
    let isNamed =
      switch values {
      case .dictionary, .list, .undefined: true
      default: false
      }
    var output = FormattedText(format: format)
    var scalars = format.text.unicodeScalars[...]
    try spend(bytes: format.count, times: Self.formatCost)
    while let scalar = scalars.popFirst() {
      guard scalar == "%" else {
        output.append(scalar)
        continue
      }
      let directive = try PercentDirective(
        &scalars,
        stars: { () throws(JinjaFailure) in
          guard let width = remaining.popFirst(), width.isInteger else { throw .reason("* wants int") }
          return try JinjaValue.integer(width, of: "*", default: 0)
        })
      if directive.type == "%" {
        output.append("%")
        continue
      }
      let value: JinjaValue
      if let name = directive.name {
        guard case .dictionary(let members) = values else { throw .reason("format requires a mapping") }
        guard let member = members[.plain(name)] else { throw .reason("the format names '\(name)', which is missing") }
        value = member
      } else {
        guard let next = remaining.popFirst() else { throw .reason("not enough arguments for format string") }
        value = next
      }
      try spend(on: value)
      let text = try directive.format(value, escaping: escaping)
      try spend(bytes: text.utf8.count)
      output.append(text, of: value, makesCharacter: directive.type == "c")
    }
    guard remaining.isEmpty || isNamed else { throw .reason("not all arguments converted during string formatting") }
    return output.finished()
  }
}

/// A text that is made by filling values into a format. What is not filled in is as good as the format.
struct FormattedText {
  private let isFromOutside: Bool
  private var result: JinjaString = ""
  private var literal = String.UnicodeScalarView()

  init(format: JinjaString) { isFromOutside = format.isFromOutside }

  /// Adds a character of the format.
  mutating func append(_ scalar: Unicode.Scalar) { literal.append(scalar) }

  /// Adds a value as text.
  /// - Parameter makesCharacter: Whether a number is written as the character of that code.
  mutating func append(_ text: String, of value: JinjaValue, makesCharacter: Bool) {
    flush()
    result.append(JinjaString(text, isFromOutside: isFromOutside || makesCharacter || value.isFromOutside))
  }

  mutating func finished() -> JinjaString {
    flush()
    return result
  }

  private mutating func flush() {
    result.append(JinjaString(String(literal), isFromOutside: isFromOutside))
    literal = String.UnicodeScalarView()
  }
}

/// `%-10.3f` taken apart.
private struct PercentDirective {
  var name: String?
  private var flags: Set<Unicode.Scalar> = []
  private var width = 0
  private var precision: Int?
  private(set) var type: Unicode.Scalar

  /// Reads a directive behind its percent sign; a width or precision of `*` is asked for.
  init(
    _ scalars: inout Substring.UnicodeScalarView, stars: () throws(JinjaFailure) -> Int
  ) throws(JinjaFailure) {
    type = "%"
    if scalars.first == "(" {
      guard let end = scalars.firstIndex(of: ")") else { throw .reason("incomplete format key") }
      name = String(scalars[scalars.index(after: scalars.startIndex)..<end])
      scalars = scalars[scalars.index(after: end)...]
    }
    while let flag = scalars.first, "-+ #0".unicodeScalars.contains(flag) {
      flags.insert(flag)
      scalars.removeFirst()
    }
    width = try Self.number(&scalars, stars)
    if width < 0 {
      flags.insert("-")
      width = -width
    }
    if scalars.first == "." {
      scalars.removeFirst()
      precision = max(0, try Self.number(&scalars, stars))
    }
    if let length = scalars.first, "hlL".unicodeScalars.contains(length) { scalars.removeFirst() }
    guard let last = scalars.popFirst() else { throw .reason("incomplete format") }
    type = last
  }

  private static func number(
    _ scalars: inout Substring.UnicodeScalarView, _ stars: () throws(JinjaFailure) -> Int
  ) throws(JinjaFailure) -> Int {
    if scalars.first == "*" {
      scalars.removeFirst()
      let number = try stars()
      guard (-999...999).contains(number) else { throw .reason("the width \(number) in a format is too large") }
      return number
    }
    let digits = String(scalars.prefix { $0.isDecimalDigit })
    scalars = scalars.dropFirst(digits.count)
    guard digits.count <= 3 else { throw .reason("the width \(digits.prefix(20)) in a format is too large") }
    return Int(digits) ?? 0
  }

  func format(_ value: JinjaValue, escaping: Bool) throws(JinjaFailure) -> String {
    let text: String
    switch type {
    case "s", "r", "a":
      let plain = type == "s" ? value.text : value.representation
      let escaped = escaping && (type != "s" || !value.isMarkup) ? plain.escapedForXML : plain
      text = precision.map { String(scalars: escaped.unicodeScalars.prefix($0)) } ?? escaped
    case "c":
      let scalar = value.asInteger.flatMap(UInt32.init(exactly:)).flatMap(Unicode.Scalar.init)
      if scalar == nil, value.isInteger { throw .reason("%c arg not in range(0x110000)") }
      text = scalar.map(String.init) ?? value.text
    default: text = try number(value)
    }
    let missing = max(0, width - text.unicodeScalars.count)
    if flags.contains("-") { return text + String(repeating: " ", count: missing) }
    guard flags.contains("0"), !["s", "r", "a", "c"].contains(type) else {
      return String(repeating: " ", count: missing) + text
    }
    let sign = ["-", "+", " "].first(where: text.hasExactPrefix) ?? ""
    return sign + String(repeating: "0", count: missing) + (text.removing(exactPrefix: sign) ?? "")
  }

  private func number(_ value: JinjaValue) throws(JinjaFailure) -> String {
    guard let number = value.asNumber else {
      throw .reason("%\(type) format: a number is required, not \(value.typeName)")
    }
    let sign = number >= 0 ? (flags.contains("+") ? "+" : flags.contains(" ") ? " " : "") : ""
    switch type {
    case "d", "i", "u":
      guard let integer = value.isInteger ? value : JinjaValue(truncating: number) else {
        throw .reason("%\(type) format: a finite number is required")
      }
      return sign + (integer.asInteger.map(String.init) ?? integer.text)
    case "x", "X", "o":
      guard let integer = value.asInteger else {
        throw .reason(
          value.isInteger ? "%\(type): the number is too large" : "%\(type) format: an integer is required")
      }
      let prefix = flags.contains("#") ? (type == "o" ? "0o" : "0\(type)") : ""
      let digits = String(integer.magnitude, radix: type == "o" ? 8 : 16, uppercase: type == "X")
      return (integer < 0 ? "-" : sign) + prefix + digits
    case "f", "F", "e", "E", "g", "G":
      return sign + String(format: "%.\(precision ?? 6)\(type)", number)
    default: throw .reason("unsupported format character '\(type)'")
    }
  }
}
