import InferText
import Testing

@Suite struct JSONParsing {
  @Test func readsEveryKindInOrder() throws {
    let value = try JSONValue(parsing: #" {"z": [1, -0, 2.5, 1e3, 1e19], "a": {"t": true, "n": null}} "#)
    #expect(value["z"] == [1, 0, 2.5, 1000.0, 1e19])
    #expect(value.serialized().hasPrefix(#"{"z":"#))
    #expect(value["a"]?["t"]?.bool == true)
    #expect(value["a"]?["n"]?.isNull == true)
    #expect(value["z"]?[3]?.int == 1000)
    #expect(value["z"]?[2]?.int == nil)
    #expect(value["z"]?[9] == nil)
  }

  @Test func decodesEscapes() throws {
    let value = try JSONValue(parsing: #""\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t雞\u0000""#)
    #expect(value.string.map { Array($0.unicodeScalars) } == Array("é😀\"\\/\u{8}\u{C}\n\r\t雞\u{0}".unicodeScalars))
  }

  @Test(arguments: [
    ("", 0), ("[1,]", 3), ("{\"a\":1,}", 7), ("{a:1}", 1), ("01", 1), ("1.", 2), (".5", 0), ("+1", 0), ("1e", 2),
    ("\"\\x\"", 2), ("\"\\u12g4\"", 5), ("\"\\ud800\"", 1), ("\"\\ud800\\u0041\"", 1), ("\"a\nb\"", 2), ("\"abc", 4),
    ("nul", 0), ("NaN", 0), ("-Infinity", 1), ("[1] 2", 4), ("[1 2]", 3), ("{\"a\" 1}", 5), ("1e999", 0),
    ("\u{FEFF}1", 0),
    ("[", 1), ("{\"a\":", 5), ("tru", 0), ("'a'", 0), ("[1}", 2),
  ])
  func rejectsAndSaysWhere(_ text: String, _ offset: Int) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.offset == offset)
  }

  @Test func rejectsInvalidUTF8() {
    for bytes: [UInt8] in [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22],
    ] {
      #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }
  }

  @Test func countsLinesAndColumns() {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\n  \"a\": 1,\n  \"b\": ]\n}") }
    #expect(error?.line == 3)
    #expect(error?.column == 8)
    #expect(error?.description == "invalid JSON at line 3, column 8: expected a value, found ']'")
  }

  @Test func readsPythonsNonFiniteNumbersWhenAsked() throws {
    let value = try JSONValue(parsing: "[Infinity, -Infinity, NaN]", options: .configuration)
    #expect(value[0] == .number(.infinity))
    #expect(value[1] == .number(-.infinity))
    #expect(value[2]?.double?.isNaN == true)
  }

  @Test func limitsDepth() throws {
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSONValue(parsing: nested(200))
    #expect(throws: JSONError.self) { try JSONValue(parsing: nested(201)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 1_000_000)) }
  }

  @Test func keepsTheLastOfDuplicateKeysOrRejectsThem() throws {
    let text = #"{"a": 1, "b": 2, "a": 3}"#
    #expect(try JSONValue(parsing: text) == ["a": 3, "b": 2])
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: text, options: .init(duplicateKeys: .reject))
    }
    #expect(error?.offset == 17)
  }

  /// `é`, `Å` and `ί` in two spellings each are two members each, as in every other reader.
  @Test func tellsKeysApartByTheirBytes() throws {
    let text = "{\"é\": 1, \"e\u{301}\": 2, \"\u{212B}\": 3, \"\u{C5}\": 4, \"\u{3AF}\": 5, \"\u{1F77}\": 6}"
    let value = try JSONValue(parsing: text, options: .init(duplicateKeys: .reject))
    #expect(value.object?.values == [1, 2, 3, 4, 5, 6])
    #expect(value["e\u{301}"] == 2)
    #expect(value["\u{1F77}"] == 6)
    #expect(value.serialized(.python).isExactly(text))
    #expect(JSONValue.string("é") != .string("e\u{301}"))
    #expect((["é": 1] as JSONValue) != ["e\u{301}": 1])
  }

  @Test func keepsTheDigitsOfIntegersBeyond64Bits() throws {
    for digits in ["18446744073709551615", "-9223372036854775809", "123456789012345678901234567890"] {
      let value = try JSONValue(parsing: digits)
      #expect(value.serialized() == digits)
      #expect(value.int == nil)
      #expect(value.double == Double(digits))
      #expect(try value == JSONValue(parsing: " \(digits) "))
    }
    #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
    // As many digits as Python reads, and no more.
    let longest = String(repeating: "9", count: 4300)
    #expect(try JSONValue(parsing: longest).serialized() == longest)
    #expect(throws: JSONError.self) { try JSONValue(parsing: longest + "9") }
  }

  @Test func everyPrefixOfADocumentIsAnError() {
    let bytes = Array(#"{"ключ": [1.5e-3, "\u00e9", {"x": [true, false, null]}], "b": "雞"}"#.utf8)
    for count in bytes.indices {
      #expect(throws: JSONError.self, "prefix of \(count) bytes") { try JSONValue(parsing: Array(bytes[..<count])) }
    }
  }
}

