import InferText
import Testing

import struct InferKit.ToolCall

@testable import InferCore
@testable import infer_serve

struct ChatResponseTests {
  private func response(
    count: Int = 1, prompt: String = "", tools: JSONValue? = nil, several: Bool = true,
    format: LogprobsFormat? = nil, announcesUsage: Bool = false
  ) -> ChatResponse {
    let head = ResponseHead(id: "chatcmpl-1", created: 1_700_000_000, model: "tiny", announcesUsage: announcesUsage)
    let parser = OutputParser(
      OutputFormat(template: "<tool_call>"), prompt: prompt, tools: tools)
    return ChatResponse(
      head: head, count: count,
      choice: ChatChoice(
        parser, ChatChoice.Options(allowsSeveralCalls: several, logprobs: format)))
  }

  /// The deltas of events with one choice.
  private func deltas(_ events: [JSONValue]) -> [JSONValue] { events.compactMap { $0["choices"]?[0]?["delta"] } }

  @Test func aStreamOpensWithTheRoleSplitsTheReasoningAndCloses() {
    var response = response()
    var events: [JSONValue] = []
    for text in ["<think>", "\n", "35*2", "=70", "\n</think>", "\n", "23 chickens", " and 12 rabbits."] {
      events += response.append(piece(text), to: 0)
    }
    events += response.finish(0, .stop, statistics(generated: 9))
    #expect(
      deltas(events) == [
        ["role": "assistant", "content": ""],
        ["reasoning_content": "35*2"], ["reasoning_content": "=70"],
        ["content": "23 chickens"], ["content": " and 12 rabbits."],
        [:],
      ])
    #expect(events.allSatisfy { $0["object"] == "chat.completion.chunk" && $0["id"] == "chatcmpl-1" })
    #expect(events.dropLast().allSatisfy { $0["choices"]?[0]?["finish_reason"] == .null && $0["timings"] == nil })
    #expect(events.last?["choices"]?[0]?["finish_reason"] == "stop")
    #expect(events.last?["timings"]?["predicted_n"] == 9)
    #expect(response.usage.reasoningTokens == 6)
  }

  @Test func theWholeResponseSaysTheSameAsTheStream() {
    var response = response()
    for text in ["<think>\na", "b\n</thi", "nk>\nanswer"] { _ = response.append(piece(text), to: 0) }
    _ = response.finish(0, .length, statistics(prompt: 7, generated: 3, cached: 2))
    let expected: JSONValue = [
      "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "tiny",
      "system_fingerprint": .string(ResponseHead.systemFingerprint),
      "choices": [
        [
          "index": 0,
          "message": ["role": "assistant", "reasoning_content": "ab", "content": "answer", "refusal": .null],
          "logprobs": .null, "finish_reason": "length",
        ]
      ],
      "usage": [
        "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "prompt_tokens_details": ["cached_tokens": 2],
        "completion_tokens_details": ["reasoning_tokens": 2],
      ],
      "timings": [
        "cache_n": 2, "prompt_n": 5, "prompt_ms": 200.0, "prompt_per_token_ms": 40.0, "prompt_per_second": 25.0,
        "predicted_n": 3, "predicted_ms": 100.0, "predicted_per_token_ms": 33.333, "predicted_per_second": 30.0,
      ],
    ]
    #expect(response.completion == expected)
  }

  @Test func anAnswerWithoutReasoningHasNone() {
    var response = response(prompt: "<think>\n\n</think>\n")
    _ = response.append(piece("Hello!"), to: 0)
    _ = response.finish(0, .stop, statistics())
    let message = response.completion["choices"]?[0]?["message"]
    #expect(message == ["role": "assistant", "content": "Hello!", "refusal": .null])
    #expect(response.usage.reasoningTokens == 0)
  }

  @Test func reasoningMayBeginInThePromptAndNeverEnd() {
    var response = response(prompt: "<|assistant|><think>\n")
    let events = response.append(piece("hm", tokens: 2), to: 0) + response.finish(0, .length, statistics())
    #expect(deltas(events)[1] == ["reasoning_content": "hm"])
    #expect(response.choices[0].content == "" && response.choices[0].reasoning == "hm")
    #expect(response.usage.reasoningTokens == 2)
  }

  @Test func choicesAreIndependentAndOnlyTheLastHasTimings() {
    var response = response(count: 2)
    var events = response.append(piece("a"), to: 1)
    events += response.finish(1, .stop, statistics(prompt: 10, generated: 1))
    events += response.append(piece("b"), to: 0)
    events += response.finish(0, .length, statistics(prompt: 10, generated: 1))
    #expect(events.map { $0["choices"]?[0]?["index"]?.int } == [1, 1, 1, 0, 0, 0])
    #expect(events.map { $0["timings"] != nil } == [false, false, false, false, false, true])
    // The prompt was one, though two answers were made from it.
    #expect(response.usage.promptTokens == 10 && response.usage.completionTokens == 2)
    #expect(response.completion["choices"]?[1]?["message"]?["content"] == "a")
  }

  @Test func anEmptyAnswerStillOpensAndCloses() {
    var response = response()
    let events = response.finish(0, .stop, statistics(generated: 1))
    #expect(deltas(events) == [["role": "assistant", "content": ""], [:]])
  }

  @Test func usageIsAnnouncedAndToldOnce() {
    var response = response(announcesUsage: true)
    let events = response.append(piece("a"), to: 0) + response.finish(0, .stop, statistics(prompt: 3, generated: 2))
    #expect(events.allSatisfy { $0["usage"] == .null })
    #expect(response.usageEvent?["choices"] == [])
    #expect(response.usageEvent?["usage"]?["total_tokens"] == 5)
    #expect(self.response().usageEvent?["usage"]?["total_tokens"] == 0)
  }

  /// Two calls in the format of Hermes, and the pieces they come in.
  private static let calls = [
    "Let me see.\n<tool_", "call>{\"name\": \"add\", \"arguments\": ", "{\"a\": 1", ", \"b\": 2}}</tool_call>",
    "<tool_call>{\"name\": \"now\"}</tool_call>",
  ]

  @Test func callsAreToldByNameAndThenByArguments() throws {
    var response = response(tools: [])
    var events: [JSONValue] = []
    for text in Self.calls { events += response.append(piece(text), to: 0) }
    events += response.finish(0, .stop, statistics())
    let deltas = deltas(events).compactMap { $0["tool_calls"]?[0] }
    let ids = deltas.compactMap { $0["id"]?.string }
    #expect(Set(ids).count == 2 && ids.allSatisfy { $0.wholeMatch(of: /call_[0-9a-f]{24}/) != nil })
    let head = { (index: Int, name: JSONValue) -> JSONValue in
      [
        "index": .integer(index), "id": .string(ids[index]), "type": "function",
        "function": ["name": name, "arguments": ""],
      ]
    }
    #expect(
      deltas == [
        head(0, "add"), ["index": 0, "function": ["arguments": "{\"a\": 1"]],
        ["index": 0, "function": ["arguments": ", \"b\": 2}"]], head(1, "now"),
        ["index": 1, "function": ["arguments": "{}"]],
      ])
    #expect(events.last?["choices"]?[0]?["finish_reason"] == "tool_calls")

    let choice = try #require(response.completion["choices"]?[0])
    #expect(choice["finish_reason"] == "tool_calls" && choice["message"]?["content"] == "Let me see.")
    let told = try #require(choice["message"]?["tool_calls"]?.array)
    #expect(told.map { $0["id"]?.string } == ids)
    #expect(told.map { $0["function"]?["arguments"] } == ["{\"a\": 1, \"b\": 2}", "{}"])
  }

  @Test func anAnswerOfOneCallIsCompleteWithItsEnd() {
    var response = response(tools: [], several: false)
    for (index, text) in Self.calls.enumerated() {
      #expect(response.isComplete(0) == (index > 3))
      _ = response.append(piece(text), to: 0)
    }
    #expect(response.append(piece("More.", tokens: 7), to: 0).isEmpty)
    _ = response.finish(0, .length, statistics(generated: 12))
    let choice = response.completion["choices"]?[0]
    #expect(choice?["message"]?["tool_calls"]?.array?.map { $0["function"]?["name"] } == ["add"])
    #expect(choice?["finish_reason"] == "tool_calls" && choice?["message"]?["content"] == "Let me see.")
    #expect(response.usage.completionTokens == 4)
  }

  /// Streamed or not, calls are the reason for the end when one is complete and the answer has not been cut off.
  @Test(arguments: [
    (4, FinishReason.stop, "tool_calls"), (4, .length, "length"), (3, .stop, "stop"), (3, .length, "length"),
  ]) func theReasonIsTheSameStreamedOrNot(pieces: Int, reason: FinishReason, name: String) {
    var response = response(tools: [])
    for text in Self.calls.prefix(pieces) { _ = response.append(piece(text), to: 0) }
    let last = response.finish(0, reason, statistics()).last
    #expect(last?["choices"]?[0]?["finish_reason"] == .string(name))
    #expect(response.completion["choices"]?[0]?["finish_reason"] == .string(name))
  }

  @Test func mistralTakesIDsOfNineCharacters() {
    let ids = (0..<50).map { _ in ToolCall.makeID(.mistral) }
    #expect(ids.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9]{9}/) != nil } && Set(ids).count == 50)
  }

  @Test func anAnswerOfCallsAloneHasNoContent() {
    var response = response(tools: [])
    _ = response.append(piece(Self.calls[4]), to: 0)
    _ = response.finish(0, .stop, statistics())
    #expect(response.completion["choices"]?[0]?["message"]?["content"] == .null)
  }

  @Test func logprobsOfHeldBackTextComeWithTheNextDelta() throws {
    let tokenizer = try tinyTokenizer()
    let ids = try tokenizer.encode("7 = 7")
    var response = response(format: LogprobsFormat(tokenizer: tokenizer))
    func token(_ index: Int) -> GeneratedToken {
      let top = [TokenLogprob(id: ids[index], logprob: -0.5), TokenLogprob(id: 0, logprob: -.infinity)]
      return GeneratedToken(id: ids[index], logprobs: TokenLogprobs(chosen: -0.5, top: top))
    }
    // The first token's text waits for the second's.
    let texts = ids.prefix(2).map { tokenizer.decode([$0]) }
    var events = response.append(TextPiece(text: "", tokens: [token(0)]), to: 0)
    let sources = Array(repeating: -1, count: texts[0].utf8.count) + Array(repeating: 0, count: texts[1].utf8.count)
    events += response.append(TextPiece(text: texts.joined(), tokens: [token(1)], sources: sources), to: 0)
    events += response.append(
      TextPiece(text: "", tokens: [GeneratedToken(id: 2, logprobs: TokenLogprobs(chosen: 0, top: []), isStop: true)]),
      to: 0)
    events += response.finish(0, .stop, statistics())
    let told = events.compactMap { $0["choices"]?[0]?["logprobs"]?["content"]?.array }.flatMap { $0 }
    #expect(told.map { $0["token"]?.string } == texts)
    let first = try #require(told.first)
    #expect(first["logprob"] == -0.5)
    #expect(first["bytes"] == .array(tokenizer.bytes(for: ids[0]).map { .integer(Int($0)) }))
    // JSON has no infinity.
    #expect(first["top_logprobs"]?[1]?["logprob"] == -9999.0)
    #expect(response.completion["choices"]?[0]?["logprobs"] == ["content": .array(told), "refusal": .null])
  }
}
