import AllocationCounter
import Foundation
import HybridBlocks
import InferCore

/// Checks that steps take nothing from the heap once there has been one like them: memory does not fragment under
/// load, and no thread waits for the allocator's lock.
///
/// A program of its own, because everything in the process is counted, and optimised, because without optimisation
/// the standard library's generic code allocates. Prints a line for each check; exits with 1 if anything allocated.
@main enum Allocations {
  static func main() throws {
    guard allocation_counter_works() != 0 else { return print("allocations cannot be counted here") }
    precondition(!_isDebugAssertConfiguration(), "build with -c release")
    checkTheCounter()
    var total = 0
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/parity")
    for name in [
      "granitemoehybrid", "nemotron_h_latent", "hunyuan_t1", "qwen3", "jamba", "lfm2_moe", "falcon_h1", "zamba2",
      "deepseek_v3", "hunyuan_large", "qwen3_next", "kimi_linear", "rwkv6", "rwkv7", "qwen4_exp_text",
      "glm5_next",
    ] {
      let model = try loadModel(at: folder.appending(path: name)).model
      for threads in 1...2 {
        total += try Steps(model, "\(name), \(threads) threads", threads: threads, sequences: 3, rows: 1).run(50)
        total += try Steps(model, "\(name), \(threads) threads", threads: threads, sequences: 2, rows: 40).run(6)
        total += try Steps(
          model, "\(name), \(threads) threads, captures", threads: threads, sequences: 2, rows: 40, captures: [10, 40]
        ).run(6)
      }
      total += try checkEngine(model, name)
    }
    exit(total == 0 ? 0 : 1)
  }

  /// The counter counts: otherwise the rest would prove nothing.
  private static func checkTheCounter() {
    allocation_counter_start()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
    let aligned = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 4096)
    let count = allocation_counter_stop()
    unsafe memory.deallocate()
    unsafe aligned.deallocate()
    precondition(count == 2, "\(count) allocations counted of 2")
  }

  /// Prints what was counted, and returns it.
  static func report(_ count: Int, _ what: String) -> Int {
    print("\(count) allocations: \(what)")
    if count > 0 { allocation_counter_print() }
    return count
  }
}

/// Steps in which every sequence advances by the same number of rows. With captures, each starts from the last one of the
/// step before.
struct Steps {
  let runner: StepRunner
  let name: String
  let sequences: Int
  let rows: Int
  let captures: [Int]
  let tokens: [Int32]

  init(
    _ model: any LanguageModel, _ name: String, threads: Int, sequences: Int, rows: Int, captures: [Int] = []
  ) throws {
    // Those of two steps, so that a step does not write what it starts from.
    runner = try StepRunner(
      model: model, sequences: sequences, length: 340, kvType: .f16, threads: threads,
      spareSlots: 2 * sequences * captures.count)
    self.captures = captures
    self.name = name
    self.sequences = sequences
    self.rows = rows
    tokens = (0..<340).map { Int32($0 * 7 % model.vocabularySize) }
  }

  /// Counts from the third step on.
  func run(_ steps: Int) throws -> Int {
    let all = (0..<steps + 2).map { step in (0..<sequences).map { part($0, of: step) } }
    for step in all.prefix(2) { runner.step(step) { _ in } }
    allocation_counter_start()
    for step in all.dropFirst(2) { runner.step(step) { _ in } }
    return Allocations.report(allocation_counter_stop(), "\(name), \(steps) steps of \(sequences) × \(rows) rows")
  }

  private func part(_ sequence: Int, of step: Int) -> StepRunner.Part {
    var part = StepRunner.Part(
      sequence: sequence, tokens: tokens[step * rows..<(step + 1) * rows], position: step * rows, logits: 1)
    part.captures = captures.indices.map {
      StateCapture(rows: captures[$0], slot: slot(ofCapture: $0, sequence, step))
    }
    if !captures.isEmpty && step > 0 { part.start = .copy(of: slot(ofCapture: captures.count - 1, sequence, step - 1)) }
    return part
  }

  private func slot(ofCapture index: Int, _ sequence: Int, _ step: Int) -> Int32 {
    runner.spareSlots.lowerBound + Int32((step % 2 * sequences + sequence) * captures.count + index)
  }
}
