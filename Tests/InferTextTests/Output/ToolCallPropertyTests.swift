import TestSupport
import Testing

@testable import InferText

@Suite struct ToolCallProperties {
  /// Pieces of every format's markup, in no order that makes sense.
  private static let fragments =
    ToolCallFormats.cases.flatMap { item in
      item.text.split(separator: " ").map { String($0) + " " }
    } + ["<", "{", "}", "[", "\"", ":", ",", "\n", "雞", "e\u{301}", "<tool_call>", "</tool_call>", "<think>", " "]

  private func text(using random: inout SeededGenerator) -> String {
    (0..<Int.random(in: 0...12, using: &random)).map { _ in Self.fragments.randomElement(using: &random) ?? "" }
      .joined()
  }

  @Test(arguments: ToolCallFormat.allCases) func randomTextsAreTheSameHoweverTheyAreCut(_ format: ToolCallFormat) {
    var random = SeededGenerator(seed: 17)
    for _ in 0..<150 {
      let text = text(using: &random)
      let parser = OutputParser(
        outputFormat(format, suffix: format == .hyV3 ? ":opensource" : ""), prompt: "", tools: toolDefinitions,
        demandsCalls: Bool.random(using: &random))
      let whole = TakenApart(takeApart([text], parser))
      let cut = takeApart(text.randomCut(upTo: 5, using: &random), parser)
      #expect(TakenApart(cut) == whole, "\(text.debugDescription)")
    }
  }

  /// Reasoning and content are the text's own bytes from where they are said to stand, in order.
  @Test(arguments: ToolCallFormat.allCases) func piecesStandWhereTheySay(_ toolCalls: ToolCallFormat) {
    var random = SeededGenerator(seed: 29)
    let tags = [
      "<answer>", "\n</answer>", "</answer>", "<think>", "</think>\n\n", "<|channel|>final<|message|>", "\r\n",
    ]
    for _ in 0..<150 {
      var text = text(using: &random)
      for tag in tags where Bool.random(using: &random) { text = Bool.random(using: &random) ? tag + text : text + tag }
      var format = outputFormat(toolCalls)
      if toolCalls != .harmony {
        format.reasoning = [.none, .think, .thinkAnswer].randomElement(using: &random) ?? .none
      }
      var parser = OutputParser(format, prompt: "", tools: Bool.random(using: &random) ? toolDefinitions : nil)
      var pieces: [PlacedPiece] = []
      for cut in text.randomCut(upTo: 5, using: &random) { pieces += parser.appendPlaced(cut) }
      pieces += parser.finishPlaced()
      var end = 0
      for placed in pieces {
        #expect(placed.offset >= end && placed.offset <= text.utf8.count, "\(placed) in \(text.debugDescription)")
        end = placed.offset
        switch placed.piece {
        case .reasoning(let piece), .content(let piece):
          #expect(text.utf8.dropFirst(placed.offset).starts(with: piece.utf8), "\(placed) in \(text.debugDescription)")
          end += piece.utf8.count
        case .call, .arguments, .callEnd: break
        }
      }
    }
  }

  /// Text without any mark of the format comes out as it went in; broken markup loses white space and marks at most.
  @Test(arguments: ToolCallFormat.allCases) func nothingIsLost(_ format: ToolCallFormat) {
    var random = SeededGenerator(seed: 23)
    for _ in 0..<200 {
      let plain = String.random(upTo: 60, using: &random)
        .replacing("<", with: "‹").replacing("{", with: "(").replacing("[", with: "(")
      let parser = OutputParser(outputFormat(format), prompt: "", tools: toolDefinitions)
      #expect(TakenApart(takeApart(plain.randomCut(upTo: 4, using: &random), parser)).content == plain)
    }
    // Markers before something that is no call, and too long for a name.
    let long = String(repeating: " <>!", count: 200)
    for marker in ["<tool_call>", "<tool_calls>", "<|tool_call|>", "<TOOLCALL>", "<function=", "<|python_tag|>", "{"] {
      for rest in ["no call", "{\"name\": 5}", "[1, 2]", "\n\n x"].map({ $0 + long }) where format != .harmony {
        let parser = OutputParser(outputFormat(format), prompt: "", tools: toolDefinitions)
        let output = TakenApart(takeApart([marker, rest], parser))
        #expect(output.calls.isEmpty && output.content == marker + rest, "\(format) \(marker)\(rest): \(output)")
      }
    }
  }

  /// Keys and names that are no strings of JSON are what they are at once, whatever comes behind or does not.
  @Test(arguments: [
    (ToolCallFormat.mistral, "[TOOL_CALLS][{\"nam\u{0}\u{1}\"add\", '{\"a\": 1}}]"),
    (.hermes, "<tool_call>{\"name\": \"a\nd\", "),
    (.granite, "<|tool_call|>[{\"name\u{FFFD}\u{0} \"add\",\u{0}\u{0}guments\": {\"a\": 1}}]"),
  ]) func whatIsNoStringIsContent(_ format: ToolCallFormat, _ text: String) {
    for pieces in text.cuts {
      let parser = OutputParser(outputFormat(format), prompt: "", tools: toolDefinitions)
      #expect(TakenApart(takeApart(pieces, parser)) == TakenApart(content: text), "\(pieces)")
    }
  }

