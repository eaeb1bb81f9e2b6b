import InferText
import Testing

/// Calls that are demanded: the prompt holds their beginning, and the model writes the rest.
@Suite struct ToolCallOpenings {
  private static let arguments = #"{"city": "Paris", "days": 3}"#
  private static let json = #"get_weather", "arguments": {"city": "Paris", "days": 3}}"#

  /// What a model writes behind the opening of a call, when it is to choose the function and when that is given.
  static let rests: [(format: ToolCallFormat, any: String, named: String)] = [
    (.hermes, json + "\n</tool_call>", " \(arguments)}\n</tool_call>"),
    (.granite, json + "]", " \(arguments)}]"),
    (.hunyuanA13B, json + "]</tool_calls>", " \(arguments)}]</tool_calls>"),
    (.nemotron, json + "]</TOOLCALL>", " \(arguments)}]</TOOLCALL>"),
    (.mistral, json + "]", " \(arguments)}]"),
    (.llama3, "get_weather\", \"parameters\": \(arguments)}", " \(arguments)}"),
    (
      .qwen3Coder,
      "=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
      "<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"
    ),
    (
      .hyV3,
      "get_weather<tool_sep>\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n"
        + "<arg_value>3</arg_value>\n</tool_call>\n</tool_calls>",
      "\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n"
        + "</tool_call>\n</tool_calls>"
    ),
    (
      .deepSeek, "get_weather<｜tool▁sep｜>\(arguments)<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
      "\(arguments)<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    (
      .kimiK2,
      ".get_weather:2<|tool_call_argument_begin|>\(arguments)<|tool_call_end|><|tool_calls_section_end|>",
      "2<|tool_call_argument_begin|>\(arguments)<|tool_call_end|><|tool_calls_section_end|>"
    ),
    (.lfm2, "[get_weather(city=\"Paris\", days=3)]<|tool_call_end|>", "city=\"Paris\", days=3)]<|tool_call_end|>"),
    (.harmony, ".get_weather <|constrain|>json<|message|>\(arguments)<|call|>", "\(arguments)<|call|>"),
  ]

  @Test func everyFormatButNoneHasAnOpening() {
    #expect(Set(Self.rests.map(\.format)) == Set(ToolCallFormat.allCases).subtracting([.none]))
    #expect(outputFormat(.none).callOpening(of: nil, prompt: "") == nil)
    #expect(OutputFormat(template: "").callOpening(of: nil, prompt: "") == nil)
  }

  @Test(arguments: ToolCallFormat.allCases.filter { $0 != .none }, ["", "<|assistant|><think>", "Hm.<think>\n"])
  func whatFollowsAnOpeningIsOneCall(_ format: ToolCallFormat, _ prompt: String) throws {
    let rest = try #require(Self.rests.first { $0.format == format })
    let id = format == .kimiK2 ? "functions.get_weather:2" : nil
    let expected = TakenApart(calls: [TakenApart.Call(name: "get_weather", id: id, arguments: Self.arguments)])
    for (function, rest) in [(nil, rest.any), ("get_weather", rest.named)] {
      let opening = try #require(outputFormat(format).callOpening(of: function, prompt: prompt))
      for streaming in [true, false] {
        let parser = OutputParser(
          outputFormat(format), prompt: prompt, tools: toolDefinitions, streaming: streaming)
        for pieces in [[rest]] + rest.cuts {
          #expect(TakenApart(takeApart([opening] + pieces, parser)) == expected, "\(pieces)")
        }
      }
    }
  }

  @Test func deepSeekFencedItsArgumentsOnce() throws {
    var format = OutputFormat(template: "<｜tool▁calls▁begin｜> ```json")
    format.reasoning = .think
    let rests: [(String?, String)] = [
      (nil, "get_weather\n```json\n\(Self.arguments)\n```<｜tool▁call▁end｜>"),
      ("get_weather", "\(Self.arguments)\n```<｜tool▁call▁end｜>"),
    ]
    for (function, rest) in rests {
      let opening = try #require(format.callOpening(of: function, prompt: "<think>\n"))
      let parser = OutputParser(format, prompt: "<think>\n", tools: toolDefinitions)
      let call = TakenApart.Call(name: "get_weather", id: nil, arguments: Self.arguments)
      #expect(TakenApart(takeApart([opening, rest], parser)) == TakenApart(calls: [call]))
    }
  }
}
