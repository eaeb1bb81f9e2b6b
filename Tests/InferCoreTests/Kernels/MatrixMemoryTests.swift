import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct MatrixMemoryTests {
  /// Random inputs of some sequences, rows `[q | k | v | gates]`.
  struct Case {
    let shape: MatrixMemoryShape
    let scan: ScanParameters
    let inputs: [[[Float]]]
    static let epsilon: Float = 1e-3

    init(_ shape: MatrixMemoryShape, lengths: [Int], seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      self.shape = shape
      scan = shape.scan
      let width = shape.heads * (2 * shape.keyDimension + shape.valueDimension)
      inputs = lengths.map { length in
        zip(generator.rows(length, width), generator.rows(length, 2 * shape.heads, scale: 4)).map { $0 + $1 }
      }
    }

    /// Runs a step and returns the outputs.
    func run(
      _ bench: KernelBench, _ parts: [KernelBench.Part], memory: StateHandle, scale: StateHandle
    ) -> [[Float]] {
      let rows = parts.flatMap { inputs[$0.sequence][$0.position..<$0.position + $0.count] }
      let (keys, values) = (shape.heads * shape.keyDimension, shape.heads * shape.valueDimension)
      func columns(_ range: Range<Int>) -> GuardedRows { GuardedRows(rows.map { Array($0[range]) }) }
      let q = columns(0..<keys)
      let k = columns(keys..<2 * keys)
      let v = columns(2 * keys..<2 * keys + values)
      let gates = columns(2 * keys + values..<2 * keys + values + 2 * shape.heads)
      let out = GuardedRows(count: rows.count, columns: values)
      bench.step(parts) { step in
        var target = out.target
        matrixMemory(
          q: q.rows, k: k.rows, v: v.rows, gates: gates.rows, shape, scan, epsilon: Self.epsilon, memory: memory,
          scale: scale, into: &target, step)
      }
      return out.values()
    }

    /// The outputs of a whole sequence, one token after another, scaled by m as it is published.
    func plain(_ sequence: Int) -> [[Double]] {
      let (n, p, heads) = (shape.keyDimension, shape.valueDimension, shape.heads)
      let (keys, values) = (heads * n, heads * p)
      var memory = [Double](repeating: 0, count: heads * n * p)
      var normaliser = [Double](repeating: 0, count: heads * n)
      var largest = [Double](repeating: 0, count: heads)
      return inputs[sequence].map { row in
        (0..<heads).flatMap { head -> [Double] in
          let input = Double(row[2 * keys + values + head])
          let forget = -log1p(exp(-Double(row[2 * keys + values + heads + head])))
          let scale = max(forget + largest[head], input)
          let (kept, added) = (exp(forget + largest[head] - scale), exp(input - scale))
          largest[head] = scale
          var out = [Double](repeating: 0, count: p)
          var weight = 0.0
          for key in 0..<n {
            let (q, k) = (Double(row[head * n + key]), Double(row[keys + head * n + key]))
            normaliser[head * n + key] = kept * normaliser[head * n + key] + added * k
            weight += q * normaliser[head * n + key]
            for value in 0..<p {
              let place = (head * n + key) * p + value
              memory[place] = kept * memory[place] + added * k * Double(row[2 * keys + head * p + value])
              out[value] += q * memory[place]
            }
          }
          let divisor = max(abs(weight), exp(-scale)) + Double(Self.epsilon)
          return out.map { $0 / divisor }
        }
      }
    }
  }

  /// However sequences are cut, each comes out as the plain recurrence says.
  @Test func anyCutMatchesThePlainRecurrence() throws {
    let lengths = [1, 15, 70, 201]
    let cells = Case(.init(heads: 3, keyDimension: 6, valueDimension: 11), lengths: lengths, seed: 71)
    let expected = lengths.indices.map(cells.plain)
    var layout = StateLayout()
    let memory = layout.add(.recurrent(count: cells.scan.stateCount))
    let scale = layout.add(.recurrent(count: 3))
    var generator = SeededGenerator(seed: 72)
    for longest in [1, 20, 300] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(memory, count: cells.scan.stateCount)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let want = parts.flatMap { expected[$0.sequence][$0.position..<$0.position + $0.count] }
        #expect(
          distance(cells.run(bench, parts, memory: memory, scale: scale), want) <= 5e-4, "runs up to \(longest)")
      }
    }
  }
}
