import Foundation

/// Python's format specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
struct PythonFormatSpec {
  private var fill: Unicode.Scalar = " "
  private var align: Unicode.Scalar?
  private var sign: Unicode.Scalar = "-"
  private var isAlternate = false
  private var width = 0
  private var grouping: Unicode.Scalar?
  private var precision: Int?
  private var type: Unicode.Scalar?

  private static let alignments = Set("<>=^".unicodeScalars)

  init(_ text: String) throws(JinjaFailure) {
    var scalars = Array(text.unicodeScalars)[...]
    if scalars.count > 1, Self.alignments.contains(scalars[scalars.startIndex + 1]) { fill = scalars.removeFirst() }
    if let first = scalars.first, Self.alignments.contains(first) { align = scalars.removeFirst() }
    if let first = scalars.first, "+- ".unicodeScalars.contains(first) { sign = scalars.removeFirst() }
    if scalars.first == "#" {
      isAlternate = true
      scalars.removeFirst()
    }
    if scalars.first == "0" {
      scalars.removeFirst()
      if align == nil { (fill, align) = ("0", "=") }
    }
    width = try Self.number(&scalars) ?? 0
    if let first = scalars.first, ",_".unicodeScalars.contains(first) { grouping = scalars.removeFirst() }
    if scalars.first == "." {
      scalars.removeFirst()
      precision = try Self.number(&scalars)
      guard precision != nil else { throw .reason("Format specifier missing precision") }
    }
    type = scalars.popFirst()
    guard scalars.isEmpty else { throw .reason("Invalid format specifier '\(text)'") }
  }

  private static func number(_ scalars: inout ArraySlice<Unicode.Scalar>) throws(JinjaFailure) -> Int? {
    let digits = scalars.prefix { $0.isDecimalDigit }
    scalars = scalars.dropFirst(digits.count)
    guard digits.count <= 3 else { throw .reason("the width in a format is too large") }
    return Int(String(scalars: digits))
  }

  /// A value in this form; `text` is what it prints as.
  func format(_ value: JinjaValue, text: String) throws(JinjaFailure) -> String {
    switch value {
    case .integer(let integer): return try format(integer)
    case .largeInteger(let integer): return try format(integer)
    // Where anything is asked for, a boolean is a number.
    case .bool(let flag): return isPlain ? text : try format(flag ? 1 : 0)
    case .number(let number): return try format(number)
    case .string, .markup: return try format(text)
    default:
      guard isPlain else { throw .reason("unsupported format string passed to \(value.typeName).__format__") }
      return text
    }
  }

  private var isPlain: Bool {
    width == 0 && type == nil && align == nil && precision == nil && sign == "-" && !isAlternate && grouping == nil
  }

  private func format(_ text: String) throws(JinjaFailure) -> String {
    guard type == nil || type == "s" else { throw .reason("Unknown format code for object of type 'str'") }
    guard align != "=" || fill == "0" else { throw .reason("'=' alignment not allowed in string format specifier") }
    guard sign == "-", !isAlternate, grouping == nil else { throw .reason("not allowed in string format specifier") }
    let cut = precision.map { String(scalars: text.unicodeScalars.prefix($0)) } ?? text
    return padded(cut, sign: "", align: align == "=" ? "<" : align ?? "<")
  }

  private func format(_ integer: Int) throws(JinjaFailure) -> String {
    let (radix, prefix): (Int, String)
    switch type {
    case nil, "d", "n": (radix, prefix) = (10, "")
    case "x", "X": (radix, prefix) = (16, type == "x" ? "0x" : "0X")
    case "o": (radix, prefix) = (8, "0o")
    case "b": (radix, prefix) = (2, "0b")
    case "c":
      guard let scalar = UInt32(exactly: integer).flatMap(Unicode.Scalar.init) else {
        throw .reason("%c arg not in range")
      }
      return padded(String(scalar), sign: "", align: align ?? "<")
    case "e", "E", "f", "F", "g", "G", "%": return try format(Double(integer))
    default: throw .reason("Unknown format code for object of type 'int'")
    }
    guard precision == nil else { throw .reason("Precision not allowed in integer format specifier") }
    guard grouping != "," || radix == 10 else {
      throw .reason("Cannot specify ',' with '\(type.map(String.init) ?? "")'.")
    }
    let digits = String(integer.magnitude, radix: radix, uppercase: type == "X")
    let text = grouped(digits, every: radix == 10 ? 3 : 4)
    return padded(text, sign: signText(isNegative: integer < 0) + (isAlternate ? prefix : ""), align: align ?? ">")
  }

  private func format(_ integer: LargeInteger) throws(JinjaFailure) -> String {
    switch type {
    case nil, "d", "n":
      guard precision == nil else { throw .reason("Precision not allowed in integer format specifier") }
      return padded(
        grouped(integer.digits, every: 3), sign: signText(isNegative: integer.isNegative), align: align ?? ">")
    case "e", "E", "f", "F", "g", "G", "%": return try format(integer.double)
    case .some(let type): throw .reason("the number is too large to be written as '\(type)'")
    }
  }

  private func format(_ number: Double) throws(JinjaFailure) -> String {
    let isNegative = number.sign == .minus && !number.isNaN
    let magnitude = number.magnitude
    var text: String
    switch type {
    case nil where precision == nil: text = magnitude.pythonDescription
    case nil, "n", "g", "G":
      text = String(format: "%.\(precision ?? 6)\(type == "G" ? "G" : "g")", magnitude)
      // Without a type, a number keeps a digit behind its point.
      if type == nil, number.isFinite, !text.contains("."), !text.contains("e") { text += ".0" }
    case "e", "E", "f", "F": text = String(format: "%.\(precision ?? 6)\(type ?? "f")", magnitude)
    case "%": text = String(format: "%.\(precision ?? 6)f", magnitude * 100) + "%"
    default: throw .reason("Unknown format code for object of type 'float'")
    }
    let whole = String(text.prefix { $0.isNumber })
    text = grouped(whole, every: 3) + text.dropFirst(whole.count)
    return padded(text, sign: signText(isNegative: isNegative), align: align ?? ">")
  }

  private func signText(isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

  private func grouped(_ digits: String, every size: Int) -> String {
    guard let grouping else { return digits }
    // Zeros that fill the width are grouped as well.
    var digits = digits
    while fill == "0", align == "=", digits.count + (digits.count - 1) / size < width { digits = "0" + digits }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % size == 0 { result.unicodeScalars.append(grouping) }
      result.append(digit)
    }
    return result
  }

  private func padded(_ text: String, sign: String, align: Unicode.Scalar) -> String {
    let missing = max(0, width - sign.unicodeScalars.count - text.unicodeScalars.count)
    let fill = { (count: Int) in String(repeating: String(self.fill), count: count) }
    switch align {
    case "<": return sign + text + fill(missing)
    case "=": return sign + fill(missing) + text
    case "^": return fill(missing / 2) + sign + text + fill(missing - missing / 2)
    default: return fill(missing) + sign + text
    }
  }
}
