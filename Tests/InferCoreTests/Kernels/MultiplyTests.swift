import TestSupport
import Testing

@testable import InferCore

@Suite struct MultiplyTests {
  /// Around the widths of vectors and the tiles' borders.
  static let columns = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]

  @Test(arguments: WeightFormat.all.filter { !$0.isQuantized }, [0, 1, 2, 3, 4, 5, 8, 9, 17])
  func everyProductMatches(_ format: WeightFormat, rows: Int) throws {
    var generator = SeededGenerator(seed: 1)
    let bench = try KernelBench()
    for columns in Self.columns {
      let x = generator.rows(rows, columns)
      // One row, one tile and a bit of both kinds, and one less: all side by side.
      let parts = [1, 33, 97, 31].map { Matrix.rounded(generator.rows($0, columns), to: format) }
      let input = GuardedRows(x, columns: columns, padding: 5)
      let out = GuardedRows(count: rows, columns: 162)
      bench.step(rows: rows) { step in
        var target = out.target
        multiply(input.rows, by: parts.map(\.matrix), into: &target, step)
      }
      // Rounding of a sum grows with the root of its length.
      let tolerance = 3e-7 * Double(columns).squareRoot() + 1e-6
      #expect(distance(out.values(), Plain.product(x, parts.flatMap(\.values))) <= tolerance, "\(columns) columns")
    }
  }

  @Test func aPartOfTheColumnsIsEnoughToRead() throws {
    var generator = SeededGenerator(seed: 2)
    let (x, w) = (generator.rows(12, 40), generator.rows(20, 11))
    let bench = try KernelBench()
    let input = GuardedRows(x)
    let out = GuardedRows(count: 12, columns: 50)
    bench.step(rows: 12) { step in
      var target = out.target
      var middle = target.columns(7..<27)
      let matrix = Matrix(rows: 20, columns: 11, values: w.flatMap { $0 })
      multiply(input.rows.columns(5..<16), by: [matrix], into: &middle, step)
    }
    let values = out.values()
    #expect(distance(values.map { Array($0[7..<27]) }, Plain.product(x.map { Array($0[5..<16]) }, w)) <= 2e-6)
    let untouched = GuardedRows(count: 1, columns: 1).values()[0][0]
    #expect(values.allSatisfy { row in (row[..<7] + row[27...]).allSatisfy { $0 == untouched } })
  }

  @Test(arguments: WeightFormat.all.filter { !$0.isQuantized })
  func embeddingsAreRowsOfTheTable(_ format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 3)
    let table = Matrix.rounded(generator.rows(30, 17), to: format)
    let indices = (0..<40).map { _ in Int32.random(in: 0..<30, using: &generator) }
    let bench = try KernelBench()
    let out = GuardedRows(count: 40, columns: 17)
    bench.step(rows: 40) { step in
      var target = out.target
      gatherRows(of: table.matrix, indices, scale: 12, into: &target, step)
    }
    #expect(out.values() == indices.map { table.values[Int($0)].map { $0 * 12 } })
  }
}
