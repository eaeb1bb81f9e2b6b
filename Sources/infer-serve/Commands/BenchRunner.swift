import Foundation
import InferCore

/// One line of the benchmark.
struct BenchTest: Equatable {
  /// Prompt tokens measured, in each sequence.
  var prompt: Int
  /// Tokens generated, in each sequence.
  var generate: Int
  /// Tokens before them, not measured.
  var depth: Int
  /// Sequences side by side.
  var batch: Int
  /// Whether the line belongs to the batch table.
  var isBatch: Bool

  /// Tokens of a sequence in all.
  var length: Int { depth + prompt + generate }

  /// `pp512 @ d1024`, or `pp512+tg32 b4`.
  var name: String {
    let parts = [prompt > 0 ? "pp\(prompt)" : nil, generate > 0 ? "tg\(generate)" : nil].compactMap { $0 }
    return parts.joined(separator: "+") + (depth > 0 ? " @ d\(depth)" : "") + (isBatch ? " b\(batch)" : "")
  }
}

/// Measures one test.
struct BenchRunner {
  private let test: BenchTest
  private let runner: StepRunner
  private let batchTokens: Int
  private let threads: Int
  /// Random tokens, the same in every run and different in every sequence.
  private let tokens: [[Int32]]

  /// Reserves what the test needs. With `sampling`, tokens are chosen from the logits, though others follow. A log notes the
  /// times of items, with one thread.
  init(
    model: any LanguageModel, test: BenchTest, kvType: KVType, threads: Int, batchTokens: Int,
    sampling: SamplingParameters? = nil, log: RegionLog? = nil
  ) throws {
    self.test = test
    self.threads = threads
    self.batchTokens = batchTokens
    runner = try StepRunner(
      model: model, sequences: test.batch, length: test.length, kvType: kvType, threads: threads, sampling: sampling,
      log: log)
    // A linear congruential generator (Knuth, MMIX) is random enough to spread tokens over experts.
    var seed: UInt64 = 20_240_229
    let vocabulary = UInt64(model.vocabularySize)
    tokens = (0..<test.batch).map { _ in
      (0..<test.length).map { _ in
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int32((seed >> 33) % vocabulary)
      }
    }
  }

  /// Runs the test once unmeasured and then `repetitions` times.
  ///
  /// The tokens before the measured ones are computed once. Each repetition continues from there: it overwrites the
  /// keys and values of the one before and carries its recurrent state on, which takes the same time. The limits of the
  /// machine are measured between them, where `limits` does that.
  ///
  /// - Parameters:
  ///   - repetitions: The number of times that are measured.
  ///   - limits: Measures the limits of the machine.
  ///   - tell: Takes the share of the test that is done, from 0 to 1.
  func measure(
    repetitions: Int, limits: (() -> Roofline)? = nil, tell: (Double) -> Void = { _ in }
  ) -> BenchResult {
    Self.measure([self], repetitions: repetitions, limits: limits, tell: tell)[0]
  }

  /// Runs several tests in turn, repetition by repetition, so that a machine that slows down does so for all of them.
  ///
  /// - Parameters:
  ///   - runners: One for each result.
  ///   - repetitions: The number of times that each is measured.
  ///   - limits: Measures the limits of the machine.
  ///   - tell: Takes the share of all that is done, from 0 to 1.
  static func measure(
    _ runners: [BenchRunner], repetitions: Int, limits: (() -> Roofline)? = nil,
    tell: (Double) -> Void = { _ in }
  ) -> [BenchResult] {
    var results = runners.map { BenchResult(test: $0.test, date: Date(), threads: $0.threads) }
    for runner in runners { _ = runner.prefill(0..<runner.test.depth) }
    for repetition in 0...repetitions {
      for (index, runner) in runners.enumerated() {
        tell(Double(repetition * runners.count + index) / Double((repetitions + 1) * runners.count))
        let test = runner.test
        let prompt = runner.timed { runner.prefill(test.depth..<test.depth + test.prompt) }
        let generation = runner.timed { runner.decode((test.depth + test.prompt)..<test.length) }
        if let limits { results[index].limits.append(limits()) }
        if repetition == 0 { continue }
        results[index].prompts.append(prompt)
        results[index].generations.append(generation)
      }
    }
    return results
  }

  private func timed(_ body: () -> [StepWork]) -> BenchPhase {
    var work: [StepWork] = []
    let before = runner.samplingTime
    let time = ContinuousClock().measure { work = body() }
    return BenchPhase(
      seconds: time.seconds, samplingSeconds: (runner.samplingTime - before).seconds, steps: work)
  }

  /// Reads these positions of all sequences, as many rows a step as it may hold.
  private func prefill(_ range: Range<Int>) -> [StepWork] {
    var steps: [StepWork] = []
    var parts: [StepRunner.Part] = []
    var room = batchTokens
    for sequence in 0..<test.batch {
      var position = range.lowerBound
      while position < range.upperBound {
        let end = min(range.upperBound, position + room)
        let tokens = tokens[sequence][position..<end]
        parts.append(
          StepRunner.Part(
            sequence: sequence, tokens: tokens, position: position, logits: end == range.upperBound ? 1 : 0))
        room -= tokens.count
        position = end
        if room == 0 {
          steps.append(step(parts))
          parts.removeAll(keepingCapacity: true)
          room = batchTokens
        }
      }
    }
    if !parts.isEmpty { steps.append(step(parts)) }
    return steps
  }

  /// These positions of all sequences, one token of each a step.
  private func decode(_ range: Range<Int>) -> [StepWork] {
    range.map { position in
      step(
        (0..<test.batch).map { sequence in
          StepRunner.Part(
            sequence: sequence, tokens: tokens[sequence][position..<position + 1], position: position, logits: 1)
        })
    }
  }

  private func step(_ parts: [StepRunner.Part]) -> StepWork {
    runner.step(parts) { _ in }
    return runner.report.work
  }
}
