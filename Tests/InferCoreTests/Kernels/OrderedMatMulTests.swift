import TestSupport
import Testing

@testable import InferCore

/// Products of matrices whose columns stand in another order.
@Suite struct OrderedMatMulTests {
  /// Neighbours with the same order, with another and with none, side by side: each as if its columns stood in their own, to
  /// the bit where columns are numbers.
  @Test(arguments: [1, 5, 40]) func columnsAreFound(rows: Int) throws {
    var generator = SeededGenerator(seed: 11)
    let columns = 64
    let x = generator.rows(rows, columns)
    let orders = (0..<2).map { _ in ColumnOrder((0..<Int32(columns)).shuffled(using: &generator)) }
    let chosen: [ColumnOrder?] = [nil, orders[0], orders[0], orders[1], nil, orders[0]]
    var (matrices, plain): ([PackedMatrix], [[Float]]) = ([], [])
    for (index, order) in chosen.enumerated() {
      let weights = generator.rows(17 + index, columns)
      plain += weights
      let stored = weights.map { row in order.map { $0.indices.map { row[Int($0)] } } ?? row }
      var matrix = try PackedMatrix(rows: stored.count, columns: columns, values: stored.flatMap { $0 })
      matrix.columnOrder = order
      #expect(matrix.floats() == weights.flatMap { $0 })
      matrices.append(matrix)
    }
    let input = GuardedRows(x, columns: columns, padding: 3)
    let out = GuardedRows(count: rows, columns: plain.count)
    try KernelBench(threads: 2).step(rows: rows) { step in
      var target = out.target
      matmul(input.rows, by: matrices, into: &target, step)
    }
    #expect(distance(out.values(), Plain.product(x, plain)) <= 1e-5)
  }

  @Test func groupsMakeOrders() {
    #expect(ColumnOrder(groups: [1, 0, 1, 0], count: 2, size: 2)?.indices == [1, 3, 0, 2])
    #expect(ColumnOrder(groups: [0, 1, 0], count: 2, size: 2)?.indices == [0, 2, 1])
    #expect(ColumnOrder(groups: [0, 0, 0, 1], count: 2, size: 2) == nil)
    #expect(ColumnOrder(groups: [0, 1, 1], count: 2, size: 2) == nil)
  }
}
