import ArgumentParser
import Foundation
import HybridBlocks
import InferCore

/// `infer-serve bench`: how fast prompts are read and tokens are generated.
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures throughput.",
    discussion: """
      One sequence: `pp512` reads a prompt of 512 tokens, `tg32` generates 32 tokens one by one, `@ d1024` does so \
      after 1024 tokens. Batches: B prompts are read together, then B sequences generate together. Tokens are random \
      with a fixed seed. Every test runs once to warm up and then --repetitions times.
      """)

  @OptionGroup var model: ModelOptions

  @Option(parsing: .unconditional, help: ArgumentHelp("Lengths of prompts; 0 for no such test.", valueName: "counts"))
  var promptTokens = NumberList([128, 512])

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Numbers of tokens to generate; 0 for no such test.", valueName: "counts"))
  var generateTokens = NumberList([32])

  @Option(parsing: .unconditional, help: ArgumentHelp("Numbers of sequences side by side.", valueName: "counts"))
  var batch = NumberList([1, 4, 16])

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Tokens that stand before the measured ones.", valueName: "counts"))
  var depth = NumberList([0])

  @Option(parsing: .unconditional, help: ArgumentHelp("Measurements of each test.", valueName: "count"))
  var repetitions = 3

  @Option(parsing: .unconditional, help: ArgumentHelp("Rows of a step at most.", valueName: "count"))
  var maxBatchTokens = EngineConfiguration().maxBatchTokens

  @Option(help: ArgumentHelp("Format of attention keys and values: f32 or f16.", valueName: "type"))
  var kvType = KVType.f16

  @Flag(help: "Print a JSON array instead of tables.")
  var json = false

  func validate() throws {
    try require(1...10_000, "repetitions", repetitions)
    try require(1...1_048_576, "max-batch-tokens", maxBatchTokens)
    for size in batch.values { try require(1...maxBatchTokens, "batch", size) }
    for (name, list) in [("prompt-tokens", promptTokens), ("generate-tokens", generateTokens), ("depth", depth)] {
      for value in list.values { try require(0...1_000_000, name, value) }
    }
  }

  func run() async throws {
    let loaded = try model.load()
    let report = BenchReport(
      loaded: loaded, path: model.model, threads: model.threadCount, kvType: kvType, batchTokens: maxBatchTokens)
    let tests = tests()
    guard !tests.isEmpty else { throw CommandFailure("every length is 0: there is nothing to measure") }
    let longest = tests.map(\.length).max() ?? 0
    guard longest <= loaded.model.contextLength else {
      throw CommandFailure(
        "a test takes \(longest) tokens, more than the model's context of \(loaded.model.contextLength)")
    }
    var results: [BenchResult] = []
    for test in tests {
      let runner = try BenchRunner(
        model: loaded.model, test: test, kvType: kvType, threads: model.threadCount, batchTokens: maxBatchTokens)
      note("infer-serve: \(test.name)")
      results.append(runner.measure(repetitions: repetitions))
    }
    try emit(json ? report.json(results).serialized(.pretty) + "\n" : report.tables(results))
  }

  /// All tests in order: single sequences at each depth, then batches.
  private func tests() -> [BenchTest] {
    var tests: [BenchTest] = []
    for depth in depth.values {
      for count in promptTokens.values where count > 0 {
        tests.append(BenchTest(prompt: count, generate: 0, depth: depth, batch: 1, isBatch: false))
      }
      for count in generateTokens.values where count > 0 {
        tests.append(BenchTest(prompt: 0, generate: count, depth: depth, batch: 1, isBatch: false))
      }
    }
    for prompt in promptTokens.values where prompt > 0 {
      for generate in generateTokens.values where generate > 0 {
        for size in batch.values {
          tests.append(BenchTest(prompt: prompt, generate: generate, depth: 0, batch: size, isBatch: true))
        }
      }
    }
    return tests
  }
}
