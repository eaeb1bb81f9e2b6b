import Foundation
import InferText
import TestSupport
import Testing

/// Masks over real vocabularies, against what each token does byte by byte.
@Suite struct MaskTests {
  static let schemas = [
    #"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0},"tags":{"type":"array","items":{"type":"string","maxLength":6}}},"required":["name","age"]}"#,
    #"{"type":"object","properties":{"id":{"type":"string","pattern":"^[a-z]+-[0-9]{2}$"},"kind":{"enum":["alpha","beta","been"]}},"additionalProperties":false,"required":["id","kind"]}"#,
    #"{"type":"object","additionalProperties":{"type":"number"},"minProperties":2,"maxProperties":3}"#,
    #"{"type":"array","items":{"type":"string","enum":["the","then","them"]},"uniqueItems":true,"minItems":3}"#,
    #"{"anyOf":[{"type":"string","format":"date-time"},{"type":"null"},{"type":"array","items":{}}]}"#,
    #"{"type":"array","items":{"enum":[1,2,3,"x"]},"uniqueItems":true,"minItems":4}"#,
    #"{"type":"array","items":{"type":"integer","minimum":0,"maximum":150},"minItems":5}"#,
    #"{"type":"object","properties":{"v":{"type":"number","multipleOf":0.5,"minimum":-4,"maximum":4}},"required":["v"]}"#,
    #"{"type":"object","patternProperties":{"^a":{"type":"string","minLength":2}},"propertyNames":{"maxLength":8}}"#,
  ]

