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

      With several --threads, as in 1,2,4, each test runs with each number in turn, and tells its parallel efficiency: its \
      speed over that of the first number, for as many threads.

      With --roofline, the machine's memory bandwidth and arithmetic are measured before and after every repetition, \
      with the same threads, and every test tells its share of their medians: bytes that must be read, over time, over \
      bandwidth for generating; multiply-adds, over time, over the peak of 32-bit floats for prompts. Without --model, \
      the limits are measured --repetitions times, and that is all.

      With --barriers, what it costs threads to begin and end together is measured instead, for each number of them, and \
      with --model the work that a step of each test of one sequence has to share out: regions, and items of these.
      """)

  @Option(help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Numbers of threads to compute with (default: one for each core, within what control groups allow).",
      valueName: "counts"))
  var threads: NumberList?

  @OptionGroup var loading: LoadingOptions
  @OptionGroup var placement: PlacementOptions

  @Flag(help: "Measure the limits of the machine.")
  var roofline = false

  @Flag(help: "Measure what it costs threads to begin and end together.")
  var barriers = false

  @OptionGroup var measurement: MeasurementOptions

  @Flag(help: "Print JSON instead of tables.")
  var json = false

  /// The numbers of threads to compute with.
  var threadCounts: [Int] { threads?.values ?? [defaultThreadCount()] }

  func validate() throws {
    for count in threads?.values ?? [] { try require(1...1024, "threads", count) }
    guard model != nil || roofline || barriers else {
      throw ValidationError("Missing expected argument '--model <path>'")
    }
    guard !roofline || !barriers else { throw ValidationError("--roofline and --barriers do not go together") }
    guard !roofline || threads?.values.count ?? 1 == 1 else {
      throw ValidationError("--roofline takes one number of --threads")
    }
  }

  func run() async throws {
    placement.place()
    let counts = threadCounts
    if barriers { return try measureBarriers(counts) }
    let meter = roofline ? try RooflineMeter(threads: counts[0]) : nil
    guard let path = model else { return try emitLimits(meter) }
    let loaded = try loading.load(path, threads: counts.max() ?? 1)
    let tests = try measurement.tests(for: loaded.model)
    let progress = ProgressReport("measuring")
    defer { progress.end() }
    let results = try tests.enumerated().flatMap { index, test in
      if !progress.isMoving { note("infer-serve: \(test.name)") }
      let runners = try counts.map { try measurement.runner(loaded.model, test, threads: $0) }
      return BenchRunner.measure(
        runners, repetitions: measurement.repetitions, limits: meter?.measure,
        tell: { share in
          guard progress.isMoving else { return }
          progress.update(
            (Double(index) + share) / Double(tests.count), "\(test.name), test \(index + 1) of \(tests.count)")
        })
    }
    progress.end()
    let report = BenchReport(
      loaded: loaded, path: path.description, kvType: measurement.kvType,
      batchTokens: measurement.maxBatchTokens, temperature: measurement.temperature)
    try emit(json ? report.json(results).serialized(.pretty) + "\n" : report.tables(results))
  }

  private func emitLimits(_ meter: RooflineMeter?) throws {
    guard let meter else { return }
    if let warning = InstructionSet.warning { ComputingOptions.warn(warning) }
    let limits = (0..<measurement.repetitions).map { _ in meter.measure() }
    guard let report = RooflineReport(limits, threads: threadCounts[0]) else { return }
    try emit(json ? report.json.serialized(.pretty) + "\n" : report.table)
  }

  private func measureBarriers(_ counts: [Int]) throws {
    let costs = try counts.map { count in
      let meter = try BarrierMeter(threads: count)
      _ = meter.measure()
      return (threads: count, costs: (0..<measurement.repetitions).map { _ in meter.measure() })
    }
    var works: [BarrierReport.Work] = []
    if let model {
      let loaded = try loading.load(model, threads: counts.max() ?? 1)
      for test in try measurement.tests(for: loaded.model) where !test.isBatch {
        let log = RegionLog()
        let runner = try measurement.runner(loaded.model, test, threads: 1, log: log)
        // The log is emptied before each repetition, so that the last one stays.
        _ = runner.measure(repetitions: 1, tell: { _ in log.removeAll() })
        works.append(BarrierReport.Work(test: test, regions: log.regions))
      }
    }
    let report = BarrierReport(costs: costs, works: works)
    try emit(json ? report.json.serialized() + "\n" : report.tables)
  }
}
