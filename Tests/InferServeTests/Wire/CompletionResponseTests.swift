import InferText
import Testing

@testable import InferCore
@testable import infer_serve

struct CompletionResponseTests {
  private let head = ResponseHead(id: "cmpl-1", created: 1_700_000_000, model: "tiny", announcesUsage: false)

  @Test func choicesContinueTheirPrompts() {
    var response = CompletionResponse(
      head: head, choices: [CompletionChoice(prompt: 0), CompletionChoice(prompt: 0), CompletionChoice(prompt: 1)])
    for index in 0..<3 {
      #expect(response.append(piece("text\(index)"), to: index).isEmpty)
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
    let choice = CompletionChoice(prompt: 0, echo: EchoedPrompt(text: "2+2", tokens: [1]))
    var streamed = CompletionResponse(head: head, choices: [choice], isStreamed: true)
    var events = streamed.append(piece("=4"), to: 0)
    events += streamed.append(piece("."), to: 0)
    events += streamed.finish(0, .stop, statistics())
    #expect(events.map { $0["choices"]?[0]?["text"]?.string } == ["2+2=4", ".", ""])
    #expect(events.last?["choices"]?[0]?["finish_reason"] == "stop")
    var whole = CompletionResponse(head: head, choices: [choice])
    _ = whole.append(piece("=4"), to: 0)
    #expect(whole.completion["choices"]?[0]?["text"] == "2+2=4")
    var empty = CompletionResponse(head: head, choices: [choice], isStreamed: true)
    #expect(empty.finish(0, .stop, statistics()).map { $0["choices"]?[0]?["text"]?.string } == ["2+2", ""])
  }

  private func token(_ id: Int32, _ logprob: Float = -1, top: [Int32] = [], isStop: Bool = false) -> GeneratedToken {
    let candidates = top.enumerated().map { TokenLogprob(id: $1, logprob: -0.5 - Float($0)) }
    return GeneratedToken(id: id, logprobs: TokenLogprobs(chosen: logprob, top: candidates), isStop: isStop)
  }

  /// A prompt of whole and cut characters, whose last token stands for nothing in the text.
  @Test func offsetsArePlacesInThePromptAndWhatFollows() throws {
    let tokenizer = try tinyTokenizer()
    let text = "é雞🤖 2"
    let ids = try tokenizer.encode(text)
    let end = try #require((0..<Int32(tokenizer.vocabularySize)).first { tokenizer.isSpecial($0) })
    let names = TokenNames(tokenizer: tokenizer)
    let prompt = EchoedPrompt(text: text, tokens: ids + [end])
    var choice = CompletionChoice(prompt: 0, echo: prompt, logprobs: CompletionLogprobs(names, count: 0))
    let scores = (ids + [end]).dropFirst().map {
      PromptTokenScore(id: $0, logprobs: TokenLogprobs(chosen: -2, top: []), rank: 3)
    }
    choice.append(Array(scores.prefix(2)))
    choice.append(Array(scores.dropFirst(2)))
    choice.append(TextPiece(text: "x", tokens: [token(ids[0]), token(end, isStop: true)]))
    let logprobs = try #require(choice.whole.logprobs)
    let offsets = logprobs["text_offset"]?.array?.compactMap(\.int) ?? []
    var (bytes, expected) = ([UInt8](), [Int]())
    for id in ids {
      // Whole characters before the token.
      var count = 0
      while count <= bytes.count, String(validating: bytes.dropLast(count), as: UTF8.self) == nil { count += 1 }
      expected.append(String(decoding: bytes.dropLast(count), as: UTF8.self).unicodeScalars.count)
      bytes += tokenizer.bytes(for: id)
    }
    #expect(offsets.prefix(ids.count) == expected[...] && offsets[ids.count] == text.unicodeScalars.count)
    #expect(offsets[ids.count + 1] == text.unicodeScalars.count && offsets.count == ids.count + 3)
    let chosen = logprobs["token_logprobs"]?.array ?? []
    #expect(chosen.first == .null && chosen.dropFirst().prefix(ids.count).allSatisfy { $0 == -2.0 })
    #expect(logprobs["top_logprobs"]?[0] == .null && logprobs["top_logprobs"]?[1]?.object?.count == 1)
  }

  @Test func aStreamTellsEachTokenOnce() throws {
    let names = TokenNames(tokenizer: try tinyTokenizer())
    let choice = CompletionChoice(prompt: 0, logprobs: CompletionLogprobs(names, count: 2))
    var (streamed, whole) = (choice, choice)
    var told: [JSONValue] = []
    for id: Int32 in [40, 41, 200, 201] {
      let piece = TextPiece(text: "x", tokens: [token(id, top: [id + 1, id])])
      streamed.append(piece)
      whole.append(piece)
      told += streamed.take()?.logprobs?["text_offset"]?.array ?? []
    }
    #expect(streamed.take() == nil)
    #expect(whole.whole.logprobs?["text_offset"] == .array(told) && told.count == 4)
  }

  @Test func tokensThatPrintAlikeHaveNamesOfTheirOwn() throws {
    let tokenizer = try tinyTokenizer()
    let names = TokenNames(tokenizer: tokenizer)
    let size = Int32(tokenizer.vocabularySize)
    let parts = (0..<size).filter { String(validating: tokenizer.bytes(for: $0), as: UTF8.self) == nil }
    try #require(parts.count >= 3)
    for id in parts {
      #expect(
        names.name(id) == "bytes:"
          + tokenizer.bytes(for: id).map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
    // An id without a token, as logits that are wider than the vocabulary have.
    #expect(names.name(size + 5) == "token_id:\(size + 5)")
    let top = parts.prefix(3) + [size + 5, size + 6]
    let logprobs = try #require(token(parts[1], -1.5, top: Array(top)).logprobs)
    let members = try #require(names.byName(parts[1], logprobs, count: 5).object)
    #expect(members.count == 5 && members[names.name(parts[1])] == -1.5)
    #expect(names.byName(7, logprobs, count: 2).object?.count == 3)
    let numbers = TokenNames(tokenizer: tokenizer, areNumbers: true)
    #expect(
      numbers.byName(7, logprobs, count: 1).object?.keys.elementsEqual(["token_id:\(parts[0])", "token_id:7"]) == true)
  }

  @Test func theMostLikelyChoicesAreTold() {
    var response = CompletionResponse(
      head: head, choices: (0..<6).map { CompletionChoice(prompt: $0 / 3) }, keeping: 2)
    for (index, logprob) in [-3, -1, -2, -5, -5, -4].enumerated() {
      _ = response.append(TextPiece(text: "\(index)", tokens: [token(1, Float(logprob)), token(2, -1)]), to: index)
      _ = response.finish(index, .length, statistics(generated: 2))
    }
    let choices = response.completion["choices"]?.array ?? []
    #expect(
      choices.map { $0["text"]?.string } == ["1", "2", "5", "3"] && choices.map { $0["index"]?.int } == [0, 1, 2, 3])
    #expect(response.completion["usage"]?["completion_tokens"] == 12)
  }

  @Test func promptLogprobsHaveTheTokenAndTheMostLikelyOnes() throws {
    var log = PromptLogprobs(try tinyTokenizer(), count: 2)
    let best = [TokenLogprob(id: 3, logprob: -0.5), TokenLogprob(id: 9, logprob: -1), TokenLogprob(id: 4, logprob: -9)]
    log.append([
      PromptTokenScore(id: 9, logprobs: TokenLogprobs(chosen: -1, top: best), rank: 2),
      PromptTokenScore(id: 7, logprobs: TokenLogprobs(chosen: -.infinity, top: best), rank: 40),
    ])
    #expect(log.json[0] == .null && log.json[1]?.object?.keys.elementsEqual(["9", "3"]) == true)
    #expect(log.json[1]?["9"]?["rank"] == 2 && log.json[1]?["3"]?["rank"] == 1)
    #expect(log.json[2]?["7"]?["rank"] == 40 && log.json[2]?["7"]?["logprob"] == -9999.0)
    #expect(log.json[2]?.object?.count == 3)
  }
}
