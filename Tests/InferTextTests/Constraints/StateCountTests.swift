import Foundation
import TestSupport
import Testing

@testable import InferText

/// Schemas whose texts or statements are many, of which a constraint must not take account one by one.
@Suite(.timeLimit(.minutes(10))) struct StateCountTests {
  /// All single characters and all runs of up to three digits, as vocabularies of today have them.
  private static let tokens: [[UInt8]] =
    (0..<128).map { [UInt8($0)] } + (0...99).map { Array(String(100 + $0).utf8.dropFirst()) }
    + (0...999).map { Array(String(1000 + $0).utf8.dropFirst()) }
  private static let vocabulary = MaskVocabulary(
    size: tokens.count, tokens.enumerated().map { (Int32($0.offset), $0.element) })

  /// Follows a text token by token, digits in runs of three, with a mask before each.
  private static func isAllowed(_ text: String, by constraint: Constraint) -> Bool {
    var cursor = constraint.makeCursor()
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      let token = Array(rest.prefix(digits == 2 ? 2 : max(1, min(3, digits))))
      guard let id = tokens.firstIndex(of: token), cursor.mask().contains(Int32(id)), cursor.accept(token) else {
        return false
      }
      rest = rest.dropFirst(token.count)
    }
    return cursor.mayEnd
  }

  @Test(arguments: [
    #"{"type": "integer", "minimum": -9223372036854775808, "maximum": 9223372036854775807}"#,
    #"{"type": "number"}"#,
  ]) func numbersWithinBoundsAreFewStates(items: String) throws {
    var random = SeededGenerator(seed: 7)
    let constraint = try Constraint(
      schema: ["type": "array", "items": try JSONValue(parsing: items)], for: Self.vocabulary)
    let isWhole = items.contains("integer")
    for _ in 0..<3 {
      let numbers = (0..<60).map { _ in
        isWhole
          ? "\(Int.random(in: .min ... .max, using: &random))"
          : "\(Double.random(in: -999_999...999_999, using: &random))"
      }
      #expect(Self.isAllowed("[" + numbers.joined(separator: ",") + "]", by: constraint))
    }
    #expect(!constraint.isWorn)
  }

  /// Prices and other multiples: as many as a long document has are few states.
  @Test(arguments: [
    (0.01, 2), (0.25, 2), (0.3, 1), (5, 0), (60, 0), (144, 0), (255, 0), (1000, 0), (3600, 0), (1_000_000, 0),
  ]) func multiplesAreFewStates(
    unit: Double, places: Int
  ) throws {
    var random = SeededGenerator(seed: 9)
    let constraint = try Constraint(
      schema: ["type": "array", "items": ["type": "number", "multipleOf": .number(unit), "minimum": 0]],
      for: Self.vocabulary)
    for _ in 0..<3 {
      let numbers = (0..<60).map { _ in
        let count = Int.random(in: 0..<1_000_000, using: &random)
        let digits = "\(count * Int((unit * (places == 2 ? 100 : places == 1 ? 10 : 1)).rounded()))"
        guard places > 0 else { return digits }
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return "\(padded.dropLast(places)).\(padded.suffix(places))"
      }
      #expect(Self.isAllowed("[" + numbers.joined(separator: ",") + "]", by: constraint))
    }
    #expect(!constraint.isWorn)
  }

  /// Digits that stand for others have their rests.
  @Test(arguments: [(0.5, 0.0, 1003.5), (7, 99, 10_000), (0.75, -40, 1000), (30, -1200, 1200), (0.4, 997.6, 1002.4)])
  func multiplesAreExact(unit: Double, least: Double, most: Double) throws {
    let constraint = try Constraint(
      schema: [
        "type": "number", "multipleOf": .number(unit), "minimum": .number(least), "maximum": .number(most),
      ], for: .bytes)
    for hundredths in stride(from: -130_000, through: 130_000, by: 35) {
      let (whole, part) = hundredths.magnitude.quotientAndRemainder(dividingBy: 100)
      let text = "\(hundredths < 0 ? "-" : "")\(whole)" + (part == 0 ? "" : part < 10 ? ".0\(part)" : ".\(part)")
      let isMultiple = hundredths % Int((unit * 100).rounded()) == 0
      let isInside = (least...most).contains(Double(hundredths) / 100)
      #expect(constraint.accepts(text) == (isMultiple && isInside), "\(text) of \(unit) in \(least)...\(most)")
    }
  }

  @Test(arguments: [129, 144, 250, 997, 1000, 1024, 2400]) func wholeMultiplesAreExact(unit: Int) throws {
    let constraint = try Constraint(
      schema: ["type": "number", "multipleOf": .integer(unit), "minimum": -1300], for: .bytes)
    for number in (-2 * unit - 2)...(6 * unit) {
      for text in ["\(number)", "\(number).0"] {
        #expect(constraint.accepts(text) == (number % unit == 0 && number >= -1300), "\(text) of \(unit)")
      }
    }
  }

  /// Digits that stand for others compare as they do.
  @Test(arguments: [
    (-37.5, 1003.0), (99.0, 101.0), (-100.0, -99.0), (1000.0, 1000.0), (0.0, 9.5), (-1001.0, 12.25),
  ]) func boundsAreExact(least: Double, most: Double) throws {
    let constraint = try Constraint(
      schema: ["type": "number", "minimum": .number(least), "maximum": .number(most)], for: .bytes)
    for number in -1200...1200 {
      for text in ["\(number)", "\(number).5"] {
        guard let value = Double(text) else { continue }
        #expect(constraint.accepts(text) == (least...most).contains(value), "\(text) in \(least)...\(most)")
      }
    }
  }

  /// Statements that stand in many others are looked at once.
  @Test func statementsThatRecurAreLookedAtOnce() throws {
    func level(_ depth: Int) -> JSONValue {
      var properties: JSONObject = [:]
      for index in 0..<20 { properties["p\(depth)_\(index)"] = ["type": "integer"] }
      let own: JSONValue = ["properties": .object(properties)]
      guard depth > 0 else { return own }
      return ["anyOf": [own, level(depth - 1)], "properties": .object(properties)]
    }
    var schema = level(6)
    schema["type"] = "object"
    schema["unevaluatedProperties"] = false
    let constraint = try Constraint(schema: schema, for: .bytes)
    #expect(constraint.accepts(#"{"p6_0": 1, "p5_3": 2}"#))
    #expect(!constraint.accepts(#"{"p6_0": 1, "q": 2}"#))
  }

  /// Of forty objects that a pattern of one text tells apart, no two are looked at together.
  @Test func constantsAreTakenOneByOne() throws {
    let kinds: [JSONValue] = (0..<40).map { index in
      let members: JSONObject = ["type": ["type": "string", "pattern": .string("^T\(index)$")], "p\(index)": true]
      return ["properties": .object(members), "required": ["type"], "additionalProperties": false]
    }
    var machine = try JSONMachine(["type": "object", "oneOf": .array(kinds)])
    let before = machine.requirements.count
    let state = #"{"type":"T7","p7":true"#.utf8.reduce(machine.start) { machine.next($0, $1) }
    guard case .object(let frame, _) = machine.states[state] else {
      Issue.record("the text may not go on: \(machine.states[state])")
      return
    }
    #expect(machine.requirements.count - before < 10 * kinds.count)
    // The one that is left says all.
    #expect(machine.requirement(frame.requirement, of: .object).isConjunction)
  }

  /// What can be in no text is told without looking at the texts of all lengths before it.
  @Test func whatIsInNoTextIsSeenAtOnce() throws {
    var automaton = ByteAutomaton()
    let language = try automaton.pool.search(#"^(?!.*://)(?=.{1,255}$)(?:.{1,63}\.){1,127}[a-z0-9-]+$"#)
    for text in ["a://b.c", "a.b.c.d.e.f", "abc://x.y", String(repeating: "ab.", count: 60) + "c"] {
      #expect(automaton.accepts(language, text.utf8) == !text.contains("://"), "\(text)")
    }
    #expect(!automaton.pool.isHalfFull)
  }
}
