import Foundation
import TestSupport
import Testing

@testable import InferText

/// A text that a model of some family writes, and what is in it.
struct FormatCase: CustomTestStringConvertible, Sendable {
  var format: ToolCallFormat
  var text: String
  var expected: TakenApart
  var suffix = ""

  init(
    _ format: ToolCallFormat, _ text: String, content: String = "", reasoning: String = "", suffix: String = "",
    _ calls: [(name: String, arguments: String)], ids: [String]? = nil
  ) {
    self.format = format
    self.text = text
    self.suffix = suffix
    expected = TakenApart(
      reasoning: reasoning, content: content,
      calls: calls.enumerated().map { TakenApart.Call(name: $1.name, id: ids?[$0], arguments: $1.arguments) })
  }

  var testDescription: String { "\(format.rawValue): \(text.prefix(60))" }
  func parser(demandsCalls: Bool = false) -> OutputParser {
    OutputParser(outputFormat(format, suffix: suffix), prompt: "", tools: toolDefinitions, demandsCalls: demandsCalls)
  }
}

@Suite struct ToolCallFormats {
  private static let paris = (name: "get_weather", arguments: #"{"city": "Paris", "days": 3}"#)
  private static let now = (name: "now", arguments: "{}")

  static let cases: [FormatCase] = [
    FormatCase(
      .hermes,
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"days\": 3}}\n</tool_call>",
      [paris]),
    FormatCase(
      .hermes,
      "<think>\nHm.\n</think>\n\nLet me look.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n"
        + "<tool_call>\n{\"arguments\": {\"city\": \"深圳 }\\\" \\u00e9\"}, \"name\": \"get_weather\"}\n</tool_call>\n",
      content: "Let me look.", reasoning: "Hm.",
      [now, (name: "get_weather", arguments: #"{"city": "深圳 }\" \u00e9"}"#)]),
    // Arguments in a string, none at all, none but null, and an end that never comes.
    FormatCase(
      .hermes, #"<tool_call>{"name": "f", "arguments": "{\"a\": [1, 2]}"}</tool_call><tool_call>{"name": "now"}"#,
      [(name: "f", arguments: #"{"a": [1, 2]}"#), now]),
    FormatCase(.hermes, #"A <tool_call>{"name":"now","parameters":null}</tool_call> B"#, content: "A B", [now]),
    FormatCase(
      .hermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"code\": \"a\n\tb\"}}</tool_call>",
      [(name: "f", arguments: #"{"code": "a\n\tb"}"#)]),
    FormatCase(
      .granite, #"<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}, {"name": "now"}]"#,
      [paris, now]),
    FormatCase(
      .hunyuanA13B,
      "<tool_calls>[{\"name\": \"now\", \"arguments\": {}},\n{\"name\": \"get_weather\", \"arguments\": "
        + "{\"city\": \"Paris\", \"days\": 3}}]</tool_calls>", [now, paris]),
    FormatCase(
      .nemotron, #"Sure. <TOOLCALL>[{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}]</TOOLCALL>"#,
      content: "Sure.", [paris]),
    FormatCase(
      .mistral, #"[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}]"#, [paris]),
    FormatCase(
      .qwen3Coder,
      "I'll check.\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n"
        + "</parameter>\n</function>\n</tool_call>", content: "I'll check.", [paris]),
    FormatCase(
      .qwen3Coder,
      "<function=get_weather>\n<parameter=city>\nline 1\n\n\"x\" < 3\n\n</parameter>\n<parameter=exact>True</parameter>"
        + "<parameter=tags>[1, \"a\"]</parameter><parameter=where>{\"x\": {}}</parameter><parameter=ratio>2</parameter>"
        + "<parameter=note>null</parameter><parameter=limit>x7</parameter><parameter=other>5</parameter>"
        + "<parameter=unit>c</parameter>\n</function>\n<function=now>\n</function>",
      [
        (
          name: "get_weather",
          arguments:
            #"{"city": "line 1\n\n\"x\" < 3\n", "exact": true, "tags": [1, "a"], "where": {"x": {}}, "ratio": 2, "#
            + #""note": null, "limit": "x7", "other": "5", "unit": "c"}"#
        ), now,
      ]),
    FormatCase(
      .hyV3,
      "<think:opensource>Hm</think:opensource>Yes.<tool_calls:opensource>\n<tool_call:opensource>get_weather<tool_sep:opensource>\n"
        + "<arg_key:opensource>city</arg_key:opensource>\n<arg_value:opensource>Paris</arg_value:opensource>\n"
        + "<arg_key:opensource>days</arg_key:opensource>\n<arg_value:opensource>3</arg_value:opensource>\n"
        + "</tool_call:opensource>\n<tool_call:opensource>now<tool_sep:opensource>\n</tool_call:opensource>\n"
        + "</tool_calls:opensource>", content: "Yes.", reasoning: "Hm", suffix: ":opensource", [paris, now]),
    FormatCase(
      .glm45,
      "<think>Hm</think>\nYes.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n"
        + "<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>",
      content: "Yes.", reasoning: "Hm", [paris, now]),
    FormatCase(
      .glm45,
      "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value><arg_key>days</arg_key>"
        + "<arg_value>3</arg_value></tool_call><tool_call>now</tool_call>", [paris, now]),
    FormatCase(.glm45, "<tool_call>a < b\nis no call", content: "<tool_call>a < b\nis no call", []),
    FormatCase(
      .deepSeek,
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\", \"days\": 3}<｜tool▁call▁end｜>"
        + "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", [paris, now]),
    FormatCase(
      .deepSeek,
      "Ok.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
        + "{\"city\": \"Paris\", \"days\": 3}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n"
        + "```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", content: "Ok.", [paris, now]),
    FormatCase(
      .llama3, #"{"name": "get_weather", "parameters": {"city": "Paris", "days": 3}}"#, [paris]),
    FormatCase(.llama3, #"{"name": "Bob", "age": 3}"#, content: #"{"name": "Bob", "age": 3}"#, []),
    // A function that is not among the tools, wherever its name stands.
    FormatCase(
      .llama3, #"{"type": "x", "size": 1, "name": "other", "parameters": {}}"#,
      content: #"{"type": "x", "size": 1, "name": "other", "parameters": {}}"#, []),
    FormatCase(
      .llama3, #"{"size": 1, "parameters": {}, "name": "other"}"#,
      content: #"{"size": 1, "parameters": {}, "name": "other"}"#, []),
    FormatCase(
      .llama3, #"<|python_tag|>{"type": "function", "name": "now", "parameters": {}}; {"name": "now"}"#, [now, now]),
    FormatCase(
      .llama3, #"<|python_tag|>brave_search.call(query="a \"b\", c")"#,
      [(name: "brave_search", arguments: #"{"query": "a \"b\", c"}"#)]),
    FormatCase(
      .kimiK2,
      "I see. <|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
        + "{\"city\": \"Paris\", \"days\": 3}<|tool_call_end|><|tool_call_begin|>functions.now:1"
        + "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
      content: "I see.", [paris, now], ids: ["functions.get_weather:0", "functions.now:1"]),
    FormatCase(
      .lfm2, #"<|tool_call_start|>[get_weather(city="Paris", days=3), now()]<|tool_call_end|>Asking."#,
      content: "Asking.", [paris, now]),
    FormatCase(
      .lfm2, #"<|tool_call_start|>[f(a=[1, (2.5, None)], b={'k': 'it\'s, ok)'}, c=-1e3, d=true)]<|tool_call_end|>"#,
      [(name: "f", arguments: #"{"a": [1, [2.5, null]], "b": {"k": "it's, ok)"}, "c": -1000.0, "d": true}"#)]),
    FormatCase(.lfm2, #"<|tool_call_start|>[{"name": "now", "arguments": {}}]<|tool_call_end|>"#, [now]),
    FormatCase(
      .harmony,
      "<|channel|>analysis<|message|>Need weather.<|end|><|start|>assistant<|channel|>commentary<|message|>One moment."
        + "<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
        + "{\"city\": \"Paris\", \"days\": 3}<|call|>", content: "One moment.", reasoning: "Need weather.", [paris]),
    FormatCase(
      .harmony, " to=functions.now<|channel|>commentary json<|message|>{}", [now]),
    FormatCase(
      .harmony,
      "<|channel|>analysis<|message|>a < b<|end|><|start|>assistant<|channel|>final<|message|>Hi <|there|>!"
        + "<|return|>", content: "Hi <|there|>!", reasoning: "a < b", []),
    FormatCase(.harmony, "No header at all.", content: "No header at all.", []),
  ]

  @Test(arguments: cases) func findsWhatIsThere(_ item: FormatCase) {
    #expect(TakenApart(takeApart([item.text], item.parser())) == item.expected)
  }

  @Test(arguments: cases) func everyCutGivesTheSame(_ item: FormatCase) {
    for pieces in item.text.cuts {
      let output = takeApart(pieces, item.parser())
      #expect(TakenApart(output) == item.expected, "\(pieces)")
      #expect(!output.contains { [.content(""), .reasoning(""), .arguments("")].contains($0) }, "\(pieces)")
    }
  }

  @Test(arguments: cases) func argumentsAreObjects(_ item: FormatCase) throws {
    for call in TakenApart(takeApart([item.text], item.parser())).calls {
      #expect(try JSONValue(parsing: call.arguments).object != nil, "\(call.arguments)")
    }
  }

  @Test(arguments: cases) func withoutToolsThereAreNoCalls(_ item: FormatCase) {
    let parser = OutputParser(outputFormat(item.format, suffix: item.suffix), prompt: "", tools: nil)
    let output = TakenApart(takeApart([item.text], parser))
    #expect(output.calls.isEmpty && output.reasoning == item.expected.reasoning)
    for call in item.expected.calls where item.format != .harmony { #expect(output.content.contains(call.name)) }
  }

  /// A text that breaks off has what the whole has, as far as it goes: calls with a part of their arguments, and content
  /// that has no markup but the beginning of a mark that may be none.
  @Test(arguments: cases) func aTextThatBreaksOffHasTheBeginningOfTheWhole(_ item: FormatCase) {
    for length in 0...item.text.count {
      let text = String(item.text.prefix(length))
      for demandsCalls in [false, true] {
        let output = TakenApart(takeApart([text], item.parser(demandsCalls: demandsCalls)))
        #expect(output.calls.count <= item.expected.calls.count)
        for (call, whole) in zip(output.calls, item.expected.calls) {
          // In channels the arguments are whatever stands in the message, be it the first half of a token's name.
          let isBegun = item.format == .harmony || whole.arguments.hasPrefix(call.arguments)
          #expect(call.name == whole.name && isBegun, "\(text)")
          #expect(!call.isComplete || call == whole, "\(text)")
        }
        if demandsCalls { #expect(output.content.isEmpty) }
        guard !demandsCalls, item.format != .harmony else { continue }
        let content = item.expected.content.utf8
        let common = zip(output.content.utf8, content).prefix { $0 == $1 }.count
        let rest = output.content.utf8.dropFirst(common).drop { $0.isJSONSpace }
        var marks = item.format.markers(suffix: item.suffix).map(\.literal) + [Array("<think\(item.suffix)>".utf8)]
        // A bare brace begins a call once the name of a function has begun.
        if item.format == .llama3 { marks.append(Array(#"{"name": "#.utf8)) }
        #expect(marks.contains { $0.starts(with: rest) }, "\(text): \(output.content)")
      }
    }
  }

  @Test func templatesShowTheirFormat() throws {
    let expected: [(String, ToolCallFormat?, ReasoningFormat)] = [
      ("Qwen-Qwen3-0.6B", .hermes, .think), ("Qwen3-Coder", .qwen3Coder, .think), ("Qwen3.5-4B", .qwen3Coder, .think),
      ("deepseek-ai-DeepSeek-V3.1", .deepSeek, .think), ("ibm-granite-granite-4.0", .hermes, .think),
      ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", .deepSeek, .think),
      ("openai-gpt-oss-120b", .harmony, .harmony), ("microsoft-Phi-3.5-mini-instruct", nil, .think),
    ]
    for (name, toolCalls, reasoning) in expected {
      let file = ChatTemplateReference.bundled.appending(path: "\(name).jinja")
      let format = OutputFormat(template: try String(contentsOf: file, encoding: .utf8))
      #expect(format.toolCalls == toolCalls && format.reasoning == reasoning, "\(name)")
      #expect(format.tagSuffix.isEmpty)
    }
    let hunyuan = OutputFormat(
      template: "{% set HYTK = ':opensource' %}{{ '<think{}><tool_sep{}><arg_key{}>'.format(HYTK, HYTK, HYTK) }}")
    #expect(hunyuan.toolCalls == .hyV3 && hunyuan.tagSuffix == ":opensource")
    let glm = OutputFormat(template: "<think></think>{{ '<tool_call>' + name }}\n<arg_key>{{ k }}</arg_key>")
    #expect(glm.toolCalls == .glm45 && glm.reasoning == .think && glm.tagSuffix.isEmpty)
    #expect(OutputFormat(template: "<think><answer><tool_calls>").reasoning == .thinkAnswer)
  }
}
