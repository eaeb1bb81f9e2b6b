import Foundation
import TestSupport
import Testing

@testable import InferCore

/// The recurrences of RWKV 6 and 7 against their formulas.
@Suite struct WKVTests {
  enum Version: Sendable, CaseIterable { case six, seven }

  /// Random inputs of some sequences, rows `[receptance | decay | key | value | removed | replaced]`.
  struct Case {
    let version: Version
    let shape: WKVShape
    let bonus: [Float]
    let inputs: [[[Float]]]

    init(_ version: Version, heads: Int, size: Int, lengths: [Int], seed: UInt64) {
      var generator = SeededGenerator(seed: seed)
      let width = heads * size
      self.version = version
      shape = WKVShape(heads: heads, size: size)
      bonus = generator.floats(width)
      inputs = lengths.map { length in
        generator.rows(length, 6 * width).map { row in
          var row = row
          // From channels that hardly forget to channels that forget within a token.
          for column in width..<2 * width { row[column] = expf(-expf(3 * row[column] - 2)) }
          // A direction of each head, and that by a rate, as replacing does not let states grow.
          for head in 0..<heads {
            let columns = (4 * width + head * size)..<(4 * width + (head + 1) * size)
            let length = max(row[columns].reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-6)
            for column in columns {
              row[column] /= -length
              row[column + width] = -0.8 * row[column]
            }
          }
          return row
        }
      }
    }

    /// Runs a step and returns the outputs.
    func run(_ bench: KernelBench, _ parts: [KernelBench.Part], _ state: StateHandle) -> [[Float]] {
      let (width, rows) = (shape.width, parts.flatMap { inputs[$0.sequence][$0.position..<$0.position + $0.count] })
      let all = GuardedRows(rows)
      let out = GuardedRows(count: rows.count, columns: width)
      bench.step(parts) { step in
        var target = out.target
        let x = all.rows
        let (r, decay) = (0..<width, width..<2 * width)
        let (k, v) = (2 * width..<3 * width, 3 * width..<4 * width)
        switch version {
        case .six:
          wkv6(
            r: x.columns(r), decay: x.columns(decay), k: x.columns(k), v: x.columns(v), bonus: bonus, shape,
            state: state, into: &target, step)
        case .seven:
          wkv7(
            r: x.columns(r), decay: x.columns(decay), k: x.columns(k), v: x.columns(v),
            removed: x.columns(4 * width..<5 * width), replaced: x.columns(5 * width..<6 * width), shape, state: state,
            into: &target, step)
        }
      }
      return out.values()
    }

    /// The outputs of a whole sequence, one token after another.
    func plain(_ sequence: Int) -> [[Double]] {
      let (size, width) = (shape.size, shape.width)
      var state = [Double](repeating: 0, count: shape.stateCount)
      return inputs[sequence].map { row in
        let row = row.map { Double($0) }
        var out = [Double](repeating: 0, count: width)
        for head in 0..<shape.heads {
          for p in 0..<size {
            let value = row[3 * width + head * size + p]
            func at(_ i: Int) -> Int { (head * size + i) * size + p }
            func input(_ part: Int, _ i: Int) -> Double { row[part * width + head * size + i] }
            let held = (0..<size).reduce(0) { $0 + input(4, $1) * state[at($1)] }
            for i in 0..<size {
              let own = input(2, i) * value
              if version == .six {
                out[head * size + p] += input(0, i) * (state[at(i)] + Double(bonus[head * size + i]) * own)
                state[at(i)] = input(1, i) * state[at(i)] + own
              } else {
                state[at(i)] = input(1, i) * state[at(i)] + input(5, i) * held + own
                out[head * size + p] += input(0, i) * state[at(i)]
              }
            }
          }
        }
        return out
      }
    }
  }

  /// However sequences are cut, each comes out as the formulas say, and to the bit as uncut.
  @Test(arguments: Version.allCases, [5, 16, 64]) func anyCutMatchesTheFormulas(_ version: Version, size: Int) throws {
    let lengths = [1, 2, 40, 90]
    let wkv = Case(version, heads: 3, size: size, lengths: lengths, seed: 71)
    let expected = lengths.indices.map(wkv.plain)
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: wkv.shape.stateCount))
    let whole = try lengths.indices.map { sequence in
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      return wkv.run(bench, [.init(sequence: sequence, count: lengths[sequence])], state)
    }
    var generator = SeededGenerator(seed: 72)
    for longest in [1, 20, 100] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: wkv.shape.stateCount)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let got = wkv.run(bench, parts, state)
        let want = parts.flatMap { expected[$0.sequence][$0.position..<$0.position + $0.count] }
        #expect(distance(got, want) <= 1e-4, "runs up to \(longest)")
        #expect(got == parts.flatMap { whole[$0.sequence][$0.position..<$0.position + $0.count] })
      }
    }
  }

  @Test func keysAreTakenApart() throws {
    var generator = SeededGenerator(seed: 73)
    let (shape, count) = (WKVShape(heads: 3, size: 5), 11)
    let (keys, values, receptance) = (
      generator.rows(count, shape.width), generator.rows(count, shape.width), generator.rows(count, shape.width)
    )
    let rates = generator.rows(count, shape.width).map { $0.map { abs($0) } }
    let weights = (0..<3).map { _ in generator.floats(shape.width) }
    let k = GuardedRows(keys)
    let rate = GuardedRows(rates)
    let removed = GuardedRows(count: count, columns: shape.width)
    let y = GuardedRows(values)
    let v = GuardedRows(values)
    let r = GuardedRows(receptance)
    try KernelBench(sequences: 1).step([.init(count: count)]) { step in
      var keyRows = k.target
      var rateRows = rate.target
      var removedRows = removed.target
      var sums = y.target
      wkv7Keys(
        &keyRows, rates: &rateRows, removed: &removedRows, removal: weights[0], mix: weights[1], shape, step)
      wkv7Bonus(&sums, r: r.rows, k: k.rows, v: v.rows, weight: weights[2], shape, step)
    }
    let (gotKeys, gotRates, gotRemoved, gotSums) = (k.values(), rate.values(), removed.values(), y.values())
    for row in 0..<count {
      for column in 0..<shape.width {
        let head = column / shape.size * shape.size..<(column / shape.size + 1) * shape.size
        let length = head.reduce(Float(0)) { $0 + keys[row][$1] * weights[0][$1] * keys[row][$1] * weights[0][$1] }
          .squareRoot()
        let direction = keys[row][column] * weights[0][column] / length
        let own = head.reduce(Float(0)) { sum, other in
          let key = keys[row][other] * (1 + (rates[row][other] - 1) * weights[1][other])
          return sum + receptance[row][other] * key * weights[2][other]
        }
        #expect(abs(gotRemoved[row][column] + direction) <= 1e-5)
        #expect(abs(gotRates[row][column] - rates[row][column] * direction) <= 1e-5)
        let key = keys[row][column] * (1 + (rates[row][column] - 1) * weights[1][column])
        #expect(abs(gotKeys[row][column] - key) <= 1e-5)
        #expect(abs(gotSums[row][column] - values[row][column] * (1 + own)) <= 1e-5)
      }
    }
  }
}
