import Foundation
import InferCore
import TestSupport
import Testing

@testable import infer_serve

struct AnswerTests {
  private func answer(_ engine: Engine, choices: Int, tokens: Int) throws -> Answer {
    let tokenizer = try tinyTokenizer()
    let stop = try StopConditions(maxTokens: tokens)
    let sampling = try SamplingParameters(seed: 5)
    let requests = (0..<choices).map { choice in
      GenerationRequest(prompt: [1, 2, 3], sampling: sampling.choice(choice), stop: stop)
    }
    return Answer(try engine.submit(requests).map { TextGeneration($0, stop: stop, tokenizer: tokenizer) })
  }

  private func tokens(_ answer: Answer, choices: Int) async -> [[Int32]] {
    var tokens = Array(repeating: [Int32](), count: choices)
    var ended = 0
    for await (choice, event, _) in answer {
      switch event {
      case .promptScores, .pooled: break
      case .piece(let piece): tokens[choice] += piece.tokens.map(\.id)
      case .finished(let reason, _):
        #expect(reason == .length)
        ended += 1
      }
    }
    #expect(ended == choices)
    return tokens
  }

  @Test func choicesSideBySideAreTheChoicesOneByOne() async throws {
    let engine = try Engine(model: HashModel(vocabularySize: 512))
    let together = await tokens(try answer(engine, choices: 3, tokens: 20), choices: 3)
    #expect(together.allSatisfy { $0.count == 20 } && Set(together).count == 3)
    let alone = await tokens(try answer(engine, choices: 1, tokens: 20), choices: 1)
    #expect(alone[0] == together[0])
    await engine.shutdown()
  }

  @Test(arguments: [1, 3]) func leavingTheLoopEndsEveryChoice(choices: Int) async throws {
    let engine = try Engine(model: HashModel.unhurried(vocabularySize: 512))
    try await leave(answer(engine, choices: choices, tokens: 4000))
    await engine.drain()
    #expect(engine.metrics.text().contains(#"finished_reason="abort"} \#(choices)"#))
  }

  private func leave(_ answer: consuming Answer) async throws {
    for await _ in answer { break }
  }
}
