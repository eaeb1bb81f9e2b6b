import InferText
import TestSupport
import Testing

/// Calls of tools under constraints, in every format.
@Suite struct CallConstraintTests {
  private static let formats = ToolCallFormat.allCases.filter { $0 != .none }

  private static let schemas: [String: JSONValue] = [
    "get_weather": [
      "type": "object",
      "properties": [
        "city": ["type": "string", "minLength": 1, "maxLength": 12],
        "days": ["type": "integer", "minimum": 1, "maximum": 14],
        "exact": ["type": "boolean"], "unit": ["enum": ["c", "f"]],
        "limit": ["anyOf": [["type": "integer", "minimum": 100], ["type": "null"]]],
        "tags": ["type": "array", "items": ["type": "string", "maxLength": 4], "maxItems": 2],
        "place": ["$ref": "#/$defs/place"], "note": ["type": ["string", "number"], "maxLength": 6],
      ],
      "required": ["city", "unit"], "additionalProperties": false,
      "$defs": [
        "place": ["type": "object", "properties": ["x": ["type": "number"]], "required": ["x"], "maxProperties": 1]
      ],
    ],
    "now": ["type": "object", "properties": [:], "additionalProperties": false],
    "add": [
      "type": "object",
      "properties": ["a": ["const": 1], "b": ["type": "string", "pattern": "^[a-z<>/\\\\\"\\n\\u0001]{2,5}$"]],
      "minProperties": 1, "maxProperties": 1, "additionalProperties": false,
    ],
  ]

  private static let tools = JSONValue.array(
    schemas.sorted { $0.key < $1.key }.map { name, schema in
      ["type": "function", "function": ["name": .string(name), "parameters": schema]]
    })

  private func constraint(
    _ format: ToolCallFormat, _ demand: CallRules.Demand = .none, content: Constraint.Language? = nil,
    tools: JSONValue = tools, several: Bool = true
  ) throws -> Constraint {
    try Constraint(
      content: content, calls: CallRules(tools: tools, allowsSeveral: several, demand: demand),
      format: outputFormat(format),
      for: Self.vocabulary)
  }

  /// Every byte by itself, and marks that would seldom be found at random.
  static let vocabulary = MaskVocabulary(
    size: 256 + marks.count,
    (0..<256).map { (Int32($0), [UInt8($0)]) } + marks.enumerated().map { (Int32(256 + $0), Array($1.utf8)) })
  fileprivate static let marks = [
    "<|end|><|start|>assistant<|channel|>", "<|message|>", "</parameter>", "</arg_value>", "</function>", "<tool_call>",
    "commentary to=functions.", "\"}", "'}",
  ]

  /// Texts at random, as far as the masks let them, are calls of what was offered, with arguments that are valid.
  @Test(arguments: formats) func whateverIsGeneratedIsACall(_ format: ToolCallFormat) throws {
    var checks: [String: Constraint] = [:]
    for (name, schema) in Self.schemas { checks[name] = try Constraint(schema: schema, for: .bytes) }
    var random = SeededGenerator(seed: 11)
    var seen: Set<String> = []
    for _ in 0..<15 {
      let text = try constraint(format, .any).text(using: &random)
      let parser = OutputParser(outputFormat(format), prompt: "", tools: Self.tools)
      let answer = TakenApart(takeApart([text], parser))
      // gpt-oss may say something first.
      #expect((answer.content.isEmpty || format == .harmony) && !answer.calls.isEmpty, "\(text)")
      for call in answer.calls {
        seen.insert(call.name)
        #expect(checks[call.name]?.accepts(ordered(call.arguments)) == true, "\(call) of \(text)")
      }
    }
    #expect(seen.count == 3)
  }

  /// Arguments as text without white space that a constraint might count.
  private func ordered(_ arguments: String) -> String {
    (try? JSONValue(parsing: arguments).serialized()) ?? arguments
  }

  @Test(arguments: formats) func oneFunctionCanBeDemanded(_ format: ToolCallFormat) throws {
    let constraint = try constraint(format, .function("now"), several: false)
    var random = SeededGenerator(seed: 5)
    for _ in 0..<5 {
      let text = constraint.text(using: &random)
      let answer = TakenApart(takeApart([text], OutputParser(outputFormat(format), prompt: "", tools: Self.tools)))
      #expect(answer.calls.map(\.name) == ["now"] && answer.calls.map { ordered($0.arguments) } == ["{}"], "\(text)")
    }
  }

