import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve bench`: how fast prompts are read and tokens are generated, and how near that is to what the machine
/// can do.
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures throughput.",
    discussion: """
      One sequence: `pp512` reads a prompt of 512 tokens, `tg32` generates 32 tokens one by one, `@ d1024` does so \
      after 1024 tokens. Batches: B prompts are read together, then B sequences generate together. Tokens are random \
      with a fixed seed; with --temperature, tokens are chosen as well, as an engine does. Every test runs once to warm \
      up and then --repetitions times.

      With --roofline, the machine's memory bandwidth and arithmetic are measured before and after every repetition, \
      with the same threads, and every test tells its share of their medians: bytes that must be read, over time, over \
      bandwidth for generating; multiply-adds, over time, over the peak of 32-bit floats for prompts. Without --model, \
      the limits are measured --repetitions times, and that is all.
      """)

  @Option(help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @OptionGroup var computing: ComputingOptions
  @OptionGroup var placement: PlacementOptions

  @Flag(help: "Measure the limits of the machine.")
  var roofline = false

  @OptionGroup var measurement: MeasurementOptions

  @Flag(help: "Print JSON instead of tables.")
  var json = false

  func validate() throws {
    guard model != nil || roofline else { throw ValidationError("Missing expected argument '--model <path>'") }
  }

  func run() async throws {
    placement.place()
    let threads = computing.threadCount
    let meter = roofline ? try RooflineMeter(threads: threads) : nil
    guard let path = model else { return try emitLimits(meter) }
    let loaded = try computing.load(path)
    let tests = try measurement.tests(for: loaded.model)
    let progress = ProgressReport("measuring")
    defer { progress.end() }
    let results = try tests.enumerated().map { index, test in
      if !progress.isMoving { note("infer-serve: \(test.name)") }
      return try measurement.runner(loaded.model, test, threads: threads)
        .measure(repetitions: measurement.repetitions, limits: meter?.measure) { share in
          guard progress.isMoving else { return }
          progress.update(
            (Double(index) + share) / Double(tests.count), "\(test.name), test \(index + 1) of \(tests.count)")
        }
    }
    progress.end()
    let report = BenchReport(
      loaded: loaded, path: path.description, threads: threads, kvType: measurement.kvType,
      batchTokens: measurement.maxBatchTokens, temperature: measurement.temperature)
    try emit(json ? report.json(results).serialized(.pretty) + "\n" : report.tables(results))
  }

  private func emitLimits(_ meter: RooflineMeter?) throws {
    guard let meter else { return }
    if let warning = InstructionSet.warning { ComputingOptions.warn(warning) }
    let limits = (0..<measurement.repetitions).map { _ in meter.measure() }
    guard let report = RooflineReport(limits, threads: computing.threadCount) else { return }
    try emit(json ? report.json.serialized(.pretty) + "\n" : report.table)
  }
}
