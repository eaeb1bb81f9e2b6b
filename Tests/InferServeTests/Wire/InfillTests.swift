import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

struct InfillTests {
  static let gap = #""input_prefix": "a", "input_suffix": "b""#

  @Test func fieldsReachTheirParameters() throws {
    // As an editor sends it.
    let request = try infill(
      """
      {\(Self.gap), "id_slot": 0, "input_extra": [{"text": "t", "filename": "f.c"}, {"text": "u"}], "prompt": "x",
       "n_predict": 128, "stop": ["\\n\\n"], "n_indent": 4, "top_k": 40, "top_p": 0.5, "stream": false,
       "samplers": ["top_k", "top_p", "infill"], "cache_prompt": true, "t_max_prompt_ms": 500, "t_max_predict_ms": 300,
       "response_fields": ["content"]}
      """)
    #expect(request.prefix == "a" && request.suffix == "b" && request.opening == "x")
    #expect(request.files == [InfillRequest.File(name: "f.c", text: "t"), InfillRequest.File(name: "tmp", text: "u")])
    #expect(request.chat.stop.maxTokens == 128 && request.chat.stop.stopStrings == ["\n\n"])
    #expect(request.chat.sampling.topK == 40 && request.chat.sampling.topP == 0.5)
    #expect(request.bounds == InfillBounds(indentation: 4, time: .milliseconds(300)))
    #expect(request.chat.streaming == nil && request.chat.overflow == .shift)
    // What the makers recommend is off where the list leaves it out.
    var defaults = GenerationDefaults()
    (defaults.temperature, defaults.topP, defaults.repetitionPenalty) = (0.5, 0.25, 1.5)
    func sampling(_ samplers: String) throws -> SamplingParameters {
      let body = #"{\#(Self.gap), "samplers": \#(samplers)}"#
      return try InfillRequest(FieldReader(body: Array(body.utf8)), defaults: defaults).chat.sampling
    }
    let listed = try sampling(#"["top_k", "top_p", "infill"]"#)
    #expect(listed.temperature == 1 && listed.topP == 0.25 && listed.repetitionPenalty == 1)
    let free = try sampling("[]")
    #expect(free.temperature == 0.5 && free.topP == 0.25 && free.repetitionPenalty == 1.5)
  }

  static let wrong: [(body: String, path: String)] = [
    (#""input_prefix": "a""#, "input_suffix"),
    (#""input_suffix": "a""#, "input_prefix"),
    (gap + #", "input_extra": [{"filename": "x"}]"#, "input_extra[0].text"),
    (gap + #", "input_extra": ["x"]"#, "input_extra[0]"),
    (gap + #", "prompt": 5"#, "prompt"),
    (gap + #", "samplers": ["top_p", "top_k"]"#, "samplers"),
    (gap + #", "samplers": ["xtc"]"#, "samplers"),
    (gap + #", "samplers": ["top_k", "temperature"]"#, "samplers"),
    (gap + #", "samplers": ["top_k"], "repeat_penalty": 1.5"#, "samplers"),
    (gap + #", "samplers": ["top_k"], "top_p": 0.5"#, "samplers"),
    (gap + #", "n_indent": -1"#, "n_indent"),
    (gap + #", "t_max_predict_ms": "x""#, "t_max_predict_ms"),
    (gap + #", "n": 2"#, "n"),
    (gap + #", "logprobs": 3"#, "logprobs"),
  ]

  @Test(arguments: wrong) func whatIsWrongIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try infill("{\(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
  }

  // MARK: Answers

  private func response(_ bounds: InfillBounds = InfillBounds(), stop: [String] = []) throws -> InfillResponse {
    var format = OutputFormat(template: "")
    format.reasoning = .none
    let options = ChatChoice.Options(stop: try StopConditions(stopStrings: stop))
    return InfillResponse(
      model: "m", prompt: "p", promptTokens: 7, isTruncated: false, bounds: bounds,
      choice: ChatChoice(OutputParser(format, prompt: ""), options))
  }

  @Test func eventsJoinToTheWhole() throws {
    var response = try response()
    let events = response.append(piece("<think>a\n"), to: 0) + response.append(piece("b"), to: 0)
    let last = response.finish(0, .stop, statistics(prompt: 7, generated: 4, cached: 2))
    #expect(events.map { $0["content"] } == ["<think>a\n", "b"] && events.allSatisfy { $0["stop"] == false })
    #expect(last.count == 1 && last[0]["content"] == "" && last[0]["stop"] == true && last[0]["stop_type"] == "eos")
    let whole = response.completion
    #expect(whole["content"] == "<think>a\nb" && whole["has_new_line"] == true && whole["tokens_cached"] == 2)
    #expect(whole["tokens_predicted"] == 4 && whole["tokens_evaluated"] == 7 && whole["model"] == "m")
    #expect(InfillResponse.framing.end == nil)
  }

  @Test func theReasonOfTheEndIsTold() throws {
    var stopped = try response(stop: ["zz"])
    _ = stopped.append(piece("a zz b"), to: 0)
    #expect(stopped.isComplete(0))
    _ = stopped.finish(0, .stop, statistics())
    #expect(stopped.completion["stop_type"] == "word" && stopped.completion["stopping_word"] == "zz")
    #expect(stopped.completion["content"] == "a ")
    var long = try response()
    _ = long.append(piece("a"), to: 0)
    _ = long.finish(0, .length, statistics())
    #expect(long.completion["stop_type"] == "limit")
  }

  @Test func aLineThatIsNotIndentedEndsTheAnswer() throws {
    let text = "x = 1\n\n  y = 2\n    z\n \nq = 3\n  more"
    for size in [1, 3, 100] {
      var response = try response(InfillBounds(indentation: 2))
      var characters = Substring(text)
      while !characters.isEmpty {
        _ = response.append(piece(String(characters.prefix(size))), to: 0)
        characters = characters.dropFirst(size)
      }
      #expect(response.isComplete(0))
      _ = response.finish(0, .stop, statistics())
      #expect(response.completion["content"] == "x = 1\n\n  y = 2\n    z\n \n", "\(size)")
      #expect(response.completion["stop_type"] == "limit")
    }
    // White space at the very end belongs to the answer.
    var open = try response(InfillBounds(indentation: 2))
    _ = open.append(piece("x\n "), to: 0)
    _ = open.finish(0, .stop, statistics())
    #expect(open.completion["content"] == "x\n ")
  }

  @Test func afterItsTimeAFirstLineIsEnough() throws {
    var response = try response(InfillBounds(time: .zero))
    for (text, isComplete) in [("a", false), ("b", false), ("\n", true)] {
      _ = response.append(piece(text), to: 0)
      #expect(response.isComplete(0) == isComplete)
    }
    #expect(response.append(piece("c"), to: 0).isEmpty)
    _ = response.finish(0, .stop, statistics())
    #expect(response.completion["content"] == "ab\n")
  }
}
