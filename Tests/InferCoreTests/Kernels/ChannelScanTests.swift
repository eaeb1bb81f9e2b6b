import TestSupport
import Testing

@testable import InferCore

@Suite struct ChannelScanTests {
  /// Channels and N: less than a block, a block, blocks and a rest.
  @Test(arguments: [[1, 1], [7, 16], [64, 3], [100, 16], [200, 8]]) func anyCutGivesTheWhole(sizes: [Int]) throws {
    let (channels, n, lengths) = (sizes[0], sizes[1], [1, 5, 40, 90])
    var generator = SeededGenerator(seed: UInt64(channels))
    // From channels that forget within a token to channels that hardly forget.
    let a = (0..<channels).map { channel in (0..<n).map { -Float(0.01) * Float(1 << ((channel + $0) % 12)) } }
    let (d, bias) = (generator.floats(channels), generator.floats(channels, scale: 3))
    let inputs = lengths.map { length in
      Plain.ChannelScanInput(
        x: generator.rows(length, channels), dt: generator.rows(length, channels, scale: 3),
        gate: generator.rows(length, channels, scale: 3), b: generator.rows(length, n), c: generator.rows(length, n))
    }
    let parameters = ChannelScanParameters(stateSize: n, a: a.flatMap { $0 }, d: d, dtBias: bias)
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: parameters.stateCount))
    let expected = inputs.map { Plain.channelScan($0, a: a, d: d, dtBias: bias) }
    var wholes: [[[Float]]] = []
    for longest in [1000, 1, 3, 30] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: parameters.stateCount)
      var computed = lengths.map { _ in [[Float]]() }
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let rows = Self.run(bench, parts, inputs, parameters, state)
        var next = 0
        for part in parts {
          computed[part.sequence] += rows[next..<next + part.count]
          next += part.count
        }
      }
      for (rows, want) in zip(computed, expected) { #expect(distance(rows, want) <= 2e-5, "runs up to \(longest)") }
      // Not only close: a cut changes no bit.
      if wholes.isEmpty { wholes = computed }
      #expect(computed == wholes, "runs up to \(longest)")
      #expect(bench.state(state, of: -1, count: parameters.stateCount).allSatisfy { $0 == 77 }, "a slot of nobody")
    }
  }

  /// Runs a step and returns the outputs.
  static func run(
    _ bench: KernelBench, _ parts: [KernelBench.Part], _ inputs: [Plain.ChannelScanInput],
    _ parameters: ChannelScanParameters, _ state: StateHandle
  ) -> [[Float]] {
    func rows(_ values: KeyPath<Plain.ChannelScanInput, [[Float]]>) -> [[Float]] {
      parts.flatMap { inputs[$0.sequence][keyPath: values][$0.position..<$0.position + $0.count] }
    }
    let x = GuardedRows(rows(\.x))
    let dt = GuardedRows(rows(\.dt), padding: 1)
    let gate = GuardedRows(rows(\.gate), padding: 5)
    let b = GuardedRows(rows(\.b), padding: 0)
    let c = GuardedRows(rows(\.c), padding: 7)
    let out = GuardedRows(count: x.count, columns: x.columns)
    bench.step(parts) { step in
      var target = out.target
      channelScan(
        x: x.rows, dt: dt.rows, gate: gate.rows, b: b.rows, c: c.rows, parameters, state: state, into: &target, step)
    }
    return out.values()
  }
}
