import InferMetrics
import InferText
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
      case .promptScores, .pooled: break
      case .piece(let piece): pieces.append(piece)
      case .finished(let reason, let statistics): (self.reason, self.statistics) = (reason, statistics)
      }
    }
  }
}

@Suite(.timeLimit(.minutes(10))) struct TextGenerationTests {
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

  /// Tokens 94 and 95 alone are no UTF-8, together they are "é": their text comes late, or is U+FFFD.
  @Test func everyByteOfTextComesFromItsToken() throws {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      let ids = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        [5, 6, 94, 94, 95, 95, 96].randomElement(using: &random) ?? Int32(0)
      }
      // Text that may become a stop string is held back.
      let stop = try StopConditions(stopStrings: ["&&&%%", "\u{FFFD}\u{FFFD}\u{FFFD}"])
      var assembly = TextAssembly(stop, StreamingDetokenizer(tokenizer))
      var pieces = ids.compactMap { assembly.append(GeneratedToken(id: $0)) }
      if let rest = assembly.finish() { pieces.append(rest) }
      var texts = [[UInt8]](repeating: [], count: ids.count)
      var count = 0
      for piece in pieces {
        for (byte, source) in zip(piece.text.utf8, piece.sources) { texts[count + source].append(byte) }
        count += piece.tokens.count
      }
      #expect(texts.joined().elementsEqual(pieces.map(\.text).joined().utf8))
      var index = 0
      while index < (assembly.hasStopped ? 0 : ids.count) {
        switch (ids[index], ids.dropFirst(index + 1).first { $0 != 96 }) {
        case (94, 95):
          // A special token has no text and does not part the two.
          let second = ids[(index + 1)...].firstIndex(of: 95) ?? index
          #expect(texts[index] == [0xC3] && texts[second] == [0xA9])
          index = second
        case (94, _), (95, _): #expect(texts[index] == Array("\u{FFFD}".utf8))
        case (96, _): #expect(texts[index] == [])
        case (let id, _): #expect(texts[index] == [UInt8(0x21 + id)])
        }
        index += 1
      }
    }
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
