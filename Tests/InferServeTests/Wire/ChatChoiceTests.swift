import InferText
import TestSupport
import Testing

@testable import InferCore
@testable import infer_serve

/// What a choice tells of answers that come in pieces of every kind.
struct ChatChoiceTests {
  private static let format = Result { LogprobsFormat(tokenizer: try tinyTokenizer()) }

  /// An answer's tokens, cut anywhere, and the pieces that they come in. A token's log-probability is its number,
  /// negated.
  fileprivate struct Recital {
    var pieces: [TextPiece] = []
    /// The number of the token that each byte comes from.
    var numbers: [Int] = []
    var count: Int { (numbers.last ?? -1) + 1 }

    /// `<|eos|>` of the tiny model: as long as the longest of the tokens.
    private static let longToken: Int32 = 2

    init(_ text: String, using random: inout SeededGenerator) {
      let bytes = Array(text.utf8)
      while numbers.count < bytes.count {
        let length = min(Int.random(in: 1...7, using: &random), bytes.count - numbers.count)
        numbers += Array(repeating: count, count: length)
      }
      var (start, first) = (0, 0)
      for number in 0..<count {
        var end = numbers.lastIndex(of: number).map { $0 + 1 } ?? 0
        // Whole characters, and sometimes less than there is.
        if number < count - 1, Int.random(in: 0..<4, using: &random) == 0 {
          end = Int.random(in: start...end, using: &random)
        }
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        guard end > start || number == count - 1 else { continue }
        let tokens = (first...number).map {
          GeneratedToken(id: Self.longToken, logprobs: TokenLogprobs(chosen: -Float($0), top: []))
        }
        pieces.append(
          TextPiece(
            text: String(decoding: bytes[start..<end], as: UTF8.self), tokens: tokens,
            sources: numbers[start..<end].map { $0 - first }))
        (start, first) = (end, number + 1)
      }
    }
  }

  private static let answers = [
    "<think>\n雞 = 35·2\n\nSo 70 = 🐔.\n</think>\n\nThere are 23 chickens = 雞23隻, é.\n",
    "<think>\n\n</think>\n\nNo thought = no reasoning.",
    "Let me see = 1.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": \"=🐔\"}}\n</tool_call>\n",
    "A <tool_call> that = is none</tool_call> and goes on. <tool_call>{\"name\": \"now\"}</tool_call> The = end",
    "<think>only = thinking, 雞", "",
  ]

  fileprivate struct Run {
    var choice: ChatChoice
    var deltas: [ChatChoice.Delta] = []
    var logprobs: ChatLogprobs.Delta { choice.logprobs ?? ChatLogprobs.Delta(content: [], reasoning: []) }

    init(_ recital: Recital, _ options: ChatChoice.Options) {
      choice = ChatChoice(
        OutputParser(OutputFormat(template: "<tool_call>"), prompt: "", tools: []), options)
      for piece in recital.pieces where !choice.isComplete { deltas += choice.append(piece) }
      deltas += choice.finish(.length, statistics(generated: recital.count))
    }
  }

  private func bytes(_ elements: [JSONValue]) -> [UInt8] {
    elements.flatMap { $0["bytes"]?.array ?? [] }.map { UInt8($0.int ?? 0) }
  }

  private func numbers(_ elements: [JSONValue]) -> [Int] { elements.map { Int(-($0["logprob"]?.double ?? 1)) } }

  /// The bytes of log-probabilities are the message's content, and its reasoning, wherever tokens begin and end.
  @Test(arguments: answers) func logprobsAreThoseOfTheText(answer: String) throws {
    var random = SeededGenerator(seed: 3)
    let options = ChatChoice.Options(logprobs: try Self.format.get())
    for _ in 0..<100 {
      let recital = Recital(answer, using: &random)
      let run = Run(recital, options)
      let logprobs = run.logprobs
      #expect(bytes(logprobs.content) == Array(run.choice.content.utf8))
      #expect(bytes(logprobs.reasoning) == Array((run.choice.reasoning ?? "").utf8))
      for list in [logprobs.content, logprobs.reasoning] {
        let numbers = numbers(list)
        #expect(numbers == Array(Set(numbers)).sorted())
        #expect(list.allSatisfy { $0["bytes"]?.array?.isEmpty == false })
      }
      // A stream tells the same, and every element once.
      #expect(run.deltas.flatMap { $0.logprobs?.content ?? [] } == logprobs.content)
      #expect(run.deltas.flatMap { $0.logprobs?.reasoning ?? [] } == logprobs.reasoning)
      #expect(run.deltas.compactMap(\.content).joined() == run.choice.content)
      // Tokens of the reasoning, with those of its tags, come before the content.
      if let first = numbers(logprobs.content).first, run.choice.reasoning != nil {
        #expect(run.choice.reasoningTokens == first)
      }
    }
  }

  /// A token across the end of the reasoning stands in both lists, with its part of each.
  @Test func aTokenAcrossATagStandsWithItsParts() throws {
    let format = try Self.format.get()
    var choice = ChatChoice(
      OutputParser(OutputFormat(template: ""), prompt: "<think>"), ChatChoice.Options(logprobs: format))
    let token = { GeneratedToken(id: 0, logprobs: TokenLogprobs(chosen: $0, top: [])) }
    _ = choice.append(TextPiece(text: "so</think>no", tokens: [token(-1)]))
    _ = choice.append(TextPiece(text: "w", tokens: [token(-2)]))
    _ = choice.finish(.stop, statistics())
    let told = try #require(choice.logprobs)
    #expect(told.reasoning.map { $0["token"] } == ["so"] && told.content.map { $0["token"] } == ["no", "w"])
    #expect(told.json.keys == ["content", "reasoning_content", "refusal"])
  }

