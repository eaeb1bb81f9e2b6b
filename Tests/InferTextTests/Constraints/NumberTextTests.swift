import Foundation
import Testing

@testable import InferText

/// The texts of numbers that statements hold of, against all texts of some length that could be one.
@Suite struct NumberTextTests {
  struct Statement: CustomStringConvertible {
    let least: String
    let most: String
    let unit: String

    var description: String { #"{"type":"number","minimum":\#(least),"maximum":\#(most),"multipleOf":\#(unit)}"# }

    func holds(of number: Decimal) throws -> Bool {
      let (least, most) = (try Decimal(least, format: .number), try Decimal(most, format: .number))
      // Smaller ones are multiples of no unit here, and rounding a quotient fails far behind the point.
      if !number.isZero, number.magnitude < Decimal(sign: .plus, exponent: -30, significand: 1) { return false }
      var (quotient, whole) = (number / (try Decimal(unit, format: .number)), Decimal())
      unsafe NSDecimalRound(&whole, &quotient, 0, .plain)
      return least <= number && number <= most && quotient == whole
    }
  }

  @Test(arguments: [
    Statement(least: "5", most: "50", unit: "0.5"), Statement(least: "0", most: "9.99", unit: "0.05"),
    Statement(least: "-15", most: "-0.5", unit: "0.1"), Statement(least: "-1000", most: "1000", unit: "5"),
    Statement(least: "1", most: "1", unit: "0.01"), Statement(least: "95", most: "10000", unit: "45"),
    Statement(least: "0.005", most: "0.19", unit: "0.001"),
  ])
  func areThoseThatItHoldsOf(statement: Statement) throws {
    var machine = try JSONMachine(try JSONValue(parsing: statement.description))
    var (texts, wrong, count) = ([""], [String](), 0)
    for _ in 0..<5 {
      texts = texts.flatMap { text in "0159.e-".map { text + [$0] } }
      for text in texts {
        let end = text.utf8.reduce(machine.start) { machine.next($0, $1) }
        let isAccepted = end != 0 && machine.isAccepting(end)
        // One with an exponent has one digit, not zero, before the point, as programs write it.
        let isNumber = text.wholeMatch(of: /-?((0|[1-9][0-9]*)(\.[0-9]+)?|[1-9](\.[0-9]+)?e-?[0-9]+)/) != nil
        let number = isNumber ? Decimal(string: text) : nil
        let holds = try number.map { try statement.holds(of: $0) } ?? false
        count += holds ? 1 : 0
        if isAccepted != holds { wrong.append("\(text): \(isAccepted)") }
      }
      // Nothing follows what is no beginning of a number.
      texts.removeAll { $0.wholeMatch(of: /-?((0|[1-9][0-9]*)(\.[0-9]*)?(e-?[0-9]*)?)?/) == nil }
    }
    #expect(count > 2 && wrong.isEmpty, "\(wrong.count) of \(count): \(wrong.prefix(8))")
  }

  /// Constants of any size, as Python, JavaScript and C write them.
  @Test(arguments: [
    ("1.5e300", ["1.5e300", "1.5e+300", "1.50E300"], ["1.5e30", "1.4e300", "2e300", "1.5"]),
    ("1.25e-9", ["1.25e-09", "1.25e-9", "0.00000000125"], ["1.25e-08", "1.3e-9", "0.0"]),
    ("1e308", ["1e308", "1e+308"], ["2e308", "1e307"]),
    ("1.7976931348623157e+308", ["1.7976931348623157e+308", "1.7976931348623157E308"], ["1.7976931348623158e308"]),
    ("-5e-324", ["-5e-324"], ["5e-324", "-5e-323"]), ("14", ["14", "14.0"], ["14.5", "1", "140"]),
    ("1", ["1", "1e0", "1e-00", "1.0E+000"], ["1e0000", "1e1"]),
    (
      "1\(String(repeating: "0", count: 101))",
      ["1\(String(repeating: "0", count: 101))", "1e101", "1.0e+101"],
      ["1\(String(repeating: "0", count: 100))", "1.1e101"]
    ),
    (String(repeating: "7", count: 300), [String(repeating: "7", count: 300)], [String(repeating: "7", count: 299)]),
  ])
  func constantsAreAsProgramsWriteThem(_ constant: String, _ texts: [String], _ others: [String]) throws {
    for keyword in ["const", "minimum"] {
      let bound = keyword == "const" ? "" : #","maximum":\#(constant),"type":"number""#
      let schema = #"{"\#(keyword)":\#(constant)\#(bound)}"#
      let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: .bytes)
      for text in texts { #expect(constraint.accepts(text), "\(schema): \(text)") }
      for text in others { #expect(!constraint.accepts(text), "\(schema): \(text)") }
    }
  }

  /// No exponent is begun that has no room left within those of doubles.
  @Test(arguments: [
    (#"{"type":"number","minimum":1e60}"#, "5e50"),
    (#"{"type":"number","exclusiveMinimum":0,"maximum":1e-87}"#, "5e-84"),
    (#"{"type":"number","exclusiveMaximum":0,"minimum":-1e-87}"#, "-5e-41"),
    (#"{"type":"number","minimum":1.5e308}"#, "1.8"),
  ])
  func exponentsCanBeEnded(_ schema: String, _ text: String) throws {
    let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: .bytes)
    var cursor = constraint.makeCursor()
    let isBegun = cursor.accept(text.utf8)
    #expect(!isBegun || cursor.mask().words.contains { $0 != 0 })
    let isEnded = cursor.accept("e".utf8)
    #expect(!isEnded)
  }
}
