import Foundation
import TestSupport
import Testing

@testable import InferCore

/// Kernels that work on one row at a time.
@Suite struct RowKernelTests {
  static let rowCounts = [0, 1, 2, 3, 4, 5, 8, 9, 17]
  private var generator = SeededGenerator(seed: 4)

  @Test(arguments: [1, 2, 4]) mutating func normOfGroups(_ groups: Int) throws {
    let bench = try KernelBench()
    for (index, size) in MatMulTests.lengths.enumerated() {
      let (rows, columns) = (Self.rowCounts[index % Self.rowCounts.count], size * groups)
      var x = generator.rows(rows, columns, scale: 5)
      // A row of zeros is where ε matters.
      if rows > 2 { x[1] = Array(repeating: 0, count: columns) }
      let (gate, weight) = (generator.rows(rows, columns, scale: 5), generator.floats(columns))
      let input = GuardedRows(x, columns: columns)
      let gates = GuardedRows(gate, columns: columns, padding: 2)
      let second = GuardedRows(x, columns: columns)
      let out = GuardedRows(count: rows, columns: columns, padding: 1)
      bench.step(rows: rows) { step in
        var target = out.target
        rmsNorm(input.rows, weight: weight, epsilon: 1e-5, into: &target, step)
        var inPlace = input.target
        gatedNorm(&inPlace, gate: gates.rows, weight: weight, epsilon: 1e-5, groups: groups, step)
        inPlace = second.target
        gatedNorm(&inPlace, gate: gates.rows, weight: weight, epsilon: 1e-5, groups: groups, normFirst: true, step)
      }
      let expected = x.map { Plain.rmsNorm($0, weight: weight, epsilon: 1e-5) }
      #expect(distance(out.values(), expected) <= 2e-6, "\(columns) columns")
      let products = zip(x, gate).map { zip($0, $1).map { Float(Double($0) * Plain.silu(Double($1))) } }
      let normed = products.map { Plain.rmsNorm($0, weight: weight, epsilon: 1e-5, groups: groups) }
      #expect(distance(input.values(), normed) <= 3e-6, "\(columns) columns in \(groups) groups")
      let first = x.map { Plain.rmsNorm($0, weight: weight, epsilon: 1e-5, groups: groups) }
      let gated = zip(first, gate).map { zip($0, $1).map { $0 * Plain.silu(Double($1)) } }
      #expect(distance(second.values(), gated) <= 3e-6, "\(columns) columns in \(groups) groups, norm first")
    }
  }

  @Test mutating func normOfHeads() throws {
    let bench = try KernelBench()
    let (x, weight) = (generator.rows(11, 7 * 9), generator.floats(9))
    let rows = GuardedRows(x)
    bench.step(rows: 11) { step in
      var target = rows.target
      rmsNormHeads(&target, weight: weight, epsilon: 1e-6, step)
    }
    let weights = (0..<7).flatMap { _ in weight }
    #expect(distance(rows.values(), x.map { Plain.rmsNorm($0, weight: weights, epsilon: 1e-6, groups: 7) }) <= 2e-6)
  }

  @Test(arguments: [GateActivation.silu, .sigmoid])
  mutating func normOfHeadsThenGate(_ activation: GateActivation) throws {
    let bench = try KernelBench()
    let (x, gate) = (generator.rows(11, 7 * 9, scale: 3), generator.rows(11, 7 * 9, scale: 9))
    let weight = generator.floats(9)
    let rows = GuardedRows(x)
    let gates = GuardedRows(gate, padding: 2)
    bench.step(rows: 11) { step in
      var target = rows.target
      normThenGate(&target, gate: gates.rows, activation, weight: weight, epsilon: 1e-6, step)
    }
    let weights = (0..<7).flatMap { _ in weight }
    let expected = zip(x, gate).map { x, gate in
      zip(Plain.rmsNorm(x, weight: weights, epsilon: 1e-6, groups: 7), gate).map { value, gate in
        value * (activation == .silu ? Plain.silu(Double(gate)) : Plain.sigmoid(Double(gate)))
      }
    }
    #expect(distance(rows.values(), expected) <= 3e-6)
  }