  private static func tokenizer() throws -> Tokenizer {
    try Tokenizer(
      folder: TextFixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Models/tiny"))
  }

  /// Walks at random as generating does. Every mask on the way is that which the bytes say, is never empty before the end, and
  /// what results is JSON.
  @Test(arguments: schemas) func areThoseOfTheBytes(_ schema: String) throws {
    let tokenizer = try Self.tokenizer()
    let vocabulary = MaskVocabulary(tokenizer)
    let tokens = (0..<Int32(tokenizer.vocabularySize)).filter { !tokenizer.isSpecial($0) }
    let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: vocabulary)
    var random = SeededGenerator(seed: 7)
    for round in 0..<6 {
      var (cursor, bytes) = (constraint.makeCursor(), [UInt8]())
      for step in 0..<60 {
        let mask = cursor.mask()
        if round == 0 || step % 7 == 0 {
          for token in tokens {
            var next = cursor
            let text = tokenizer.bytes(for: token)
            let isAllowed = !text.isEmpty && next.accept(text)
            if mask.contains(token) != isAllowed {
              Issue.record("\(token) \(text) behind \(String(decoding: bytes, as: UTF8.self)): \(isAllowed)")
            }
          }
        }
        if cursor.mayEnd, step > 20 || mask.isEmpty { break }
        // Short tokens at first, so that texts get somewhere.
        let allowed = tokens.filter(mask.contains)
        guard let token = allowed.randomElement(using: &random) else {
          Issue.record("nothing may follow \(String(decoding: bytes, as: UTF8.self))")
          break
        }
        let isAccepted = cursor.accept(tokenizer.bytes(for: token))
        #expect(isAccepted)
        bytes += tokenizer.bytes(for: token)
      }
      if cursor.mayEnd { #expect(throws: Never.self) { try JSONValue(parsing: bytes) } }
    }
  }

  /// Tokens of several parts, some of which only schemas that look at counts or equal values tell apart.
  @Test func takeTokensOfSeveralParts() throws {
    let texts = [
      #"{"a":"#, #"1,"b"#, #"":"#, #"2}"#, #"","#, #""a""#, #"["a","a""#, #"["a","b""#, "]", #"":1,"a":"#, "1", "}",
      #"{""#, "a",
    ]
    let vocabulary = MaskVocabulary(size: texts.count, texts.enumerated().map { (Int32($0), Array($1.utf8)) })
    func check(_ schema: JSONValue, _ path: [String]) throws {
      var cursor = try Constraint(schema: schema, for: vocabulary).makeCursor()
      for text in path {
        let isAccepted = cursor.accept(Array(text.utf8))
        #expect(isAccepted)
      }
      for (id, text) in texts.enumerated() {
        var next = cursor
        let isAllowed = next.accept(Array(text.utf8))
        #expect(cursor.mask().contains(Int32(id)) == isAllowed, "\(path) \(text)")
      }
    }
    try check(["type": "array", "uniqueItems": true], [])
    try check(["type": "object", "maxProperties": 1], [#"{""#, "a"])
    try check(["type": "object", "minProperties": 2], [#"{""#, "a"])
    try check(["type": "object", "properties": ["a": true, "b": true], "additionalProperties": false], [#"{"a":"#])
  }

  @Test func generatedWhiteSpaceIsSpare() throws {
    let constraint = try Constraint(schema: ["type": "array"], for: .bytes)
    for (space, isLast) in [
      (" ", true), ("\t", true), ("\n  ", false), ("\n\n", true), ("\n" + "         " + "          ", true),
    ] {
      for limits in [WhiteSpaceLimits.generated, .written] {
        var cursor = constraint.makeCursor(whiteSpace: limits)
        for byte in "[\(space)".utf8 {
          let isAccepted = cursor.accept(CollectionOfOne(byte))
          #expect(isAccepted)
        }
        let mask = cursor.mask()
        #expect(mask.contains(Int32(UInt8(ascii: "]"))))
        for next in " \n".utf8 {
          #expect(mask.contains(Int32(next)) == (limits.isSparing ? !isLast : true), "\(space.utf8)")
        }
      }
    }
  }

  /// Where equal values or names matter, masks do not follow each text by itself.
  @Test(arguments: [
    #"{"type": "array", "uniqueItems": true, "items": {"type": "string"}}"#,
    #"{"type": "array", "uniqueItems": true, "items": {"type": "string", "pattern": "^[ab]{1,2}$"}}"#,
    #"{"type": "array", "uniqueItems": true, "items": {"enum": ["a", "ab", "b"]}}"#,
    #"{"type": "array", "uniqueItems": true, "items": {"pattern": "^a?b$", "type": ["string", "array"]}}"#,
    #"{"type": "array", "uniqueItems": true, "prefixItems": [{"type": "string"}, {"enum": ["a"]}]}"#,
    #"{"type": "array", "uniqueItems": true, "items": {"type": "object", "additionalProperties": {"type": "string"}}}"#,
    #"{"type": "object", "minProperties": 2, "maxProperties": 3, "additionalProperties": {"enum": ["a", 1]}}"#,
    #"{"type": "object", "minProperties": 2, "propertyNames": {"enum": ["a", "b", "ab"]}}"#,
  ])
  func areWhatIsAccepted(schema: String) throws {
    let texts = [
      "a", "b", "ab", "\"", "\"a", "\"a\"", "\",", "\",\"", "\",\"a", "\",\"a\"", "\"]", "a\",", ",", "[", "]", "{",
      "}", ":",
      "1", "\":", "\":\"", "\":\"a\",\"a\"", "\"}", "\"},{\"", "[\"", "{\"",
    ]
    let vocabulary = MaskVocabulary(size: texts.count, texts.enumerated().map { (Int32($0), Array($1.utf8)) })
    let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: vocabulary)
    var random = SeededGenerator(seed: 1)
    var longest = 0
    for _ in 0..<60 {
      var (cursor, path) = (constraint.makeCursor(), "")
      for step in 1...16 {
        let mask = cursor.mask()
        var allowed: [Int] = []
        for (id, text) in texts.enumerated() {
          var next = cursor
          if next.accept(Array(text.utf8)) { allowed.append(id) }
        }
        #expect(texts.indices.filter { mask.contains(Int32($0)) } == allowed, "\(path)")
        guard let id = allowed.randomElement(using: &random) else { break }
        _ = cursor.accept(Array(texts[id].utf8))
        path += texts[id]
        longest = max(longest, step)
      }
    }
    #expect(longest > 8)
  }

  /// States and masks are shared between threads.
  @Test func areTheSameOnManyThreads() async throws {
    let tokenizer = try Self.tokenizer()
    let constraint = try Constraint(schema: try JSONValue(parsing: Self.schemas[0]), for: MaskVocabulary(tokenizer))
    let tokens = try tokenizer.encode(#"{"name": "Ada", "age": 36, "tags": ["x"]}"#, addingSpecialTokens: false)
    let masks = await withTaskGroup(of: [TokenMask].self) { group in
      for _ in 0..<4 {
        group.addTask {
          var cursor = constraint.makeCursor()
          return tokens.map { token in
            let mask = cursor.mask()
            _ = cursor.accept(tokenizer.bytes(for: token))
            return mask
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(masks.map { $0.map(\.words) }).count == 1)
  }
}
