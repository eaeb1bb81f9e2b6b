import TestSupport
import Testing

@testable import InferCore

@Suite struct ConvolutionTests {
  /// Runs a step and returns the outputs.
  static func run(
    _ bench: KernelBench, _ parts: [KernelBench.Part], _ inputs: [[[Float]]], weight: [[Float]], bias: [Float]?,
    silu: Bool, _ history: StateHandle
  ) -> [[Float]] {
    let input = GuardedRows(parts.flatMap { inputs[$0.sequence][$0.position..<$0.position + $0.count] })
    let out = GuardedRows(count: input.count, columns: input.columns)
    bench.step(parts) { step in
      var target = out.target
      causalConvolution(
        input.rows, weight: weight.flatMap { $0 }, bias: bias, taps: weight.count, silu: silu, history: history,
        into: &target, step)
    }
    return out.values()
  }

  /// However sequences are cut into runs and runs into steps, each comes out as a whole sequence does.
  @Test(arguments: [1, 2, 3, 4, 5], [1, 7, 16, 33]) func anyCutGivesTheWhole(taps: Int, channels: Int) throws {
    let hasSiLU = taps % 2 == 0
    var generator = SeededGenerator(seed: UInt64(taps * 100 + channels))
    let weight = generator.rows(taps, channels)
    let bias = channels % 2 == 1 ? generator.floats(channels) : nil
    let lengths = [1, 2, 40, 75]
    let inputs = lengths.map { generator.rows($0, channels, scale: 3) }
    let expected = inputs.map { Plain.convolution($0, weight: weight, bias: bias, hasSiLU: hasSiLU) }
    var layout = StateLayout()
    let history = layout.add(.recurrent(count: (taps - 1) * channels))
    for longest in [1, 3, 17, 100] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(history, count: (taps - 1) * channels)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let out = Self.run(bench, parts, inputs, weight: weight, bias: bias, silu: hasSiLU, history)
        let want = parts.flatMap { expected[$0.sequence][$0.position..<$0.position + $0.count] }
        #expect(distance(out, want) <= 2e-6, "runs up to \(longest)")
      }
      for (sequence, input) in inputs.enumerated() {
        let padded = Array(repeating: Array(repeating: Float(0), count: channels), count: taps) + input
        let state = bench.state(history, of: sequence, count: (taps - 1) * channels)
        #expect(state == padded.suffix(taps - 1).flatMap { $0 })
      }
    }
  }
}
