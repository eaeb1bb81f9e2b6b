import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct GatedLinearUnitTests {
  /// Random inputs of some sequences, rows `[x | input gate | decay gate]`.
  struct Case {
    let rate: [Float]
    let inputs: [[[Float]]]

    init(channels: Int, lengths: [Int], seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      // From channels that hardly forget to channels that forget within a token.
      rate = (0..<channels).map { -0.01 * Float(1 << ($0 % 12)) }
      inputs = lengths.map { generator.rows($0, 3 * channels, scale: 2) }
    }

    /// Runs a step and returns the outputs.
    func run(_ bench: KernelBench, _ parts: [KernelBench.Part], _ state: StateHandle) -> [[Float]] {
      let (channels, rows) = (
        rate.count, parts.flatMap { inputs[$0.sequence][$0.position..<$0.position + $0.count] }
      )
      func columns(_ part: Int) -> GuardedRows {
        GuardedRows(rows.map { Array($0[part * channels..<(part + 1) * channels]) })
      }
      let x = columns(0)
      let inputGate = columns(1)
      let decayGate = columns(2)
      let out = GuardedRows(count: rows.count, columns: channels)
      bench.step(parts) { step in
        var target = out.target
        gatedLinearUnit(
          x.rows, inputGate: inputGate.rows, decayGate: decayGate.rows, rate: rate, state: state, into: &target, step)
      }
      return out.values()
    }

    /// The outputs of a whole sequence, one token after another.
    func plain(_ sequence: Int) -> [[Double]] {
      func sigmoid(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }
      let channels = rate.count
      var state = [Double](repeating: 0, count: channels)
      return inputs[sequence].enumerated().map { position, row in
        for channel in 0..<channels {
          let decay = exp(Double(rate[channel]) * sigmoid(row[2 * channels + channel]))
          let norm = position == 0 ? 1 : (1 - decay * decay).squareRoot()
          state[channel] =
            decay * state[channel] + norm * sigmoid(row[channels + channel]) * Double(row[channel])
        }
        return state
      }
    }
  }

  /// However sequences are cut, each comes out as the plain recurrence says, the first token of it alone without the norm.
  @Test(arguments: [1, 17, 300]) func anyCutMatchesThePlainRecurrence(channels: Int) throws {
    let lengths = [1, 2, 40, 90]
    let units = Case(channels: channels, lengths: lengths, seed: 61)
    let expected = lengths.indices.map(units.plain)
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: channels))
    var generator = SeededGenerator(seed: 62)
    for longest in [1, 20, 100] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: channels)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let want = parts.flatMap { expected[$0.sequence][$0.position..<$0.position + $0.count] }
        #expect(distance(units.run(bench, parts, state), want) <= 1e-4, "runs up to \(longest)")
      }
    }
  }
}
