import Testing

@testable import InferCore
@testable import infer_serve

struct CompletionResponseTests {
  private let head = ResponseHead(id: "cmpl-1", created: 1_700_000_000, model: "tiny", announcesUsage: false)

  @Test func choicesContinueTheirPrompts() {
    var response = CompletionResponse(
      head: head,
      choices: [
        CompletionChoice(prompt: 0, echo: "", format: nil), CompletionChoice(prompt: 0, echo: "", format: nil),
        CompletionChoice(prompt: 1, echo: "", format: nil),
      ])
    for index in 0..<3 {
      _ = response.append(piece("text\(index)"), to: index)
      _ = response.finish(index, .length, statistics(prompt: index < 2 ? 5 : 8, generated: 3))
    }
    let object = response.completion
    #expect(object["object"] == "text_completion")
    #expect(object["choices"]?.array?.map { $0["text"]?.string } == ["text0", "text1", "text2"])
    #expect(object["choices"]?.array?.map { $0["index"]?.int } == [0, 1, 2])
    #expect(object["usage"]?["prompt_tokens"] == 13)
    #expect(object["usage"]?["completion_tokens"] == 9)
  }

  @Test func anEchoComesWithTheFirstText() {
    var response = CompletionResponse(head: head, choices: [CompletionChoice(prompt: 0, echo: "2+2", format: nil)])
    var events = response.append(piece("=4"), to: 0)
    events += response.append(piece("."), to: 0)
    events += response.finish(0, .stop, statistics())
    #expect(events.map { $0["choices"]?[0]?["text"]?.string } == ["2+2=4", ".", ""])
    #expect(events.last?["choices"]?[0]?["finish_reason"] == "stop")
    #expect(response.completion["choices"]?[0]?["text"] == "2+2=4.")
    var empty = CompletionResponse(head: head, choices: [CompletionChoice(prompt: 0, echo: "2+2", format: nil)])
    #expect(empty.finish(0, .stop, statistics()).map { $0["choices"]?[0]?["text"]?.string } == ["2+2", ""])
  }

  @Test func logprobsHaveOffsetsIntoTheText() throws {
    let tokenizer = try tinyTokenizer()
    let ids = try tokenizer.encode("雞 12")
    let tokens = ids.map { id in
      GeneratedToken(
        id: id, logprobs: TokenLogprobs(chosen: -1, top: [TokenLogprob(id: 0, logprob: -0.5)]))
    }
    var response = CompletionResponse(
      head: head, choices: [CompletionChoice(prompt: 0, echo: "", format: LogprobsFormat(tokenizer: tokenizer))])
    var events: [JSONValue] = []
    for token in tokens { events += response.append(TextPiece(text: "x", tokens: [token]), to: 0) }
    let whole = try #require(response.completion["choices"]?[0]?["logprobs"])
    #expect(whole["tokens"]?.array?.count == ids.count)
    #expect(whole["token_logprobs"] == .array(ids.map { _ in -1.0 }))
    let streamed = events.compactMap { $0["choices"]?[0]?["logprobs"]?["text_offset"]?[0]?.int }
    #expect(whole["text_offset"]?.array?.compactMap(\.int) == streamed)
    #expect(streamed.first == 0 && streamed == streamed.sorted())
    // The chosen token stands among the most likely ones even when it is none of them.
    #expect(whole["top_logprobs"]?[0]?.object?.count == 2)
  }
}