  @Test mutating func sigmoidGates() throws {
    let bench = try KernelBench()
    for (index, width) in MatMulTests.lengths.enumerated() {
      let rows = Self.rowCounts[index % Self.rowCounts.count]
      let (x, gate) = (generator.rows(rows, width), generator.rows(rows, width, scale: 20))
      let ofColumns = GuardedRows(x, columns: width)
      let ofRows = GuardedRows(x, columns: width)
      let gates = GuardedRows(gate, columns: width, padding: 2)
      let alone = GuardedRows(gate, columns: width)
      bench.step(rows: rows) { step in
        var target = ofColumns.target
        sigmoidGate(&target, gate: gates.rows, step)
        target = ofRows.target
        sigmoidGate(&target, gate: gates.rows.columns(0..<1), step)
        target = alone.target
        sigmoid(&target, step)
      }
      let sigmoids = gate.map { $0.map { Plain.sigmoid(Double($0)) } }
      let products = zip(x, sigmoids).map { zip($0, $1).map { Double($0) * $1 } }
      #expect(distance(ofColumns.values(), products) <= 3e-7, "\(width) columns")
      #expect(distance(ofRows.values(), zip(x, sigmoids).map { x, gate in x.map { Double($0) * gate[0] } }) <= 3e-7)
      #expect(distance(alone.values(), sigmoids) <= 3e-7)
    }
  }

  @Test mutating func softplusDecays() throws {
    let bench = try KernelBench()
    let x = generator.rows(11, 33, scale: 30)
    let (bias, rate) = (generator.floats(33), generator.floats(33).map { -exp(3 * $0) })
    let rows = GuardedRows(x)
    bench.step(rows: 11) { step in
      var target = rows.target
      softplusDecay(&target, bias: bias, rate: rate, step)
    }
    let expected = x.map { row in
      row.indices.map { exp(Double(rate[$0]) * Plain.softplus(Double(row[$0] + bias[$0]))) }
    }
    #expect(distance(rows.values(), expected) <= 2e-6)
  }

  @Test mutating func activations() throws {
    let bench = try KernelBench()
    for (index, width) in MatMulTests.lengths.enumerated() {
      let rows = Self.rowCounts[index % Self.rowCounts.count]
      let x = generator.rows(rows, 2 * width, scale: 20)
      let input = GuardedRows(x, columns: 2 * width)
      let gated = GuardedRows(count: rows, columns: width)
      let squared = GuardedRows(x, columns: 2 * width)
      let normal = GuardedRows(count: rows, columns: width)
      bench.step(rows: rows) { step in
        var target = gated.target
        siluGated(input.rows, into: &target, step)
        target = squared.target
        reluSquared(&target, step)
        target = normal.target
        geluGated(input.rows, into: &target, step)
      }
      let expected = x.map { row in
        (0..<width).map { Plain.silu(Double(row[$0])) * Double(row[width + $0]) }
      }
      #expect(distance(gated.values(), expected) <= 5e-7, "SwiGLU of \(width)")
      #expect(squared.values() == x.map { $0.map { max($0, 0) * max($0, 0) } }, "ReLU² of \(width)")
      let geglu = x.map { row in
        (0..<width).map { Plain.gelu(Double(row[$0])) * Double(row[width + $0]) }
      }
      // Of factors up to 20, with a GELU exact to 3e-7.
      #expect(distance(normal.values(), geglu) <= 6e-6, "GEGLU of \(width)")
    }
  }

  @Test mutating func sums() throws {
    let bench = try KernelBench()
    for (index, width) in MatMulTests.lengths.enumerated() {
      let rows = Self.rowCounts[index % Self.rowCounts.count]
      let (x, y, bias) = (generator.rows(rows, width), generator.rows(rows, width), generator.floats(width))
      let summed = GuardedRows(x, columns: width)
      let biased = GuardedRows(x, columns: width)
      let scaled = GuardedRows(x, columns: width)
      let other = GuardedRows(y, columns: width, padding: 0)
      bench.step(rows: rows) { step in
        var target = summed.target
        add(other.rows, scale: 0.22, to: &target, step)
        target = biased.target
        addBias(bias, to: &target, step)
        target = scaled.target
        scale(&target, by: 3, step)
      }
      let expected = zip(x, y).map { zip($0, $1).map { Double($0) + Double(Float(0.22)) * Double($1) } }
      #expect(distance(summed.values(), expected) <= 2e-7)
      #expect(biased.values() == x.map { zip($0, bias).map { $0 + $1 } })
      #expect(scaled.values() == x.map { $0.map { 3 * $0 } })
    }
  }

