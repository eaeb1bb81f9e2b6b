import TestSupport
import Testing

@testable import InferText

/// Random walks under the masks of random schemas whose branches overlap: none comes to a place behind which nothing may come.
@Suite struct DeadEndTests {
  @Test func areNotRunInto() throws {
    var (ends, walks) = ([String](), 0)
    for seed: UInt64 in 0..<40 {
      var schemas = RandomSchema(seed: seed)
      let schema = try JSONValue(parsing: schemas.object(depth: 1))
      guard var machine = try? JSONMachine(schema) else { continue }
      for _ in 0..<6 {
        walks += 1
        if let text = Self.deadEnd(&machine, &schemas.random) {
          ends.append("\(seed): \(text) under \(schema.serialized())")
        }
      }
    }
    #expect(walks > 100)
    #expect(ends.isEmpty, "\(ends.count) of \(walks): \(ends.prefix(3).joined(separator: "\n"))")
  }

  /// A whole number with a fraction has room for the exponent that makes it whole.
  @Test(arguments: ["3", "0", "9"]) func longNumbersEnd(digit: String) throws {
    var machine = try JSONMachine(["type": "integer"])
    for first in ["1.5", "-1.5", "1.", "1", "-"] {
      var state = first.utf8.reduce(machine.start) { machine.next($0, $1) }
      guard state != 0 else { continue }
      var length = first.utf8.count
      while true {
        let next = machine.next(state, digit.utf8.first ?? 0)
        if next == 0 { break }
        (state, length) = (next, length + 1)
      }
      // No digit may follow: the number ends here, or has an exponent.
      var exponent = machine.next(state, UInt8(ascii: "e"))
      var isWhole = machine.isAccepting(state)
      for _ in 0..<3 where !isWhole && exponent != 0 {
        let digits = (UInt8(ascii: "0")...UInt8(ascii: "9")).reversed().map { machine.next(exponent, $0) }
        exponent = digits.first { $0 != 0 } ?? 0
        isWhole = exponent != 0 && machine.isAccepting(exponent)
      }
      #expect(isWhole, "\(first) and \(length - first.utf8.count) times \(digit)")
    }
  }

  /// An element that has to differ from those before it is not begun as one of them, whatever else the statement allows.
  @Test(arguments: [
    (#"{"type":"array","items":{"type":"boolean"},"uniqueItems":true}"#, "[false,f"),
    (#"{"type":"array","items":{"type":"boolean"},"anyOf":[{"uniqueItems":true},{"maxItems":1}]}"#, "[false,f"),
    (#"{"type":"array","oneOf":[{"uniqueItems":true},{"maxItems":1}]}"#, "[null,n"),
    (#"{"type":"array","items":{"enum":["ab","ac"]},"anyOf":[{"uniqueItems":true},{"maxItems":1}]}"#, #"["ab","ab"#),
    (#"{"type":"array","items":{"type":"number"},"anyOf":[{"uniqueItems":true},{"maxItems":1}]}"#, "[0,0e"),
    (#"{"type":"array","items":{"type":"number"},"anyOf":[{"uniqueItems":true},{"maxItems":1}]}"#, "[0,-0e"),
  ])
  func equalElementsAreNotBegun(schema: String, text: String) throws {
    var machine = try JSONMachine(try JSONValue(parsing: schema))
    let before = text.utf8.dropLast().reduce(machine.start) { machine.next($0, $1) }
    let behind = machine.next(before, text.utf8.last ?? 0)
    #expect(before != 0 && behind == 0)
    // Where equal elements are asked for, or allowed, it may.
    var other = try JSONMachine(["type": "array", "not": ["uniqueItems": true]])
    let equal = text.utf8.reduce(other.start) { other.next($0, $1) }
    #expect(equal != 0)
  }

  /// An element that the array must contain is begun at the last place where it may stand.
  @Test(arguments: [
    (#""prefixItems":[{"type":["string","integer"]}],"items":{"type":"integer"}"#, "[1", #"["a",1]"#),
    (#""prefixItems":[true,{"enum":[2,"a"]}],"items":{"type":"integer"}"#, "[1,2", #"[1,"a",1]"#),
    (#""prefixItems":[{},{},{}],"items":false,"minContains":2"#, #"["a",1,2"#, #"["a",1,"b"]"#),
    (#""prefixItems":[{"const":1},{},{"const":1}],"items":{"const":2},"maxItems":9"#, "[1,2", #"[1,"a",1,2]"#),
    (#""maxItems":2,"items":{"type":["string","integer"]}"#, "[1,2", #"[1,"a"]"#),
  ])
  func elementsThatMustBeThereAreBegun(keywords: String, text: String, valid: String) throws {
    var machine = try JSONMachine(
      try JSONValue(parsing: #"{"type":"array","contains":{"type":"string"},"# + keywords + "}"))
    let before = text.utf8.dropLast().reduce(machine.start) { machine.next($0, $1) }
    let behind = machine.next(before, text.utf8.last ?? 0)
    #expect(before != 0 && behind == 0)
    let whole = valid.utf8.reduce(machine.start) { machine.next($0, $1) }
    #expect(whole != 0 && machine.isAccepting(whole))
  }

  /// A number that has to differ from zero has room for a digit that makes it another.
  @Test(arguments: ["0.", "-0."]) func zerosEndInAnotherDigit(first: String) throws {
    var machine = try JSONMachine(["type": "number", "not": ["const": 0]])
    var state = first.utf8.reduce(machine.start) { machine.next($0, $1) }
    var zeros = 0
    while case let next = machine.next(state, UInt8(ascii: "0")), next != 0 { (state, zeros) = (next, zeros + 1) }
    #expect(zeros > 50 && !machine.isAccepting(state))
    let other = machine.next(state, UInt8(ascii: "1"))
    #expect(other != 0 && machine.isAccepting(other))
  }

  /// A random text under the masks, where nothing may follow it.
  private static func deadEnd(_ machine: inout JSONMachine, _ random: inout SeededGenerator) -> String? {
    var (state, text) = (machine.start, [UInt8]())
    let frequent = Array("\"\"\"{}[]]::,,,-0123456789.truefalsnabcdfoxyz".utf8)
    while text.count < 120 {
      if machine.isAccepting(state) { return nil }
      // Texts come to an end: nothing is made longer than it need be once it has some length.
      let bytes = text.count < 60 ? frequent : Array("}]\",".utf8)
      var allowed: [UInt8] = []
      for byte in bytes where machine.next(state, byte) != 0 { allowed.append(byte) }
      if allowed.isEmpty { for byte in UInt8(33)...255 where machine.next(state, byte) != 0 { allowed.append(byte) } }
      guard let byte = text.count < 60 ? allowed.randomElement(using: &random) : allowed.first else {
        return String(decoding: text, as: UTF8.self)
      }
      text.append(byte)
      state = machine.next(state, byte)
    }
    return nil
  }
}
