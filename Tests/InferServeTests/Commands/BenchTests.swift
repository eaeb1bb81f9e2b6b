import ArgumentParser
import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore
@testable import infer_serve

@Suite struct BenchTests {
  /// Rows and positions of every step that a test runs.
  private func steps(_ test: BenchTest, batchTokens: Int, repetitions: Int) throws -> [[(position: Int, rows: Int)]] {
    let steps = Monitor<[[(position: Int, rows: Int)]]>([])
    let model = HashModel { plan in
      steps.withLock { $0.append(plan.runs.map { ($0.position, $0.tokens.count) }) }
    }
    let runner = try BenchRunner(model: model, test: test, kvType: .f16, threads: 1, batchTokens: batchTokens)
    let result = runner.measure(repetitions: repetitions)
    #expect(result.prompts.count == repetitions && result.generations.count == repetitions)
    #expect(result.generations.allSatisfy { $0.steps.count == test.generate })
    return steps.withLock { $0 }
  }

  @Test func whatStandsBeforeIsReadOnceInChunks() throws {
    let test = BenchTest(prompt: 0, generate: 2, depth: 70, batch: 1, isBatch: false)
    let steps = try steps(test, batchTokens: 32, repetitions: 3)
    let fill = [(0, 32), (32, 32), (64, 6)]
    let decode = [(70, 1), (71, 1)]
    let expected = fill + decode + decode + decode + decode
    #expect(steps.allSatisfy { $0.count == 1 } && steps.count == expected.count)
    #expect(zip(steps, expected).allSatisfy { $0[0] == $1 })
  }

  @Test func sequencesShareSteps() throws {
    let test = BenchTest(prompt: 5, generate: 1, depth: 0, batch: 3, isBatch: true)
    let steps = try steps(test, batchTokens: 8, repetitions: 1)
    let expected = [[(0, 5), (0, 3)], [(3, 2), (0, 5)], [(5, 1), (5, 1), (5, 1)]]
    #expect(steps.count == 6)
    for (step, rows) in zip(steps, expected + expected) {
      #expect(step.map(\.position) == rows.map(\.0) && step.map(\.rows) == rows.map(\.1))
    }
  }

  /// A token is chosen for each sequence behind its prompt, and for each that it generates.
  @Test func tokensAreChosenWhereThatIsWanted() throws {
    let test = BenchTest(prompt: 5, generate: 3, depth: 0, batch: 2, isBatch: true)
    for sampling in [nil, SamplingParameters.standard] {
      let runner = try BenchRunner(
        model: HashModel(), test: test, kvType: .f16, threads: 1, batchTokens: 8, sampling: sampling)
      let result = runner.measure(repetitions: 2)
      let phases = result.prompts + result.generations
      #expect(phases.allSatisfy { ($0.samplingSeconds > 0) == (sampling != nil) && $0.samplingSeconds < $0.seconds })
      #expect((result.samplingShare > 0) == (sampling != nil) && result.samplingShare < 1)
    }
  }

  private func work(bytes: Int, multiplyAdds: Int) -> StepWork {
    var work = StepWork()
    (work.weightBytes, work.cacheBytes, work.stateBytes) = (bytes - 3, 1, 2)
    work.multiplyAdds = multiplyAdds
    return work
  }

  /// 4 sequences read 10 tokens each and generate 2.
  private var result: BenchResult {
    var result = BenchResult(
      test: BenchTest(prompt: 10, generate: 2, depth: 0, batch: 4, isBatch: true), date: Date(timeIntervalSince1970: 0))
    for factor in [1.0, 4, 2] {
      result.prompts.append(BenchPhase(seconds: factor * 2, steps: [work(bytes: 900, multiplyAdds: 4_000)]))
      result.generations.append(
        BenchPhase(
          seconds: factor, steps: [work(bytes: 100, multiplyAdds: 300), work(bytes: 300, multiplyAdds: 500)]))
    }
    return result
  }

  private let roofline = Roofline(bandwidth: 1000, floatOperations: 10_000, byteOperations: 1)

  /// In the middle repetition the prompts take 4 s, of which their 8,000 operations need 0.8; 400 bytes in 2 s need
  /// 0.4.
  @Test func sharesAreLeastOverTakenTime() {
    #expect(abs(roofline.promptShare(result) - 0.2) < 1e-12)
    #expect(abs(roofline.generationShare(result) - 0.2) < 1e-12)
    #expect(abs(roofline.share(result) - 1.2 / 6) < 1e-12)
  }

