import Foundation
import HybridBlocks
import InferCore
import TestSupport
import Testing

/// What a step of the bundled model has to read and compute, against a count by hand from its `config.json`: width 256,
/// 4 Mamba-2 layers, 2 of attention and 4 of experts; bfloat16 weights, routers of floats.
@Suite struct StepWorkTests {
  private enum Tiny {
    /// 8 heads of 64 channels, 2 groups of 64 states: z, x, B, C and dt come out of one map.
    static let mamba = (512 + (512 + 2 * 128) + 8) * 256 + 256 * 512
    /// 8 query and 2 key heads of 32.
    static let attention = (256 + 64 + 64) * 256 + 256 * 256
    static let expert = 3 * 128 * 256
    static let router = 8 * 256
    static let head = 1024 * 256
    /// Weights a token meets: two of eight experts and the shared one.
    static let active = 4 * mamba + 2 * attention + 4 * (router + 3 * expert) + head
    /// Their bytes, with `rows` rows of the embedding.
    static func activeBytes(rows: Int) -> Int { 2 * (active + rows * 256) + 4 * 2 * router }
    /// State of a Mamba-2 layer: 8 heads of 64 × 64, and three inputs of the convolution.
    static let stateFloats = 8 * 64 * 64 + 3 * 768
    /// Arithmetic of a token for each position that its two layers of attention see.
    static let scores = 2 * 2 * 256
    /// Arithmetic of a token beside weights and attention: scan and convolution.
    static let recurrence = 4 * (2 * 8 * 64 * 64 + 4 * 768)
  }

  private let loaded: LoadedModel

  init() throws {
    let folder = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
    loaded = try loadModel(at: folder.appending(path: "Models/tiny"))
  }

  /// Runs tokens of each of `sequences` equal sequences from `position` on and returns what that took.
  private func work(_ runner: StepRunner, sequences: Int, at position: Int, count: Int) -> StepWork {
    let tokens = (0..<count).map { Int32(40 + (position + $0) * 7 % 300) }
    let parts = (0..<sequences).map {
      StepRunner.Part(sequence: $0, tokens: tokens[...], position: position, logits: 1)
    }
    runner.step(parts) { _ in }
    return runner.report.work
  }

  @Test(arguments: KVType.allCases) func aDecodeReadsWhatItsTokenMeets(_ kvType: KVType) throws {
    let runner = try StepRunner(model: loaded.model, sequences: 1, length: 20, kvType: kvType, threads: 2)
    _ = work(runner, sequences: 1, at: 0, count: 10)
    let decode = work(runner, sequences: 1, at: 10, count: 1)
    #expect(decode.weightBytes == Tiny.activeBytes(rows: 1))
    #expect(decode.cacheBytes == 2 * 11 * 2 * 2 * kvType.bytes(32))
    #expect(decode.stateBytes == 4 * 2 * 4 * Tiny.stateFloats)
    #expect(decode.multiplyAdds == Tiny.active + Tiny.recurrence + Tiny.scores * 11)
    #expect(decode.bytes == decode.weightBytes + decode.cacheBytes + decode.stateBytes)
  }

  /// Equal sequences go to equal experts: their weights are read once for all.
  @Test func weightsAreCountedOnceAndStateForEverySequence() throws {
    let runner = try StepRunner(model: loaded.model, sequences: 3, length: 20, kvType: .f16, threads: 1)
    _ = work(runner, sequences: 3, at: 0, count: 10)
    let decode = work(runner, sequences: 3, at: 10, count: 1)
    #expect(decode.weightBytes == Tiny.activeBytes(rows: 3))
    #expect(decode.cacheBytes == 3 * 2 * 11 * 2 * 2 * 64)
    #expect(decode.stateBytes == 3 * 4 * 2 * 4 * Tiny.stateFloats)
    #expect(decode.multiplyAdds == 3 * (Tiny.active + Tiny.recurrence + Tiny.scores * 11))
  }

  @Test func aPromptComputesTheHeadForItsLastTokenOnly() throws {
    let runner = try StepRunner(model: loaded.model, sequences: 1, length: 100, kvType: .f16, threads: 2)
    let first = work(runner, sequences: 1, at: 0, count: 60)
    let seen = (1...60).reduce(0, +)
    #expect(
      first.multiplyAdds == 60 * (Tiny.active - Tiny.head + Tiny.recurrence) + Tiny.head + Tiny.scores * seen)
    // Cut in two, the arithmetic of the scores adds up all the same.
    let second = work(runner, sequences: 1, at: 60, count: 40)
    #expect(
      second.multiplyAdds
        == 40 * (Tiny.active - Tiny.head + Tiny.recurrence) + Tiny.head + Tiny.scores * (61...100).reduce(0, +))
    #expect(second.cacheBytes == 2 * 100 * 2 * 2 * 64)
  }

  /// A capture is one more store of the state, and nothing else.
  @Test func aCaptureStoresTheState() throws {
    let runner = try StepRunner(
      model: loaded.model, sequences: 1, length: 20, kvType: .f16, threads: 2, spareSlots: 2)
    let plain = work(runner, sequences: 1, at: 0, count: 20)
    let tokens = (0..<20).map { Int32(40 + $0 * 7 % 300) }
    let captures = zip([7, 20], runner.spareSlots).map { StateCapture(rows: $0, slot: $1) }
    runner.step([StepRunner.Part(sequence: 0, tokens: tokens[...], position: 0, logits: 1, captures: captures)]) { _ in
    }
    var want = plain
    want.stateBytes += 2 * 4 * 4 * Tiny.stateFloats
    #expect(runner.report.work == want)
  }
}
