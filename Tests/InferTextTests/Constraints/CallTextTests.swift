import InferText
import TestSupport
import Testing

/// Calls of tools that take a text, which is of a language, in every format.
@Suite struct CallTextTests {
  private static let formats = ToolCallFormat.allCases.filter { $0 != .none }
  private static let tools: JSONValue = .array(
    ["run", "say"].map { name in
      let parameters: JSONValue = [
        "type": "object", "properties": ["input": ["type": "string"]], "required": ["input"],
      ]
      return ["type": "function", "function": ["name": .string(name), "parameters": parameters]]
    })
  private static let texts: TextDictionary<Constraint.Language> = [
    "run": .regex(#"[a-cé"'\\\n\t</parmetgv_u>\u0001]{0,24}"#),
    "say": .grammar("start: \"say \" (NAME | \"(\" start \")\") \"\\n\"*\nNAME: /[a-z\\\\]+/", .lark),
  ]

  private func constraint(_ format: ToolCallFormat, _ demand: CallRules.Demand) throws -> Constraint {
    try Constraint(
      content: nil, calls: CallRules(tools: Self.tools, texts: Self.texts, demand: demand),
      format: outputFormat(format),
      for: CallConstraintTests.vocabulary)
  }

  /// Calls at random, as far as the masks let them, have texts of the languages.
  @Test(arguments: formats) func areOfTheirLanguages(_ format: ToolCallFormat) throws {
    let languages = try Self.texts.map { ($0.key, try Constraint($0.value, for: .bytes)) }
    var random = SeededGenerator(seed: 3)
    for (name, language) in languages {
      let constraint = try constraint(format, .function(name))
      for _ in 0..<3 {
        let text = constraint.text(using: &random)
        let answer = TakenApart(takeApart([text], OutputParser(outputFormat(format), prompt: "", tools: Self.tools)))
        #expect(!answer.calls.isEmpty && answer.calls.allSatisfy { $0.name.isExactly(name) }, "\(text)")
        for call in answer.calls {
          let input = try JSONValue(parsing: call.arguments)["input"]?.string
          #expect(input.map { language.accepts($0) } == true, "\(call) of \(text)")
        }
      }
    }
  }

  /// Calls as models write them of themselves.
  @Test(
    arguments: [
      (
        .hermes, "<tool_call>\n{\"name\": \"say\", \"arguments\": {\"input\": \"say (say a\\\\\\n)\"}}\n</tool_call>",
        true
      ),
      (.hermes, "<tool_call>\n{\"name\": \"say\", \"arguments\": {\"input\": \"say 1\"}}\n</tool_call>", false),
      (.qwen3Coder, "<function=say>\n<parameter=input>\nsay a\n\n</parameter>\n</function>", true),
      (.qwen3Coder, "<function=run>\n<parameter=input>\n</a>\n</parameter>\n</function>", true),
      (.qwen3Coder, "<function=run>\n<parameter=input>\nx\n</parameter>\n</function>", false),
      (.lfm2, #"<|tool_call_start|>[run(input="a\"\n")]<|tool_call_end|>"#, true),
      (.lfm2, #"<|tool_call_start|>[run(input="x")]<|tool_call_end|>"#, false),
      (.lfm2, #"<|tool_call_start|>[run(input="a\u0001")]<|tool_call_end|>"#, true),
      (.lfm2, #"<|tool_call_start|>[run(input="a\u0002")]<|tool_call_end|>"#, false),
    ] as [(ToolCallFormat, String, Bool)])
  func takesWhatModelsWrite(_ format: ToolCallFormat, _ call: String, _ isAllowed: Bool) throws {
    #expect(try constraint(format, .any).accepts(call) == isAllowed)
  }

  private func refusal(
    _ language: Constraint.Language, _ format: ToolCallFormat, tools: JSONValue = Self.tools
  ) -> String {
    do {
      _ = try Constraint(
        content: nil, calls: CallRules(tools: tools, texts: ["say": language]), format: outputFormat(format),
        for: CallConstraintTests.vocabulary)
      return ""
    } catch { return error.description }
  }

  @Test func languagesThatCannotBeHeldAreNamed() throws {
    #expect(
      refusal(.grammar("start: x", .lark), .hermes).hasPrefix("tools[1], 'say', format: grammar: line 1, column 8"))
    let tags = [(ToolCallFormat.qwen3Coder, "</parameter>"), (.hyV3, "</arg_value>"), (.glm45, "</arg_value>")]
    for (format, tag) in tags {
      let refused =
        "tools[1], 'say', format: all of its texts have \(tag) in them, which ends a text in the model's answers"
      #expect(refusal(.choice(["a\(tag)", "\(tag)b"]), format) == refused)
      #expect(refusal(.regex("[a-z]*\(tag).*"), format) == refused)
      #expect(refusal(.choice(["a\(tag)", "b"]), format) == "" && refusal(.choice([tag]), .hermes) == "")
    }
  }

  /// Nothing leads to where only the tag could end the text.
  @Test func noWayIsWithoutAnEnd() throws {
    let constraint = try Constraint(
      content: nil,
      calls: CallRules(tools: Self.tools, texts: ["say": .regex("a</parameter>|b")], demand: .function("say")),
      format: outputFormat(.qwen3Coder), for: CallConstraintTests.vocabulary)
    #expect(constraint.accepts("<function=say>\n<parameter=input>\nb\n</parameter>\n</function>"))
    var cursor = constraint.makeCursor()
    let isTaken = cursor.accept("<function=say>\n<parameter=input>\n".utf8)
    #expect(isTaken && !cursor.accept("a".utf8))
  }

  /// A text needs a place.
  @Test func textsAreTheOneProperty() {
    for (properties, count) in [([:], 0), (["a": [:], "b": [:]], 2)] as [(JSONValue, Int)] {
      let tools: JSONValue = [
        ["function": ["name": "f"]], ["function": ["name": "say", "parameters": ["properties": properties]]],
      ]
      #expect(
        refusal(.choice(["a"]), .hermes, tools: tools)
          == "tools[1], 'say', parameters: expected one property, the text, found \(count)")
    }
  }
}
