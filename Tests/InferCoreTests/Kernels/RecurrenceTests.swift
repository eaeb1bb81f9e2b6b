import TestSupport
import Testing

@testable import InferCore

@Suite struct RecurrenceTests {
  /// `s ← d · s + x`, `y = s`, where rows are `[d | x]`.
  static func run(
    _ bench: KernelBench, _ parts: [KernelBench.Part], _ inputs: [[[Float]]], parts count: Int, _ state: StateHandle
  ) -> [[Float]] {
    let input = GuardedRows(parts.flatMap { inputs[$0.sequence][$0.position..<$0.position + $0.count] })
    let out = GuardedRows(count: input.count, columns: input.columns / 2)
    bench.step(parts) { step in
      var target = out.target
      recurrence(input.rows, state: state, parts: count, into: &target, step) { part, x, y, state in
        let first = part * state.count
        for row in 0..<x.count {
          let tokens = x[row]
          var values = y.row(row)
          for channel in 0..<state.count {
            state[channel] = tokens[first + channel] * state[channel] + tokens[tokens.count / 2 + first + channel]
            values[channel] = state[channel]
          }
        }
      }
    }
    return out.values()
  }

  /// However sequences are cut into runs, runs into steps and channels into parts, each comes out as a whole sequence does.
  @Test(arguments: [[1, 1], [1, 7], [7, 7], [4, 24]]) func anyCutGivesTheWhole(sizes: [Int]) throws {
    let (parts, channels, lengths) = (sizes[0], sizes[1], [1, 2, 40, 75])
    var generator = SeededGenerator(seed: UInt64(channels))
    let inputs = lengths.map { generator.rows($0, 2 * channels) }
    let expected = inputs.map { rows -> [[Double]] in
      var state = Array(repeating: 0.0, count: channels)
      return rows.map { row -> [Double] in
        for channel in 0..<channels {
          state[channel] = Double(row[channel]) * state[channel] + Double(row[channels + channel])
        }
        return state
      }
    }
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: channels))
    for longest in [1, 3, 17, 100] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: channels)
      for step in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let out = Self.run(bench, step, inputs, parts: parts, state)
        let want = step.flatMap { expected[$0.sequence][$0.position..<$0.position + $0.count] }
        #expect(distance(out, want) <= 1e-5, "runs up to \(longest)")
      }
      #expect(bench.state(state, of: -1, count: channels).allSatisfy { $0 == 77 }, "a slot of nobody")
    }
  }

  /// A handle of another kind or size, and rows that are not the step's, would read and write what is not theirs.
  @Test func mistakesTrap() async {
    await #expect(processExitsWith: .failure) {
      var layout = StateLayout()
      let cache = layout.add(.paged(heads: 1, headDimension: 4))
      _ = RecurrenceTests.run(try KernelBench(layout: layout), [.init(count: 1)], [[[1, 1]]], parts: 1, cache)
    }
    await #expect(processExitsWith: .failure) {
      var layout = StateLayout()
      let cache = layout.add(.paged(heads: 1, headDimension: 4))
      try KernelBench(layout: layout, pagesPerSequence: 1).step([.init(count: 1)]) { step in
        let rows = GuardedRows([[1, 2, 3, 4, 5, 6, 7, 8]])
        appendToCache(keys: rows.rows, values: rows.rows, heads: 2, headDimension: 4, cache: cache, step)
      }
    }
    await #expect(processExitsWith: .failure) {
      var layout = StateLayout()
      let history = layout.add(.recurrent(count: 3))
      try KernelBench(layout: layout).step([.init(count: 1)]) { step in
        let rows = GuardedRows([[1], [2]])
        let out = GuardedRows(count: 2, columns: 1)
        var target = out.target
        causalConvolution(rows.rows, weight: [1, 1, 1, 1], bias: nil, taps: 4, history: history, into: &target, step)
      }
    }
  }
}