  @Test mutating func products() throws {
    let bench = try KernelBench()
    for (index, width) in MatMulTests.lengths.enumerated() {
      let rows = Self.rowCounts[index % Self.rowCounts.count]
      let (x, y, factors) = (generator.rows(rows, width), generator.rows(rows, width), generator.floats(width))
      let multiplied = GuardedRows(x, columns: width)
      let scaled = GuardedRows(x, columns: width)
      let assigned = GuardedRows(count: rows, columns: width)
      let gated = GuardedRows(x, columns: width)
      let out = GuardedRows(count: rows, columns: width)
      let other = GuardedRows(y, columns: width, padding: 0)
      bench.step(rows: rows) { step in
        var target = multiplied.target
        multiply(&target, by: other.rows, step)
        target = scaled.target
        scaleColumns(&target, by: factors, step)
        target = assigned.target
        assign(other.rows, scale: 3, to: &target, step)
        target = out.target
        multiply(multiplied.rows, other.rows, into: &target, step)
        target = gated.target
        siluGate(&target, gate: other.rows, step)
      }
      #expect(multiplied.values() == zip(x, y).map { zip($0, $1).map { $0 * $1 } })
      #expect(scaled.values() == x.map { zip($0, factors).map { $0 * $1 } })
      #expect(assigned.values() == y.map { $0.map { 3 * $0 } })
      #expect(out.values() == zip(x, y).map { zip($0, $1).map { $0 * $1 * $1 } })
      let expected = zip(x, y).map { zip($0, $1).map { Double($0) * Plain.silu(Double($1)) } }
      #expect(distance(gated.values(), expected) <= 5e-7)
    }
  }

  /// Heads that are longer than allowed are as long as that, and others stay as they are.
  @Test mutating func headsAreHeldWithinALength() throws {
    let bench = try KernelBench()
    var x = generator.rows(9, 5 * 7, scale: 2)
    x[2] = Array(repeating: 0, count: 5 * 7)
    let rows = GuardedRows(x)
    bench.step(rows: 9) { step in
      var target = rows.target
      clipHeads(&target, headDimension: 7, to: 3, step)
    }
    let expected = x.map { row in
      stride(from: 0, to: row.count, by: 7).flatMap { first -> [Double] in
        let head = row[first..<first + 7].map { Double($0) }
        let length = head.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return head.map { $0 * min(1, 3 / (length + 1e-6)) }
      }
    }
    #expect(distance(rows.values(), expected) <= 1e-6)
  }

  /// Every query finds a mean of the lanes, each of a root mean square of one.
  @Test(arguments: [1, 2, 5], [1, 3]) mutating func lanesAreAttendedTo(lanes: Int, count: Int) throws {
    let bench = try KernelBench()
    let width = 13
    let (x, queries) = (generator.rows(9, lanes * width, scale: 3), generator.floats(count * width, scale: 3))
    let input = GuardedRows(x)
    let out = GuardedRows(count: 9, columns: count * width)
    bench.step(rows: 9) { step in
      var target = out.target
      attendToLanes(input.rows, queries: queries, width: width, epsilon: 1e-6, into: &target, step)
    }
    let ones = [Float](repeating: 1, count: width)
    let expected = x.map { row in
      let seen = (0..<lanes).map { lane in
        Plain.rmsNorm(Array(row[lane * width..<(lane + 1) * width]), weight: ones, epsilon: 1e-6).map { Float($0) }
      }
      return (0..<count).flatMap { query in
        Plain.attention(
          Array(queries[query * width..<(query + 1) * width]), keys: seen, values: seen,
          scale: 1 / Double(width).squareRoot())
      }
    }
    #expect(distance(out.values(), expected) <= 5e-6)
  }

  /// Gates and the other half are held within caps, and the sigmoid is that of the gate as it is.
  @Test mutating func cappedGates() throws {
    let bench = try KernelBench()
    for width in MatMulTests.lengths {
      let x = generator.rows(3, 2 * width, scale: 4)
      let input = GuardedRows(x, columns: 2 * width)
      let out = GuardedRows(count: 3, columns: width)
      bench.step(rows: 3) { step in
        var target = out.target
        activateGated(input.rows, .softCappedSiluGated(gate: 1.5, up: 2.5), into: &target, step)
      }
      let expected = x.map { row in
        (0..<width).map { column in
          let (gate, up) = (Double(row[column]), Double(row[width + column]))
          return 1.5 * tanh(gate / 1.5) * Plain.sigmoid(gate) * 2.5 * tanh(up / 2.5)
        }
      }
      #expect(distance(out.values(), expected) <= 2e-6, "\(width)")
    }
  }

  @Test mutating func rowsWhoseLogitsAreWantedAreGathered() throws {
    let bench = try KernelBench(sequences: 4)
    let h = generator.rows(1 + 5 + 3 + 1, 6)
    let parts = [
      KernelBench.Part(sequence: 0, count: 1, logits: 1), .init(sequence: 1, count: 5, logits: 2),
      .init(sequence: 2, count: 3), .init(sequence: 3, count: 1, logits: 1),
    ]
    let input = GuardedRows(h)
    let out = GuardedRows(count: 4, columns: 6)
    bench.step(parts) { step in
      var target = out.target
      gatherLogitRows(of: input.rows, into: &target, step)
    }
    #expect(out.values() == [h[0], h[4], h[5], h[9]])
  }
}
