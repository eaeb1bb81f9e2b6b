import TestSupport
import Testing

@testable import InferText

/// Which of the known names may come next is asked when a text comes to them, and is what asking for all of them says.
@Suite struct KnownNamesTests {
  /// Names and parts of objects by themselves and with what may stand around them.
  private static let vocabulary = {
    let names = ["a", "b", "c", "d", "foo", "bar", "baz", "foo1", "x", "n"]
    let pieces = ["\"", "{", "}", ",", ":", "1", "2", "true", "\"x\"", "[", "]", "{}", "\\", "u0061", "\"}", "\",\""]
    let around = names.flatMap { ["{\"\($0)\":", ",\"\($0)\":", "1,\"\($0)", "\"\($0)\":1", "\($0)\":"] }
    let texts = names + pieces + around
    return MaskVocabulary(size: texts.count, texts.enumerated().map { (Int32($0), Array($1.utf8)) })
  }()

  @Test func areThoseThatAreAskedForAtOnce() throws {
    var (schemas, random) = (SchemaWalkTests.suite, SeededGenerator(seed: 3))
    for seed: UInt64 in 100..<140 {
      var source = RandomSchema(seed: seed)
      schemas.append(try JSONValue(parsing: source.object(depth: 1)))
    }
    var (count, refused) = (0, 0)
    for schema in schemas {
      guard var machine = try? JSONMachine(schema), var plain = try? JSONMachine(schema) else { continue }
      for _ in 0..<2 {
        var (state, plainState, text) = (machine.start, plain.start, [UInt8]())
        while text.count < 60, state != 0 {
          let allowed = plain.namesAskedForAtOnce(behind: plainState)
          let (mask, plainMask) = (
            machine.mask(of: state, over: Self.vocabulary), plain.mask(of: plainState, over: Self.vocabulary)
          )
          let place = "\(String(decoding: text, as: UTF8.self)) under \(schema.serialized())"
          #expect(mask.words == plainMask.words, "\(place)")
          for (name, isAllowed) in allowed {
            let comma = machine.next(state, UInt8(ascii: ","))
            var behind = machine.next(comma == 0 ? state : comma, UInt8(ascii: "\""))
            for byte in name.bytes where behind != 0 { behind = machine.next(behind, inString: byte) }
            behind = machine.next(behind, "\":".utf8)
            #expect((behind != 0) == isAllowed, "\(String(decoding: name.bytes, as: UTF8.self)) behind \(place)")
            (count, refused) = (count + 1, refused + (isAllowed ? 0 : 1))
          }
          let frequent = Array("\"\"\"{}[]::,,,-01.truefalsnabcdfoxyz".utf8)
          var bytes: [UInt8] = []
          for byte in frequent where machine.next(state, byte) != 0 { bytes.append(byte) }
          guard let byte = bytes.randomElement(using: &random) else { break }
          text.append(byte)
          (state, plainState) = (machine.next(state, byte), plain.next(plainState, byte))
        }
      }
    }
    #expect(count > 400 && refused > 100, "\(refused) of \(count) names may not come")
  }
}

extension JSONMachine {
  /// The names that the statements about an object know, and whether they may come next, each asked for by itself and before
  /// anything else; none but before a name.
  fileprivate mutating func namesAskedForAtOnce(behind state: State) -> [(name: JSONName, isAllowed: Bool)] {
    guard case .object(let frame, _) = states[state], frame.place == .opened || frame.place == .behindValue else {
      return []
    }
    let requirement = requirement(frame.requirement, of: .object)
    let hasOthers = otherNames(behind: frame, requirement) != .nothing
    var allowed: Set<Int> = []
    for index in knownNames(behind: frame, requirement) {
      if isMember(index, behind: frame, requirement, hasOthers: hasOthers) { allowed.insert(index) }
    }
    if let names = names(behind: frame) {
      for place in requirement.names.indices {
        _ = isAllowed(Int32(place), of: names.names, requirement.table.trie)
      }
    }
    return requirement.names.enumerated().map { ($1, allowed.contains($0)) }
  }
}
