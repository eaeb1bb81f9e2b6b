import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct DeltaRuleTests {
  /// Whether a head has one decay, or one for each channel of its keys.
  enum Gate: Sendable, CaseIterable {
    case ofHead, ofChannel
  }

  /// A rule's sizes and random inputs of some sequences.
  struct Case {
    let shape: DeltaRuleShape
    let inputs: [Plain.DeltaInput]
    let expected: [(out: [[Double]], states: [[Double]])]

    init(heads: Int, keyHeads: Int, k: Int, v: Int, tiled: Bool = false, _ gate: Gate, lengths: [Int], seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      shape = DeltaRuleShape(
        heads: heads, keyHeads: keyHeads, keyDimension: k, valueDimension: v, tilesValues: tiled)
      inputs = lengths.map { length in
        // From channels that forget within a token, far below the smallest float, to those that never forget.
        var decay = generator.rows(length, gate == .ofHead ? heads : heads * k, scale: 12).map { row in
          row.map { exp(-exp($0 - 8)) }
        }
        if length > 40 { decay[length / 2] = decay[0].map { _ in 0 } }
        return Plain.DeltaInput(
          q: Self.unitHeads(generator.rows(length, keyHeads * k), k),
          k: Self.unitHeads(generator.rows(length, keyHeads * k), k),
          v: generator.rows(length, heads * v), decay: decay,
          beta: generator.rows(length, heads).map { row in row.map { ($0 + 1) / 2 } })
      }
      expected = inputs.map { Plain.gatedDeltaRule($0, keyHeads: keyHeads, tilesValues: tiled) }
    }

    /// Every head of every row divided by its length.
    private static func unitHeads(_ rows: [[Float]], _ size: Int) -> [[Float]] {
      rows.map { row in
        stride(from: 0, to: row.count, by: size).flatMap { first in
          let head = row[first..<first + size]
          let norm = head.reduce(1e-6) { $0 + $1 * $1 }.squareRoot()
          return head.map { $0 / norm }
        }
      }
    }

    /// Runs a step and returns the outputs.
    func run(
      _ bench: KernelBench, _ parts: [KernelBench.Part], _ state: StateHandle, chunk: Int = DeltaChunk.usualLength
    ) -> [[Float]] {
      func rows(_ values: KeyPath<Plain.DeltaInput, [[Float]]>) -> [[Float]] {
        parts.flatMap { inputs[$0.sequence][keyPath: values][$0.position..<$0.position + $0.count] }
      }
      let q = GuardedRows(rows(\.q))
      let k = GuardedRows(rows(\.k), padding: 0)
      let v = GuardedRows(rows(\.v), padding: 7)
      let decay = GuardedRows(rows(\.decay), padding: 1)
      let beta = GuardedRows(rows(\.beta), padding: 2)
      let out = GuardedRows(count: v.count, columns: v.columns)
      bench.step(parts) { step in
        var target = out.target
        gatedDeltaRule(
          q: q.rows, k: k.rows, v: v.rows, decay: decay.rows, beta: beta.rows, shape, state: state,
          chunkLength: chunk, into: &target, step)
      }
      return out.values()
    }
  }

  static let tolerance = 5e-5

  /// Every length, from the recurrence alone over one chunk to several and a rest.
  @Test(arguments: Gate.allCases, [8, 16, 64, 128])
  func everyLengthMatchesTheRecurrence(_ gate: Gate, chunk: Int) throws {
    let rule = Case(heads: 4, keyHeads: 2, k: 5, v: 3, gate, lengths: [300], seed: UInt64(chunk))
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: rule.shape.stateCount))
    let bench = try KernelBench(layout: layout)
    for length in 1...300 {
      bench.soil(state, count: rule.shape.stateCount)
      let out = rule.run(bench, [.init(count: length)], state, chunk: chunk)
      #expect(distance(out, Array(rule.expected[0].out.prefix(length))) <= Self.tolerance, "\(length) tokens")
      let after = bench.state(state, of: 0, count: rule.shape.stateCount)
      #expect(distance(after, rule.expected[0].states[length - 1]) <= Self.tolerance, "state after \(length)")
    }
  }

  /// Sizes (heads, key heads, K, V), two of them as models have them.
  @Test(arguments: [[1, 1, 1, 1], [2, 1, 16, 8], [6, 3, 5, 17], [2, 1, 128, 128], [3, 3, 64, 128]], Gate.allCases)
  func anyCutGivesTheWhole(sizes: [Int], _ gate: Gate) throws {
    // Either order of value heads, where they are several to a key head.
    for tiled in sizes[0] > sizes[1] ? [false, true] : [false] { try anyCutGivesTheWhole(sizes, tiled: tiled, gate) }
  }

  private func anyCutGivesTheWhole(_ sizes: [Int], tiled: Bool, _ gate: Gate) throws {
    let lengths = sizes[2] > 32 ? [90, 17] : [1, 15, 64, 130, 201]
    let rule = Case(
      heads: sizes[0], keyHeads: sizes[1], k: sizes[2], v: sizes[3], tiled: tiled, gate, lengths: lengths,
      seed: UInt64(sizes[3]))
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: rule.shape.stateCount))
    var generator = SeededGenerator(seed: 6)
    for longest in [1, 20, 70, 300] where longest > 1 || sizes[2] < 32 {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: rule.shape.stateCount)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let want = parts.flatMap { rule.expected[$0.sequence].out[$0.position..<$0.position + $0.count] }
        #expect(distance(rule.run(bench, parts, state), want) <= Self.tolerance, "runs up to \(longest)")
      }
      for sequence in lengths.indices {
        let after = bench.state(state, of: sequence, count: rule.shape.stateCount)
        #expect(distance(after, rule.expected[sequence].states[lengths[sequence] - 1]) <= Self.tolerance)
      }
      let untouched = bench.state(state, of: -1, count: rule.shape.stateCount)
      #expect(untouched.allSatisfy { $0 == 77 }, "a slot of nobody was written")
    }
  }

  /// A key that is written again and again holds what was written last, and nothing else is disturbed.
  @Test func aKeyHoldsWhatWasWrittenLast() throws {
    let (tokens, size) = (200, 8)
    var rule = Plain.DeltaInput(q: [], k: [], v: [], decay: [], beta: [])
    var generator = SeededGenerator(seed: 3)
    for token in 0..<tokens {
      let key = (0..<size).map { $0 == token * 5 % size ? Float(1) : 0 }
      rule.q.append(key)
      rule.k.append(key)
      rule.v.append(generator.floats(size))
      rule.decay.append([1])
      rule.beta.append([1])
    }
    let shape = DeltaRuleShape(heads: 1, keyHeads: 1, keyDimension: size, valueDimension: size)
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: shape.stateCount))
    let bench = try KernelBench(layout: layout)
    let k = GuardedRows(rule.k)
    let v = GuardedRows(rule.v)
    let decay = GuardedRows(rule.decay)
    let beta = GuardedRows(rule.beta)
    let out = GuardedRows(count: tokens, columns: size)
    bench.step([.init(count: tokens)]) { step in
      var target = out.target
      gatedDeltaRule(
        q: k.rows, k: k.rows, v: v.rows, decay: decay.rows, beta: beta.rows, shape, state: state, into: &target, step)
    }
    #expect(distance(out.values(), rule.v.map { $0.map(Double.init) }) <= 1e-5)
  }
}
