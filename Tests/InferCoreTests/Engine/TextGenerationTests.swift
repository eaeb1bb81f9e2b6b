import TestSupport
import Testing

@testable import InferCore

/// Tokens 0…93 are the printable ASCII characters from "!", 94 and 95 the two bytes of "é", 96 a special token.
private func makeTokenizer() throws -> Tokenizer {
  var vocabulary: JSONValue = [:]
  for index in 0..<94 { vocabulary[String(UnicodeScalar(UInt8(0x21 + index)))] = .integer(index) }
  vocabulary["Ã"] = .integer(94)
  vocabulary["©"] = .integer(95)
  let end: JSONValue = [
    "id": .integer(96), "content": .string("<|end|>"), "single_word": .bool(false), "lstrip": .bool(false),
    "rstrip": .bool(false), "normalized": .bool(false), "special": .bool(true),
  ]
  return try Tokenizer(json: [
    "added_tokens": .array([end]),
    "pre_tokenizer": ["type": .string("ByteLevel"), "add_prefix_space": .bool(false), "use_regex": .bool(true)],
    "decoder": ["type": .string("ByteLevel")],
    "model": ["type": .string("BPE"), "vocab": vocabulary, "merges": .array([])],
  ])
}

/// What a generation of text came to.
private struct Read {
  var pieces: [TextPiece] = []
  var reason: FinishReason?
  var statistics = GenerationStatistics(promptTokens: 0)
  var text: String { pieces.map(\.text).joined() }
  var tokens: [Int32] { pieces.flatMap { $0.tokens.map(\.id) } }

  init(_ generation: TextGeneration) async {
    for await event in generation {
      switch event {
      case .promptScores: break
      case .piece(let piece): pieces.append(piece)
      case .finished(let reason, let statistics): (self.reason, self.statistics) = (reason, statistics)
      }
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct TextGenerationTests {
  private let tokenizer: Tokenizer
  private let model = HashModel()
  private let prompt: [Int32] = [4, 8, 15]

  init() throws { tokenizer = try makeTokenizer() }

  private func read(_ stop: StopConditions, on engine: Engine) async throws -> Read {
    await Read(
      try engine.submitText(GenerationRequest(prompt: prompt, sampling: .greedy, stop: stop), tokenizer: tokenizer))
  }

  @Test func piecesJoinToTheDecodedTokens() async throws {
    let engine = try Engine(model: model, configuration: smallConfiguration())
    let read = try await read(try StopConditions(maxTokens: 400), on: engine)
    let expected = model.greedy(after: prompt, count: 400)
    #expect(read.tokens == expected && read.reason == .length)
    #expect(read.text == tokenizer.decode(expected, skippingSpecialTokens: true))
  }

  @Test func aStopStringEndsTextUsageAndWork() async throws {
    let engine = try Engine(model: HashModel.unhurried(), configuration: smallConfiguration())
    let text = tokenizer.decode(model.greedy(after: prompt, count: 12), skippingSpecialTokens: true)
    let needle = String(text.dropFirst(8).prefix(3))
    let read = try await read(try StopConditions(stopStrings: ["\u{1}", needle]), on: engine)
    let before = try #require(text.firstRange(of: needle)?.lowerBound)
    #expect(read.text == text[..<before] && read.reason == .stop)
    #expect(read.statistics.generatedTokens == read.tokens.count)
    #expect(tokenizer.decode(read.tokens, skippingSpecialTokens: true).hasSuffix(needle))
    #expect(engine.metrics.requestSuccess("stop").value == 1 && engine.metrics.requestSuccess("abort").value == 0)
    let including = try await self.read(
      try StopConditions(stopStrings: [needle], includesStopString: true), on: engine)
    #expect(including.text == text[..<before] + needle)
    let later = try await self.read(
      try StopConditions(maxTokens: 12, minTokens: 12, stopStrings: [needle]), on: engine)
    #expect(later.text == text && later.reason == .length)
  }

  @Test func cancellingEndsTheText() async throws {
    let engine = try Engine(model: HashModel.unhurried(), configuration: smallConfiguration())
    let generation = try engine.submitText(GenerationRequest(prompt: prompt), tokenizer: tokenizer)
    var last: TextEvent?
    for await event in generation {
      generation.cancel()
      last = event
    }
    guard case .finished(.cancelled, _) = last else {
      Issue.record("ended with \(String(describing: last))")
      return
    }
  }

  private func pieces(_ ids: [Int32], _ stop: StopConditions) -> [TextPiece] {
    var assembly = TextAssembly(stop, StreamingDetokenizer(tokenizer))
    let pieces = ids.map { assembly.append(GeneratedToken(id: $0, isStop: $0 == 0)) }
    return (pieces + [assembly.finish()]).compactMap { $0 }
  }

  /// A piece carries the tokens whose text it is; tokens without text come with what follows, or last.
  @Test func piecesCarryTheirTokens() throws {
    let stop = try StopConditions(stopStrings: ["BCD"])
    let (b, c, d) = (Int32(33), Int32(34), Int32(35))
    func list(_ pieces: [TextPiece]) -> [String] { pieces.map { "\($0.text):\($0.tokens.map(\.id))" } }
    #expect(list(pieces([94, 95, b], stop)) == ["é:[94, 95]", "B:[33]"])
    #expect(list(pieces([96, b, c, b, 94], stop)) == ["BC:[96, 33, 34, 33]", "B\u{FFFD}:[94]"])
    #expect(list(pieces([b, c, d, b], stop)) == [":[33, 34, 35]"])
    #expect(list(pieces([c, 0], stop)) == ["C:[34]", ":[0]"])
  }
}
