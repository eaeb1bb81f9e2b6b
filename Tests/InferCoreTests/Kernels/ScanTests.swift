import TestSupport
import Testing

@testable import InferCore

@Suite struct ScanTests {
  /// A scan's sizes and random inputs of some sequences.
  struct Case {
    let parameters: ScanParameters
    let inputs: [Plain.ScanInput]
    let expected: [(out: [[Double]], states: [[Double]])]

    init(heads: Int, p: Int, groups: Int, n: Int, lengths: [Int], seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      // From heads that forget within a token to heads that hardly forget.
      let a = (0..<heads).map { -Float(0.02) * Float(1 << (2 * ($0 % 6))) }
      let (d, bias) = (generator.floats(heads), generator.floats(heads, scale: 2))
      parameters = ScanParameters(
        heads: heads, headDimension: p, groups: groups, stateSize: n, a: a, d: d, dtBias: bias)
      inputs = lengths.map { length in
        var dt = generator.rows(length, heads, scale: 3)
        // Past the point where softplus is taken for the identity.
        if length > 20 { dt[length / 2][0] = 30 }
        return Plain.ScanInput(
          x: generator.rows(length, heads * p), b: generator.rows(length, groups * n),
          c: generator.rows(length, groups * n), dt: dt)
      }
      expected = inputs.map { Plain.scan($0, groups: groups, a: a, d: d, dtBias: bias) }
    }

    /// Runs a step and returns the outputs.
    func run(_ bench: KernelBench, _ parts: [KernelBench.Part], _ state: StateHandle) -> [[Float]] {
      func rows(_ values: KeyPath<Plain.ScanInput, [[Float]]>) -> [[Float]] {
        parts.flatMap { inputs[$0.sequence][keyPath: values][$0.position..<$0.position + $0.count] }
      }
      let x = GuardedRows(rows(\.x))
      let dt = GuardedRows(rows(\.dt), padding: 1)
      let b = GuardedRows(rows(\.b), padding: 0)
      let c = GuardedRows(rows(\.c), padding: 7)
      let out = GuardedRows(count: x.count, columns: x.columns)
      bench.step(parts) { step in
        var target = out.target
        selectiveScan(x: x.rows, b: b.rows, c: c.rows, dt: dt.rows, parameters, state: state, into: &target, step)
      }
      return out.values()
    }
  }

  static let tolerance = 5e-5

  /// Every length, from the recurrence alone over one chunk to several and a rest.
  @Test(arguments: [1, 2, 4]) func everyLengthMatchesTheRecurrence(groups: Int) throws {
    let scan = Case(heads: 4, p: 3, groups: groups, n: 5, lengths: [300], seed: UInt64(groups))
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: scan.parameters.stateCount))
    let bench = try KernelBench(layout: layout)
    for length in 1...300 {
      bench.soil(state, count: scan.parameters.stateCount)
      let out = scan.run(bench, [.init(count: length)], state)
      #expect(distance(out, Array(scan.expected[0].out.prefix(length))) <= Self.tolerance, "\(length) tokens")
      let after = bench.state(state, of: 0, count: scan.parameters.stateCount)
      #expect(distance(after, scan.expected[0].states[length - 1]) <= Self.tolerance, "state after \(length)")
    }
  }

  /// Sizes (heads, P, groups, N), one of them as models have it.
  @Test(arguments: [[1, 1, 1, 1], [2, 16, 1, 8], [6, 5, 3, 17], [3, 64, 1, 128], [8, 7, 4, 33]])
  func anyCutGivesTheWhole(sizes: [Int]) throws {
    let lengths = sizes[1] > 32 ? [90, 17] : [1, 15, 64, 130, 201]
    let scan = Case(
      heads: sizes[0], p: sizes[1], groups: sizes[2], n: sizes[3], lengths: lengths, seed: UInt64(sizes[3]))
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: scan.parameters.stateCount))
    var generator = SeededGenerator(seed: 6)
    for longest in [1, 20, 70, 300] where longest > 1 || sizes[1] < 32 {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: scan.parameters.stateCount)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let want = parts.flatMap { scan.expected[$0.sequence].out[$0.position..<$0.position + $0.count] }
        #expect(distance(scan.run(bench, parts, state), want) <= Self.tolerance, "runs up to \(longest)")
      }
      for sequence in lengths.indices {
        let after = bench.state(state, of: sequence, count: scan.parameters.stateCount)
        #expect(distance(after, scan.expected[sequence].states[lengths[sequence] - 1]) <= Self.tolerance)
      }
      let untouched = bench.state(state, of: -1, count: scan.parameters.stateCount)
      #expect(untouched.allSatisfy { $0 == 77 }, "a slot of nobody was written")
    }
  }
}
