import Foundation
import TestSupport
import Testing

@testable import InferText

/// Texts at random under schemas: there is a way to an end from every place.
@Suite struct SchemaWalkTests {
  /// The schemas of the JSON Schema Test Suite.
  static let suite = {
    let groups = (try? TextFixtures.json(TextFixtures.folder.appending(path: "schemas/draft2020-12.json")))?.array ?? []
    return groups.map { $0["schema"] ?? .null }
  }()

  @Test func endAnywhere() throws {
    let more = try (SchemaTests.cases.map(\.schema) + MaskTests.schemas).map { try JSONValue(parsing: $0) }
    var ended = 0
    for schema in Self.suite + more {
      guard let machine = try? JSONMachine(schema) else { continue }
      var walk = Walk(machine)
      for seed: UInt64 in 3..<7 {
        walk.begin(seed: seed)
        let end = walk.end()
        #expect(end != false, "\(schema.serialized()): nothing ends \(String(decoding: walk.text, as: UTF8.self))")
        ended += end == true ? 1 : 0
      }
    }
    #expect(ended > 1000)
  }

  /// Places from which statements of which only one may be true leave no way, though each of them by itself would.
  @Test(arguments: [
    (#"{"oneOf":[{"multipleOf":3},{"multipleOf":5}],"type":"number"}"#, "30."),
    (
      #"{"oneOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}},"required":["b"]}],"unevaluatedProperties":false}"#,
      #"{"a":1,"#
    ),
  ])
  func areNotEntered(_ schema: String, _ text: String) throws {
    let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: .bytes)
    var cursor = constraint.makeCursor()
    let isAccepted = cursor.accept(text.utf8)
    #expect(!isAccepted)
    let isBefore = cursor.accept(text.utf8.dropLast())
    #expect(isBefore && cursor.mask().contains(Int32(UInt8(ascii: "}"))) == (text.first == "{"))
  }
}

/// A text at random, a byte at a time.
private struct Walk {
  private var machine: JSONMachine
  private var state: Int32 = 0
  private(set) var text: [UInt8] = []

  init(_ machine: JSONMachine) { self.machine = machine }

  /// Some bytes from the start on.
  mutating func begin(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    (state, text) = (machine.start, [])
    let frequent = Array("\"\"\"{}[]::,,,-0123456789.truefalsnabcdfoxyz".utf8)
    for _ in 0..<Int.random(in: 1..<50, using: &random) {
      var bytes: [UInt8] = []
      for byte in frequent where machine.next(state, byte) != 0 { bytes.append(byte) }
      if bytes.isEmpty { for byte in UInt8.min...UInt8.max where machine.next(state, byte) != 0 { bytes.append(byte) } }
      guard let byte = bytes.randomElement(using: &random) else { return }
      state = machine.next(state, byte)
      text.append(byte)
    }
  }

  /// `true` where some further bytes end the text, `false` where none do; `nil` where too many are possible to tell.
  mutating func end() -> Bool? {
    var (states, seen, next) = ([state], Set([state]), 0)
    while next < states.count {
      if machine.isAccepting(states[next]) { return true }
      for byte in UInt8(ascii: " ")..<0x80 {
        let state = machine.next(states[next], byte)
        if state != 0, seen.insert(state).inserted { states.append(state) }
      }
      next += 1
      if next > 60 { return nil }
    }
    return false
  }
}