  /// A stop string ends the answer where it stands in the content; reasoning and calls may hold it.
  @Test(arguments: answers, ["=", "= ", "雞", "n", "23 chickens", "tool", "\n", "no such thing", "e", "t = "])
  func stopStringsAreLookedForInTheContent(answer: String, stop: String) throws {
    var random = SeededGenerator(seed: 4)
    let recital = Recital(answer, using: &random)
    let whole = Run(recital, ChatChoice.Options())
    // What calls part is no stop string.
    let parts = whole.contents
    let hit = parts.lazy.compactMap { part in part.utf8.firstIndex(of: stop).map { (part, $0) } }.first
    for includes in [false, true] {
      let conditions = try StopConditions(stopStrings: [stop], includesStopString: includes)
      let options = ChatChoice.Options(stop: conditions, logprobs: try Self.format.get())
      for _ in 0..<20 {
        let recital = Recital(answer, using: &random)
        let run = Run(recital, options)
        let content = run.choice.content
        #expect(run.deltas.compactMap(\.content).joined() == content)
        #expect(bytes(run.logprobs.content) == Array(content.utf8))
        #expect(bytes(run.deltas.flatMap { $0.logprobs?.content ?? [] }) == Array(content.utf8))
        #expect(run.choice.reasoning == whole.choice.reasoning)
        guard hit != nil else {
          #expect(content == whole.choice.content && !run.choice.isComplete)
          continue
        }
        #expect(run.choice.isComplete && run.choice.finishReason == .stop)
        #expect(whole.choice.content.utf8.starts(with: content.utf8))
        #expect(content.utf8.firstIndex(of: stop) == nil || includes)
        // Tokens are counted up to the one that completed the stop string.
        let generated = try #require(run.choice.statistics?.generatedTokens)
        let prefix = { (count: Int) in
          String(decoding: answer.utf8.prefix(recital.numbers.prefix { $0 < count }.count), as: UTF8.self)
        }
        let contents = { (count: Int) in Run(text: prefix(count) + "!").contents }
        if !stop.contains("\n"), !stop.hasSuffix(" ") {
          #expect(contents(generated).contains { $0.utf8.firstIndex(of: stop) != nil })
          #expect(!contents(generated - 1).contains { $0.utf8.firstIndex(of: stop) != nil })
        }
      }
    }
  }

  @Test func theFirstTokensCanBeNoPartOfAStopString() throws {
    for (minimum, expected) in [(0, ""), (1, "ab"), (2, "abab"), (3, "ababab"), (9, "abababab")] {
      let conditions = try StopConditions(minTokens: minimum, stopStrings: ["a"])
      var choice = ChatChoice(
        OutputParser(OutputFormat(template: ""), prompt: ""), ChatChoice.Options(stop: conditions))
      for _ in 0..<4 { _ = choice.append(piece("ab")) }
      _ = choice.finish(.length, statistics(generated: 4))
      #expect(choice.content == expected && choice.isComplete == (minimum < 4))
      #expect(choice.statistics?.generatedTokens == min(minimum + 1, 4))
    }
  }

  @Test func whatIsHeldBackComesBeforeACallAndAtTheEnd() throws {
    let conditions = try StopConditions(stopStrings: ["ab<", "abc"])
    var choice = ChatChoice(
      OutputParser(OutputFormat(template: "<tool_call>"), prompt: "", tools: []), ChatChoice.Options(stop: conditions))
    #expect(choice.append(piece("ab")).isEmpty)
    let deltas = choice.append(piece("<tool_call>{\"name\": \"f\"}</tool_call>c ab"))
    #expect(deltas.first?.content == "ab" && deltas.dropFirst().first?.toolCall?.head?.name == "f")
    let rest = choice.finish(.stop, statistics())
    #expect(rest.compactMap(\.content) == ["ab"] && choice.content == "abc ab")
    #expect(choice.finishReasonName == "tool_calls")
  }

  @Test func reasoningIsToldWhereItIsWanted() {
    for (place, reasoning, content) in [
      (ReasoningFields.Place.besideContent, "hm", "so"), (.nowhere, nil, "so"), (.inContent, nil, "hmso"),
    ] as [(ReasoningFields.Place, String?, String)] {
      var choice = ChatChoice(
        OutputParser(OutputFormat(template: ""), prompt: ""), ChatChoice.Options(reasoningPlace: place))
      let deltas =
        choice.append(piece("<think>hm</think>", tokens: 3)) + choice.append(piece("so"))
        + choice.finish(.stop, statistics())
      #expect(choice.reasoning == reasoning && choice.content == content && choice.reasoningTokens == 3)
      #expect(deltas.compactMap(\.reasoning).joined() == reasoning ?? "")
    }
  }
}

extension ChatChoiceTests.Run {
  fileprivate init(text: String) {
    choice = ChatChoice(
      OutputParser(OutputFormat(template: "<tool_call>"), prompt: "", tools: []))
    deltas = choice.append(piece(text)) + choice.finish(.length, statistics())
  }

  /// The stretches of content between calls.
  fileprivate var contents: [String] {
    deltas.split { $0.toolCall != nil }.map { $0.compactMap(\.content).joined() }
  }
}

extension String.UTF8View {
  /// Where bytes begin that are those of a text.
  fileprivate func firstIndex(of text: String) -> Index? {
    indices.first { self[$0...].starts(with: text.utf8) }
  }
}