  @Test func namesComeFirstAndArgumentsAsTheyCome() {
    var parser = OutputParser(outputFormat(.hermes), prompt: "", tools: toolDefinitions)
    #expect(parser.append("Hi.\n<tool_") == [.content("Hi.")])
    #expect(parser.append("call>{\"name\": \"now\", \"arguments\": ") == [])
    #expect(parser.append("{\"a\"") == [.call(name: "now", id: nil), .arguments("{\"a\"")])
    #expect(parser.append(": 1") == [.arguments(": 1")])
    #expect(parser.append("}}\n</tool_call>") == [.arguments("}"), .callEnd])
    #expect(parser.finish() == [])
    parser = OutputParser(outputFormat(.qwen3Coder), prompt: "", tools: toolDefinitions)
    #expect(parser.append("<tool_call><function=get_weather><") == [.call(name: "get_weather", id: nil)])
    #expect(parser.append("parameter=city>Par") == [.arguments("{\"city\": "), .arguments("\""), .arguments("Par")])
    #expect(parser.append("is</param") == [.arguments("is")])
    #expect(parser.append("eter><parameter=days>") == [.arguments("\""), .arguments(", \"days\": ")])
    #expect(parser.append("12") == [])
    #expect(parser.append("</parameter></function>") == [.arguments("12"), .arguments("}"), .callEnd])
  }

  @Test func aCallThatGoesWrongIsToldAsFarAsItWent() {
    let text = "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": 1,, }}</tool_call>"
    var parser = OutputParser(outputFormat(.hermes), prompt: "", tools: toolDefinitions)
    let call = TakenApart.Call(name: "now", id: nil, arguments: "{\"a\": 1,", isComplete: false)
    #expect(
      TakenApart(parser.append(text) + parser.finish()) == TakenApart(content: ", }}</tool_call>", calls: [call]))
    for arguments in ["{\"a\": 1,, }", "[]", "{\"a\""] {
      let text = "<|channel|>commentary to=functions.now<|message|>" + arguments
      parser = OutputParser(outputFormat(.harmony), prompt: "", tools: toolDefinitions)
      let call = TakenApart.Call(name: "now", id: nil, arguments: arguments, isComplete: false)
      #expect(TakenApart(parser.append(text) + parser.finish()) == TakenApart(calls: [call]))
    }
  }

  @Test func answersMayHaveTagsOfTheirOwn() {
    var format = outputFormat(.hunyuanA13B)
    format.reasoning = .thinkAnswer
    let text = "<think>\nHm\n</think>\n<answer>\nA <b>\n\n<tool_calls>[{\"name\": \"now\"}]</tool_calls>\n</answer>"
    let expected = TakenApart(
      reasoning: "Hm", content: "A <b>", calls: [TakenApart.Call(name: "now", id: nil, arguments: "{}")])
    for pieces in text.cuts {
      #expect(TakenApart(takeApart(pieces, OutputParser(format, prompt: "", tools: toolDefinitions))) == expected)
    }
  }

  /// Linear in the length: a quadratic reader would take hours.
  @Test(arguments: [
    (ToolCallFormat.hermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"", "x"),
    (.hermes, "<tool_call>{\"arguments\": {\"a\": \"", "x"), (.hermes, "", "<tool_call>"),
    (.qwen3Coder, "<function=get_weather><parameter=where>", "x"), (.qwen3Coder, "<function=", "x"),
    (.lfm2, "<|tool_call_start|>[f(a=", "["), (.kimiK2, "<|tool_calls_section_begin|><|tool_call_begin|>", "x"),
    (.harmony, "<|channel|>", "a"), (.hyV3, "<tool_calls><tool_call>f<tool_sep><arg_key>", "k"),
    (.glm45, "<tool_call>", "f"),
  ]) func longAnswersAreReadInTime(_ format: ToolCallFormat, _ start: String, _ part: String) {
    let parser = OutputParser(outputFormat(format), prompt: "", tools: toolDefinitions)
    let pieces = [start] + Array(repeating: part, count: 20_000)
    let content = TakenApart(takeApart(pieces, parser)).content
    #expect(content.isEmpty || pieces.joined().hasExactSuffix(content))
  }

  /// White space can go on for as long as a model likes.
  @Test(arguments: [
    (ToolCallFormat.none, "", " "), (.none, "<think>a", "\n"), (.hermes, "", " "), (.hermes, "x", "\n"),
    (.hermes, "<tool_call>", " "), (.hermes, "<tool_call>{\"name\":", " "), (.llama3, "", " "), (.harmony, "", " "),
    (.lfm2, "<|tool_call_start|>", " "), (.lfm2, "<|tool_call_start|>[", " "), (.lfm2, "<|tool_call_start|>[f", " "),
    (.lfm2, "<|tool_call_start|>[f(a", " "), (.kimiK2, "<|tool_calls_section_begin|>", " "),
    (.qwen3Coder, "<function=f>", " "), (.hunyuanA13B, "", "\n"),
  ]) func whiteSpaceIsReadOnce(_ format: ToolCallFormat, _ start: String, _ space: String) {
    var output = outputFormat(format)
    if format == .hunyuanA13B { output.reasoning = .thinkAnswer }
    let parser = OutputParser(output, prompt: "", tools: toolDefinitions)
    let count = 30_000
    let whole = TakenApart(takeApart([start] + Array(repeating: space, count: count) + ["!"], parser))
    #expect((whole.reasoning + whole.content).hasExactSuffix(String(repeating: space, count: count) + "!"))
  }
}
