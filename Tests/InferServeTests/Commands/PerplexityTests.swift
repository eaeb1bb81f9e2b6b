import Foundation
import InferCore
import TestSupport
import Testing

@testable import infer_serve

@Suite struct PerplexityTests {
  /// −ln softmax(row)[token], in double precision.
  private func surprise(_ row: [Float], _ token: Int32) -> Double {
    let total = row.reduce(0.0) { $0 + exp(Double($1)) }
    return log(total) - Double(row[Int(token)])
  }

  private func divergence(_ p: [Float], _ q: [Float]) -> Double {
    p.indices.reduce(0) { sum, token in
      let a = -surprise(p, Int32(token))
      return sum + exp(a) * (a + surprise(q, Int32(token)))
    }
  }

  private func tokens(_ count: Int, seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
  }

  private func run(
    _ windows: TextWindows, _ model: any LanguageModel, _ reference: (any LanguageModel)? = nil, batchTokens: Int = 7
  ) throws -> PerplexityRunner {
    var runner = try PerplexityRunner(
      windows, model: model, reference: reference, kvType: .f32, threads: 1, batchTokens: batchTokens)
    for index in 0..<windows.count { try runner.read(index) }
    return runner
  }

  @Test(arguments: [nil, 3, 11] as [Int?], [nil, 42] as [Int32?])
  func theScoreIsThatOfAHandComputedSoftmax(stride: Int?, begin: Int32?) throws {
    let model = HashModel()
    let text = tokens(70, seed: 1)
    let windows = TextWindows(tokens: text, context: 16, stride: stride, begin: begin)
    var surprises: [Double] = []
    for first in Swift.stride(from: 0, through: 70 - 16, by: stride ?? 16) {
      var window = Array(text[first..<first + 16])
      if let begin { window[0] = begin }
      for position in (stride.map { 15 - $0 } ?? 8)..<15 {
        surprises.append(surprise(model.logits(after: Array(window[...position])), window[position + 1]))
      }
    }
    let mean = surprises.reduce(0, +) / Double(surprises.count)
    let variance = surprises.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(surprises.count)
    for batchTokens in [1, 7, 100] {
      let score = try run(windows, model, batchTokens: batchTokens).score
      #expect(score.count == surprises.count)
      #expect(abs(score.perplexity / exp(mean) - 1) < 1e-5)
      #expect(abs(score.error / (exp(mean) * (variance / Double(surprises.count - 1)).squareRoot()) - 1) < 1e-4)
    }
  }

  @Test func aModelIsComparedTokenByToken() throws {
    let (model, other) = (HashModel(memory: .paged), HashModel(memory: .recurrent))
    let text = tokens(64, seed: 2)
    let windows = TextWindows(tokens: text, context: 32, stride: nil, begin: nil)
    let runner = try run(windows, model, other)
    var values: [Double] = []
    var equal = 0
    for first in [0, 32] {
      for position in 16..<31 {
        let history = Array(text[first...first + position])
        let (q, p) = (model.logits(after: history), other.logits(after: history))
        values.append(divergence(p, q))
        if p.firstIndex(of: p.max() ?? 0) == q.firstIndex(of: q.max() ?? 0) { equal += 1 }
      }
    }
    let mean = values.reduce(0, +) / 30
    #expect(abs(runner.divergence.mean / mean - 1) < 1e-5)
    #expect(abs(runner.divergence.most / (values.max() ?? 0) - 1) < 1e-5)
    #expect(runner.divergence.sameTop == Double(equal) / 30)
    #expect(runner.score.count == 30)
    // The reference's own score is what it has alone.
    let alone = try run(windows, other).score.perplexity
    #expect(runner.referenceScore?.perplexity == alone)
  }

  @Test func aModelIsNoDistanceFromItself() throws {
    let windows = TextWindows(tokens: tokens(40, seed: 3), context: 20, stride: nil, begin: nil)
    let runner = try run(windows, HashModel(), HashModel())
    #expect(runner.divergence.most < 1e-6 && runner.divergence.sameTop == 1)
    #expect(runner.score.perplexity == runner.referenceScore?.perplexity)
  }

  @Test func logitsThatAreNoNumbersAreNamed() throws {
    let windows = TextWindows(tokens: [1, 2, 3, 4, 5, 6, 5, 8], context: 4, stride: nil, begin: nil)
    #expect {
      try run(windows, HashModel(brokenToken: 5))
    } throws: { error in
      "\(error.localizedDescription)" == "window 2: the logits after token 2 give the next no probability"
    }
  }

  @Test func windowsStandSideBySideOrOverlap() {
    let text = (0..<21).map(Int32.init)
    let apart = TextWindows(tokens: text, context: 8, stride: nil, begin: nil)
    #expect(apart.count == 2 && apart.window(1) == Array(8..<16) && apart.scored == 4..<7)
    let overlapping = TextWindows(tokens: text, context: 8, stride: 3, begin: 99)
    #expect(overlapping.count == 5 && overlapping.scored == 4..<7)
    #expect(overlapping.window(4) == [99] + Array(13..<20))
    #expect(TextWindows(tokens: Array(text.prefix(7)), context: 8, stride: nil, begin: nil).count == 0)
  }

  @Test func oneInAHundredPassesTheLastPercentile() {
    var divergence = Divergence()
    for value in (1...200).reversed() { divergence.add(Double(value), sameTop: value % 4 == 0) }
    #expect(divergence.percentile99 == 198 && divergence.most == 200 && divergence.mean == 100.5)
    #expect(divergence.sameTop == 0.25)
    // The standard deviation of 1 … 200 is √3350, n − 1 in the denominator.
    #expect(abs(divergence.error - (3350.0 / 200).squareRoot()) < 1e-9)
  }
}
