import ArgumentParser
import InferCore

/// The options for what a benchmark measures.
struct MeasurementOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("Lengths of prompts; 0 for no such test.", valueName: "counts"))
  var promptTokens = NumberList([128, 512])

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Numbers of tokens to generate; 0 for no such test.", valueName: "counts"))
  var generateTokens = NumberList([32])

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Numbers of sequences side by side; 0 for none of these tests.", valueName: "counts"))
  var batch = NumberList([1, 4, 16])

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Lengths of prompts in batches (default: those of --prompt-tokens).", valueName: "counts"))
  var batchPromptTokens: NumberList?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Tokens that stand before the measured ones.", valueName: "counts"))
  var depth = NumberList([0])

  @Option(parsing: .unconditional, help: ArgumentHelp("Measurements of each test.", valueName: "count"))
  var repetitions = 3

  @Option(parsing: .unconditional, help: ArgumentHelp("Rows of a step at most.", valueName: "count"))
  var maxBatchTokens = EngineConfiguration().maxBatchTokens

  @Option(help: ArgumentHelp("Format of attention keys and values: f32, f16 or q8_0.", valueName: "type"))
  var kvType = KVType.f16

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose tokens at this temperature, and tell the share of the time that it takes (default: choose none).",
      valueName: "number"))
  var temperature: Float?

  func validate() throws {
    if let temperature { try require(SamplingParameters.temperatures, "temperature", temperature) }
    try require(1...10_000, "repetitions", repetitions)
    try require(1...1_048_576, "max-batch-tokens", maxBatchTokens)
    for size in batch.values { try require(0...maxBatchTokens, "batch", size) }
    let lists = [
      ("prompt-tokens", promptTokens), ("generate-tokens", generateTokens), ("depth", depth),
      ("batch-prompt-tokens", batchPromptTokens ?? promptTokens),
    ]
    for (name, list) in lists {
      for value in list.values { try require(0...1_000_000, name, value) }
    }
  }

  /// All tests in order: single sequences at each depth, then batches.
  func tests(for model: any LanguageModel) throws -> [BenchTest] {
    let tests = depth.values.flatMap(singles(at:)) + batches()
    guard let longest = tests.map(\.length).max() else {
      throw CommandFailure("every length is 0: there is nothing to measure")
    }
    guard longest <= model.contextLength else {
      throw CommandFailure("a test takes \(longest) tokens, more than the model's context of \(model.contextLength)")
    }
    return tests
  }

  /// The runner of a test.
  func runner(
    _ model: any LanguageModel, _ test: BenchTest, threads: Int, log: RegionLog? = nil
  ) throws -> BenchRunner {
    try BenchRunner(
      model: model, test: test, kvType: kvType, threads: threads, batchTokens: maxBatchTokens,
      sampling: try temperature.map { try SamplingParameters(temperature: $0, seed: 0) }, log: log)
  }

  private func singles(at depth: Int) -> [BenchTest] {
    let prompts = promptTokens.values.filter { $0 > 0 }
    let counts = generateTokens.values.filter { $0 > 0 }
    return prompts.map { BenchTest(prompt: $0, generate: 0, depth: depth, batch: 1, isBatch: false) }
      + counts.map { BenchTest(prompt: 0, generate: $0, depth: depth, batch: 1, isBatch: false) }
  }

  private func batches() -> [BenchTest] {
    var tests: [BenchTest] = []
    for prompt in (batchPromptTokens ?? promptTokens).values where prompt > 0 {
      for generate in generateTokens.values where generate > 0 {
        for size in batch.values where size > 0 {
          tests.append(BenchTest(prompt: prompt, generate: generate, depth: 0, batch: size, isBatch: true))
        }
      }
    }
    return tests
  }
}