  /// What models write of themselves is allowed, as content and as calls.
  static let written: [(format: ToolCallFormat, call: String)] = {
    let arguments = #"{"city": "Paris", "days": 3, "unit": "c"}"#
    let json = #"{"name": "get_weather", "arguments": \#(arguments)}"#
    let tagged =
      "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=unit>\nc\n</parameter>\n</function>"
    return [
      (.hermes, "<tool_call>\n\(json)\n</tool_call>"),
      (.hermes, "<tool_call>\(json)</tool_call>\n<tool_call>\(json)</tool_call>"),
      (.granite, "<|tool_call|>[\(json)]"), (.granite, "<tool_call>[\(json), \(json)]"),
      (.hunyuanA13B, "<tool_calls>[\(json)]</tool_calls>"), (.nemotron, "<TOOLCALL>[\(json)]</TOOLCALL>"),
      (.mistral, "[TOOL_CALLS][\(json)]"),
      (.llama3, #"{"name": "get_weather", "parameters": \#(arguments)}"#),
      (
        .llama3,
        #"<|python_tag|>{"name": "get_weather", "parameters": \#(arguments)}; {"name": "now", "parameters": {}}"#
      ),
      (.qwen3Coder, "<tool_call>\n\(tagged)\n</tool_call>"), (.qwen3Coder, tagged),
      (
        .hyV3,
        "<tool_calls>\n<tool_call>get_weather<tool_sep>\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n"
          + "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n<arg_key>unit</arg_key>\n<arg_value>f</arg_value>\n"
          + "</tool_call>\n</tool_calls>"
      ),
      (
        .glm45,
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>unit</arg_key>\n"
          + "<arg_value>f</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>"
      ),
      (
        .glm45,
        "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>unit</arg_key>"
          + "<arg_value>f</arg_value></tool_call><tool_call>now</tool_call>"
      ),
      (
        .deepSeek,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>\(arguments)<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
      ),
      (
        .kimiK2,
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>\(arguments)"
          + "<|tool_call_end|><|tool_calls_section_end|>"
      ),
      (.lfm2, #"<|tool_call_start|>[get_weather(city="Paris", days=3, exact=True, unit='c'), now()]<|tool_call_end|>"#),
      (
        .harmony,
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather "
          + "<|constrain|>json<|message|>\(arguments)"
      ),
      (.harmony, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Rain."),
    ]
  }()

  @Test(arguments: written) func takesWhatModelsWrite(_ format: ToolCallFormat, _ call: String) throws {
    let constraint = try constraint(format)
    #expect(constraint.accepts(call))
    guard format != .harmony else { return }
    #expect(constraint.accepts("Text < with {\"a\": [1]} é."))
    if format != .llama3 { #expect(constraint.accepts("First this.\n\n" + call)) }
    #expect(!constraint.accepts(call.replacing("get_weather", with: "get_time")))
    #expect(!constraint.accepts(call.replacing("Paris", with: "")))
  }

  @Test(arguments: formats.filter { $0 != .harmony }) func contentMayHaveALanguageToo(_ format: ToolCallFormat) throws {
    let constraint = try constraint(format, content: .regex("[0-9]+"))
    #expect(constraint.accepts("42") && !constraint.accepts("x"))
    for each in Self.written where each.format == format { #expect(constraint.accepts(each.call), "\(each.call)") }
  }

  /// Where nothing marks a call, an object with the name of a function is one, and any other is content.
  @Test func aBareCallIsKnownByItsName() throws {
    let constraint = try constraint(.llama3)
    #expect(constraint.accepts(#"{"name": "Bob", "age": 3}"#) && constraint.accepts(#"{"name": "get_weathers"}"#))
    #expect(!constraint.accepts(#"{"name": "Bob", "parameters": {}}"#))
    #expect(!constraint.accepts(#"{"name": "now"}"#) && !constraint.accepts(#"{"name": "now", "age": 3}"#))
  }

  /// A name that a format would not read back is refused with its place, and no other function is called in its stead.
  @Test(arguments: [
    (ToolCallFormat.qwen3Coder, "a>"), (.qwen3Coder, "f\n"), (.lfm2, "a(b"), (.lfm2, "f\n"), (.lfm2, "a b"),
    (.lfm2, "a/c"), (.lfm2, "a.call"), (.kimiK2, "a:1"), (.deepSeek, "a<"), (.harmony, "a b"), (.hermes, ""),
    (.hermes, String(repeating: "a", count: 600)),
  ])
  func namesThatAFormatCannotWrite(_ format: ToolCallFormat, _ name: String) throws {
    let function: JSONObject = ["name": .string(name), "parameters": ["type": "object"]]
    let error = #expect(throws: ConstraintError.self) {
      try constraint(format, tools: [["function": .object(function)]])
    }
    #expect(error?.part == .name(tool: 0, name: name))
  }

  /// Parameters that a function does not declare, where its schema says nothing else of members.
  @Test(
    arguments: [
      (["properties": ["a": ["type": "integer"]]], false), (["properties": ["a": true], "required": ["a"]], false),
      (["properties": ["a": true], "additionalProperties": true], true),
      (["properties": ["a": true], "patternProperties": ["^b": true]], true),
      (["properties": ["a": true], "required": ["b"]], true), (["properties": ["a": true], "minProperties": 2], true),
      (["properties": ["a": true], "anyOf": [["required": ["b"]], ["required": ["a"]]]], true), ([:], true),
    ] as [(JSONValue, Bool)])
  func onlyDeclaredParametersAreWritten(_ parameters: JSONValue, _ others: Bool) throws {
    let function: JSONValue = ["name": "f", "parameters": parameters]
    let constraint = try constraint(.hermes, tools: [["function": function]])
    func call(_ arguments: String) -> String {
      "<tool_call>\n{\"name\": \"f\", \"arguments\": \(arguments)}\n</tool_call>"
    }
    #expect(constraint.accepts(call(#"{"a": 1, "b": 2}"#)) == others)
    if parameters["minProperties"] == nil, parameters["required"] != ["b"] {
      #expect(constraint.accepts(call(#"{"a": 1}"#)))
    }
  }

  @Test func oneCallIsOne() throws {
    let call = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"
    #expect(try constraint(.hermes).accepts(call + "\n" + call))
    #expect(try constraint(.hermes, several: false).accepts(call + "\nDone."))
    #expect(try !constraint(.hermes, several: false).accepts(call + "\n" + call))
  }

  @Test func schemasThatCannotBeHeld() throws {
    let schema: JSONValue = ["type": "object", "$dynamicRef": "#a"]
    let function: JSONObject = ["name": "f", "parameters": schema]
    let error = #expect(throws: ConstraintError.self) {
      try constraint(.hermes, tools: [["function": .object(function)]])
    }
    #expect(error?.part == .parameters(tool: 0, name: "f"))
    #expect(throws: ConstraintError.self) { try constraint(.none, .any) }
    #expect(throws: ConstraintError.self) { try constraint(.hermes, .function("g")) }
  }
}

extension Constraint {
  /// A text at random.
  func text(using random: inout SeededGenerator) -> String {
    var (cursor, bytes) = (makeCursor(whiteSpace: .generated), [UInt8]())
    while bytes.count < 4000 {
      let mask = cursor.mask()
      if cursor.mayEnd, mask.isEmpty || bytes.count > 40 { return String(decoding: bytes, as: UTF8.self) }
      let tokens = (0..<256).map { [UInt8($0)] } + CallConstraintTests.marks.map { Array($0.utf8) }
      let allowed = tokens.indices.filter { mask.contains(Int32($0)) }.map { tokens[$0] }
      // Characters that end things, so that they do.
      let ends = allowed.filter { $0.count > 1 || "}])\"'<|/>,;\n".utf8.contains($0[0]) }
      let token = (Bool.random(using: &random) && !ends.isEmpty ? ends : allowed).randomElement(using: &random)
      guard let token, cursor.accept(token) else {
        Issue.record(
          "\(token.map { String(decoding: $0, as: UTF8.self) } ?? "nothing") behind \(String(decoding: bytes, as: UTF8.self).debugDescription)"
        )
        return ""
      }
      bytes += token
    }
    Issue.record("a text without an end: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
    return ""
  }
}