@Suite struct JSONWriting {
  static let sample: JSONValue = [
    "b": [1, 2.5, nil, true, "é\"\\\n\u{1}\u{7F}😀", [], [:]], "a": ["x": 1e-5, "y": [[1]]],
  ]

  // The expected texts are what Python's json.dumps prints for the same value.
  @Test func printsAsPythonDoes() {
    #expect(
      Self.sample.serialized(.python)
        == "{\"b\": [1, 2.5, null, true, \"é\\\"\\\\\\n\\u0001\u{7F}😀\", [], {}], \"a\": {\"x\": 1e-05, \"y\": [[1]]}}")
    #expect(
      Self.sample.serialized(.init(ensureASCII: true, sortKeys: true))
        == #"{"a":{"x":1e-05,"y":[[1]]},"b":[1,2.5,null,true,"\u00e9\"\\\n\u0001\u007f\ud83d\ude00",[],{}]}"#)
    #expect(
      (["a": [1, ["b": []]], "c": [:]] as JSONValue).serialized(.pretty) == """
        {
          "a": [
            1,
            {
              "b": []
            }
          ],
          "c": {}
        }
        """)
  }

  // repr() of each in Python 3.11.
  @Test(
    arguments: [
      (0.1, "0.1"), (1, "1.0"), (-0.0, "-0.0"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
      (123_456_789_012_345_680, "1.2345678901234568e+17"),
      (0.0001, "0.0001"), (0.00001, "1e-05"), (1.5e-7, "1.5e-07"), (Double.leastNonzeroMagnitude, "5e-324"),
      (1.7976931348623157e308, "1.7976931348623157e+308"),
      (9_007_199_254_740_992, "9007199254740992.0"), (18_014_398_509_481_984, "1.8014398509481984e+16"), (100, "100.0"),
      (3.14159, "3.14159"),
      (1e22, "1e+22"), (1234.5, "1234.5"), (0.000123, "0.000123"), (1 / 3, "0.3333333333333333"), (2e-10, "2e-10"),
    ] as [(Double, String)])
  func printsFloatsAsPythonDoes(_ value: Double, _ expected: String) {
    #expect(JSONValue.number(value).serialized() == expected)
  }

  @Test func readsBackWhatItWrote() throws {
    for options: JSONValue.WritingOptions in [.compact, .python, .pretty, .init(ensureASCII: true)] {
      #expect(try JSONValue(parsing: Self.sample.serialized(options)) == Self.sample)
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let value = Double(bitPattern: generator.next())
      guard value.isFinite else { continue }
      #expect(try JSONValue(parsing: JSONValue.number(value).serialized()) == .number(value))
    }
  }
}
