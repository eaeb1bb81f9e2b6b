import Foundation
import InferCore

/// One measurement of a test's prompt, or of its generation.
struct BenchPhase: Equatable {
  var seconds: Double
  /// The part of them in which tokens were chosen.
  var samplingSeconds = 0.0
  /// The work of each step.
  var steps: [StepWork]

  /// The work of all steps.
  var work: StepWork { steps.reduce(into: StepWork()) { $0 += $1 } }
}

/// The measurements of a test.
struct BenchResult {
  var test: BenchTest
  var date: Date
  /// Threads that computed.
  var threads = 1
  /// Prompts read, by repetition.
  var prompts: [BenchPhase] = []
  /// Tokens generated, by repetition.
  var generations: [BenchPhase] = []
  /// The machine's limits before the repetitions, between them and after them; empty where they were not measured.
  var limits: [Roofline] = []

  /// The medians of the limits.
  var roofline: Roofline? { Roofline(medianOf: limits) }

  /// Seconds of each repetition.
  var seconds: [Double] { zip(prompts, generations).map { $0.seconds + $1.seconds } }

  /// The share of the time to generate in which tokens were chosen, or to read where none are generated: the median of all
  /// repetitions.
  var samplingShare: Double {
    Samples((test.generate > 0 ? generations : prompts).map { $0.samplingSeconds / $0.seconds }).median
  }

  /// Tokens a second of each repetition.
  var rates: [Double] { seconds.map { Double((test.prompt + test.generate) * test.batch) / $0 } }

  /// The speed over that of a result with other threads, for each thread: 1 where twice the threads are twice as fast. The
  /// median of repetitions that were measured beside each other; `nil` where there was nothing to measure.
  ///
  /// - Parameters:
  ///   - base: The result with other threads.
  ///   - time: The time that counts, of a repetition.
  func efficiency(beside base: BenchResult, _ time: KeyPath<BenchResult, [Double]>) -> Double? {
    let pairs = zip(base[keyPath: time], self[keyPath: time]).filter { $0 > 0 && $1 > 0 }
    guard !pairs.isEmpty else { return nil }
    return Samples(pairs.map { $0 / $1 * Double(base.threads) / Double(threads) }).median
  }

  /// Seconds of prompts, and of generations, of each repetition; 0 where the test has none.
  var promptSeconds: [Double] { prompts.map { test.prompt > 0 ? $0.seconds : 0 } }
  var generationSeconds: [Double] { generations.map { test.generate > 0 ? $0.seconds : 0 } }

  /// Bytes that a step must read, on average: one that generates if there are such, else one that reads a prompt.
  var bytesPerStep: Double {
    let steps = (test.generate > 0 ? generations : prompts).flatMap(\.steps)
    return Double(steps.reduce(0) { $0 + $1.bytes }) / Double(max(steps.count, 1))
  }

  /// Floating-point operations that a token must take, on average.
  var operationsPerToken: Double {
    let operations = (prompts + generations).reduce(0) { $0 + $1.work.operations }
    return Double(operations) / Double((test.prompt + test.generate) * test.batch * max(prompts.count, 1))
  }
}

extension Roofline {
  /// The median of each limit; `nil` of none.
  init?(medianOf limits: [Roofline]) {
    guard !limits.isEmpty else { return nil }
    self.init(
      bandwidth: Samples(limits.map(\.bandwidth)).median,
      floatOperations: Samples(limits.map(\.floatOperations)).median,
      byteOperations: Samples(limits.map(\.byteOperations)).median,
      bfloatOperations: limits[0].bfloatOperations == nil
        ? nil : Samples(limits.compactMap(\.bfloatOperations)).median)
  }

  /// Seconds that a prompt takes at the peak of 32-bit arithmetic.
  func seconds(prompt: StepWork) -> Double { Double(prompt.operations) / floatOperations }

  /// Seconds that generating takes at the memory's bandwidth.
  func seconds(generation: StepWork) -> Double { Double(generation.bytes) / bandwidth }

  /// The share of its limits that a test reached: least possible time over time taken, the median of all repetitions.
  func share(_ result: BenchResult) -> Double {
    let shares = zip(zip(result.prompts, result.generations), result.seconds).map { phases, seconds in
      (self.seconds(prompt: phases.0.work) + self.seconds(generation: phases.1.work)) / seconds
    }
    return Samples(shares).median
  }

  /// The share that a test's prompts reached.
  func promptShare(_ result: BenchResult) -> Double {
    Samples(result.prompts.map { seconds(prompt: $0.work) / $0.seconds }).median
  }

  /// The share that a test's generated tokens reached.
  func generationShare(_ result: BenchResult) -> Double {
    Samples(result.generations.map { seconds(generation: $0.work) / $0.seconds }).median
  }
}
