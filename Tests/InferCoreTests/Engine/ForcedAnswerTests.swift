import Foundation
import TestSupport
import Testing

@testable import InferCore
@testable import InferText

/// Whatever a request asks for, an answer whose tokens are forced is told as one that is asked for token by token, as answers
/// with log-probabilities are.
@Suite(.timeLimit(.minutes(10))) struct ForcedAnswerTests {
  /// An answer as it was told, but for its log-probabilities.
  private struct Told: Equatable {
    struct Piece: Equatable {
      let text: String
      let tokens: [Int32]
      let areStops: [Bool]
      let sources: [Int]
    }

    var pieces: [Piece] = []
    var reason: FinishReason?
    var count = 0

    var text: String { pieces.map(\.text).joined() }
    var tokens: [Int32] { pieces.flatMap(\.tokens) }
  }

  private let tokenizer: Tokenizer
  private let end: Int32
  private let engine: Engine
  private let constraint: Constraint
  private let vocabulary: MaskVocabulary

  init() throws {
    let repository = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
    let tokenizer = try Tokenizer(folder: repository.appending(path: "Models/tiny"))
    self.tokenizer = tokenizer
    end = try #require((0..<Int32(tokenizer.vocabularySize)).first { tokenizer.isSpecial($0) })
    vocabulary = MaskVocabulary(tokenizer)
    constraint = try Constraint(
      regex: "The (red|green) one, and the rest of the sentence behind it; [a-c]{2,4} is é the end", for: vocabulary)
    let end = end
    engine = try Engine(
      model: HashModel(vocabularySize: tokenizer.vocabularySize),
      configuration: smallConfiguration { $0.endTokens = [end] })
  }

  private func told(
    _ stop: StopConditions, bias: [Int32: Float] = [:], seed: UInt64, isForced: Bool
  ) async throws -> Told {
    let sampling = try SamplingParameters(
      frequencyPenalty: 1, logitBias: bias, seed: seed, logprobs: isForced ? nil : 2)
    var request = GenerationRequest(prompt: [4, 8, 15], sampling: sampling, stop: stop)
    request.constrain(by: ConstrainedAnswer(constraint, for: vocabulary, tokenizer: tokenizer))
    var told = Told()
    for await event in try engine.submitText(request, tokenizer: tokenizer) {
      switch event {
      case .promptScores, .pooled: break
      case .piece(let piece):
        #expect(piece.tokens.allSatisfy { ($0.logprobs?.top.count == 2) == !isForced })
        told.pieces.append(
          Told.Piece(
            text: piece.text, tokens: piece.tokens.map(\.id), areStops: piece.tokens.map(\.isStop),
            sources: piece.sources))
      case .finished(let reason, let statistics): (told.reason, told.count) = (reason, statistics.generatedTokens)
      }
    }
    return told
  }

  /// The answer, asked for in both ways.
  @discardableResult private func compared(
    _ stop: StopConditions, bias: [Int32: Float] = [:], seed: UInt64 = 1
  ) async throws -> Told {
    let forced = try await told(stop, bias: bias, seed: seed, isForced: true)
    let asked = try await told(stop, bias: bias, seed: seed, isForced: false)
    #expect(forced == asked, "\(stop), biases \(bias)")
    #expect(forced.count == forced.tokens.count)
    return forced
  }

  @Test func lengthsEndAnAnswerAnywhere() async throws {
    let whole = try await compared(StopConditions(maxTokens: 100))
    #expect(whole.reason == .stop && whole.text.hasSuffix(" is é the end") && whole.count > 20)
    for length in 1..<whole.count {
      let cut = try await compared(StopConditions(maxTokens: length))
      #expect(cut.reason == .length && cut.count == length && whole.tokens.starts(with: cut.tokens))
    }
  }

  /// A string that stands in forced tokens, or begins or ends in them, or has the model choose behind it.
  @Test(arguments: ["rest of", "e se", "d one", "n one", "; ", "it; a", "c is", "the end", "é", "The"])
  func stopStringsEndAnAnswerAnywhere(string: String) async throws {
    for seed: UInt64 in 1...4 {
      let whole = try await compared(StopConditions(maxTokens: 100), seed: seed)
      for includesStop in [false, true] {
        for least in [0, 1, 5, 12] {
          let cut = try await compared(
            StopConditions(
              maxTokens: 100, minTokens: least, stopStrings: [string], includesStopString: includesStop), seed: seed)
          #expect(cut.reason == .stop && whole.tokens.starts(with: cut.tokens))
          if least == 0, whole.text.containsExactly(string) { #expect(cut.count < whole.count) }
        }
      }
    }
  }

  /// Tokens that must come do so whatever their bias, and one that ends the answer is no text of it.
  @Test func tokensThatMustComeCannotBeTalkedOutOf() async throws {
    let whole = try await compared(StopConditions(maxTokens: 100))
    let rest = try tokenizer.encode(continuation: " rest of the sentence".utf8)
    let biased = try await compared(
      StopConditions(maxTokens: 100), bias: Dictionary(uniqueKeysWithValues: Set(rest + [end]).map { ($0, -100) }))
    #expect(biased.text.containsExactly(" rest of the sentence") && biased.reason == .stop)
    let stopped = try await compared(StopConditions(maxTokens: 200, stopTokenIDs: [rest[1]]))
    #expect(stopped.reason == .stop && stopped.text.hasSuffix(" is é the end"))
    #expect(!stopped.tokens.dropLast().contains(rest[1]))
    let endless = try await compared(StopConditions(maxTokens: whole.count + 9, ignoresEndTokens: true))
    #expect(endless.reason == .length && endless.tokens.suffix(9) == Array(repeating: end, count: 9)[...])
  }
}