  @Test func limitsAreMeasuredBetweenRepetitions() throws {
    let test = BenchTest(prompt: 1, generate: 1, depth: 3, batch: 1, isBatch: false)
    let steps = Monitor(0)
    let model = HashModel { _ in steps.withLock { $0 += 1 } }
    let runner = try BenchRunner(model: model, test: test, kvType: .f16, threads: 1, batchTokens: 8)
    let limits = runner.measure(repetitions: 2) {
      Roofline(bandwidth: Double(steps.withLock { $0 }), floatOperations: 1, byteOperations: 1)
    }.limits
    // Behind the context and the warm-up, and behind each repetition.
    #expect(limits.map(\.bandwidth) == [3, 5, 7])
    #expect(runner.measure(repetitions: 2).roofline == nil)
  }

  @Test func roofIsTheMedianOfTheLimits() throws {
    let limits = [3.0, 1, 8].map { Roofline(bandwidth: $0 * 1e9, floatOperations: 10 - $0, byteOperations: 4) }
    let median = Roofline(bandwidth: 3e9, floatOperations: 7, byteOperations: 4)
    #expect(Roofline(medianOf: limits) == median && Roofline(medianOf: []) == nil)
    let table = try #require(RooflineReport(limits, threads: 2)).table
    #expect(table.contains("| memory, read, GB/s | 3.0 | 1.0 … 8.0 |") && table.contains("2 threads"))
    #expect(!table.contains("bfloat16") && RooflineReport.members(median)["roof_bf16_flops"] == nil)
  }

  @Test func peakOfBFloatsStandsInReportsWhereThereIsOne() throws {
    let limits = [2.0, 1, 6].map {
      Roofline(bandwidth: 1e9, floatOperations: 1e9, byteOperations: 1e9, bfloatOperations: $0 * 1e9)
    }
    let report = try #require(RooflineReport(limits, threads: 2))
    #expect(report.table.hasSuffix("| multiply-adds of bfloat16, GFLOP/s | 2.0 | 1.0 … 6.0 |\n"))
    #expect(RooflineReport.members(report.median)["roof_bf16_flops"] == .number(2e9))
  }

  /// Four threads that take half the time of one are worth half as much each.
  @Test func efficiencyIsThatOfAThread() throws {
    var many = result
    many.threads = 4
    for index in 0..<3 {
      many.prompts[index].seconds /= 2
      many.generations[index].seconds /= 4
    }
    #expect(many.efficiency(beside: result, \.promptSeconds) == 0.5)
    #expect(many.efficiency(beside: result, \.generationSeconds) == 1)
    #expect(result.efficiency(beside: result, \.seconds) == 1)
    many.test.prompt = 0
    #expect(many.efficiency(beside: result, \.promptSeconds) == nil)
    let test = BenchTest(prompt: 3, generate: 1, depth: 0, batch: 1, isBatch: false)
    let runners = try [1, 3].map {
      try BenchRunner(model: HashModel(), test: test, kvType: .f16, threads: $0, batchTokens: 8)
    }
    let results = BenchRunner.measure(runners, repetitions: 2)
    #expect(results.map(\.threads) == [1, 3] && results.allSatisfy { $0.prompts.count == 2 })
  }

  @Test func barriersAreTold() throws {
    let test = BenchTest(prompt: 3, generate: 0, depth: 0, batch: 1, isBatch: false)
    let report = BarrierReport(
      costs: [
        (1, [BarrierCost(region: 2e-9)]),
        (2, [3e-7, 1e-7, 9e-7].map { BarrierCost(region: $0, roundTrip: 1e-7, sharedAdd: nil) }),
      ],
      works: [
        BarrierReport.Work(test: test, regions: [.init(gap: 0, items: [1000, 3000]), .init(gap: 2000, items: [])])
      ])
    #expect(report.tables.contains("| 2 | 300 | 100 … 900 | 100.0 | - |\n"))
    #expect(report.tables.contains("| pp3 | 2 | 2 | 2.0 | 3.0 | 0.00 | 0.00 |\n"))
    #expect(report.json["barriers"]?.array?.count == 2 && report.json["tests"]?.array?[0]["test"] == "pp3")
    #expect(try Bench.parse(["--barriers", "--threads", "1,2,32"]).threadCounts == [1, 2, 32])
    for wrong in [
      "--threads 0 --barriers", "--threads 1,2 --roofline", "--barriers --roofline", "--threads x --barriers",
    ] {
      #expect(throws: (any Error).self) { try Bench.parse(wrong.split(separator: " ").map(String.init)) }
    }
  }

  @Test func workIsThatOfAStepAndOfAToken() {
    #expect(result.bytesPerStep == 200)
    #expect(result.operationsPerToken == 2 * (4_000 + 800) / 48)
    var prompt = result
    prompt.test.generate = 0
    prompt.generations = prompt.generations.map { _ in BenchPhase(seconds: 0, steps: []) }
    #expect(prompt.bytesPerStep == 900 && prompt.operationsPerToken == 2 * 4_000 / 40)
    #expect(roofline.share(prompt) == roofline.promptShare(result))
  }
}
