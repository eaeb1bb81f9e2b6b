import TestSupport
import Testing

@testable import InferCore

@Suite struct MatMulTests {
  /// Row lengths around the widths of vectors.
  static let lengths = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]

  /// Row lengths that a format can have; with more columns than the floating-point kernels take at once.
  static func lengths(_ format: WeightFormat) -> [Int] {
    format.isQuantized ? [1, 2, 3].map { $0 * format.blockElements } : lengths + [513]
  }

  /// What a format's products see of a row of activations.
  static func seen(_ row: [Float], _ format: WeightFormat) -> [Float] {
    format.isQuantized ? Plain.roundedToEightBits(row) : row
  }

  @Test(arguments: WeightFormat.writable, [0, 1, 2, 3, 5, 8, 17, 131])
  func everyProductMatches(_ format: WeightFormat, rows: Int) throws {
    var generator = SeededGenerator(seed: 1)
    let bench = try KernelBench()
    for columns in Self.lengths(format) {
      let x = generator.rows(rows, columns)
      // One row, panels and a bit, whole panels, and one row less: all side by side.
      let parts = try [1, 33, 128, 31].map { try PackedMatrix.rounded(generator.rows($0, columns), to: format) }
      let input = GuardedRows(x, columns: columns, padding: 5)
      let out = GuardedRows(count: rows, columns: 193)
      bench.step(rows: rows) { step in
        var target = out.target
        matmul(input.rows, by: parts.map(\.matrix), into: &target, step)
      }
      // Rounding of a sum grows with the root of its length. On tiles, products of 16-bit weights are rounded as well.
      let isCut = InstructionSet.name == "amx" && [.f16, .bf16].contains(format)
      let tolerance = (isCut ? 0x3p-17 : 1e-6) * Double(columns).squareRoot() + 1e-6
      let expected = Plain.product(x.map { Self.seen($0, format) }, parts.flatMap(\.values))
      #expect(distance(out.values(), expected) <= tolerance, "\(columns) columns")
    }
  }

  /// The same bits for a row alone and among others, with one thread and with three, in every format; and for parts in
  /// different formats.
  @Test(arguments: WeightFormat.writable)
  func aResultIsTheRowsOwnToTheBit(_ format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 4)
    let columns = 256
    let parts = try [(format, 70), (.f16, 20), (.q8_0, 16)].map { format, rows in
      try PackedMatrix.rounded(generator.rows(rows, columns), to: format).matrix
    }
    let x = generator.rows(141, columns)
    func product(_ range: Range<Int>, threads: Int) throws -> [[Float]] {
      let input = GuardedRows(Array(x[range]))
      let out = GuardedRows(count: range.count, columns: 106)
      try KernelBench(threads: threads).step(rows: range.count) { step in
        var target = out.target
        matmul(input.rows, by: parts, into: &target, step)
      }
      return out.values()
    }
    let together = try product(0..<141, threads: 1)
    #expect(try product(0..<141, threads: 3) == together)
    for (first, count) in [(0, 1), (7, 1), (3, 2), (11, 5), (20, 8), (30, 19), (60, 64)] {
      let range = first..<first + count
      #expect(try product(range, threads: 2) == Array(together[range]), "rows \(range)")
    }
  }

  /// A matrix of few rows, as a router, is work for several threads where there are many rows of activations.
  @Test func smallProductsAreSharedOut() throws {
    func items(rows: Int, _ matrix: PackedMatrix, of count: Int = 1) -> Int {
      MatMul(rows: rows, matrices: count).itemCount(matrix.panels)
    }
    let router = try PackedMatrix(rows: 8, columns: 32, values: Array(repeating: 1, count: 8 * 32))
    #expect([1, 31, 64, 128, 4096].map { items(rows: $0, router) } == [1, 1, 2, 4, 64])
    #expect(items(rows: 128, router, of: 64) == 1)
    let wide = try PackedMatrix(rows: 8192, columns: 1, values: Array(repeating: 1, count: 8192))
    #expect(items(rows: 128, wide) == 128 && items(rows: 129, wide) == 256)
  }

  @Test func aPartOfTheColumnsIsEnoughToRead() throws {
    var generator = SeededGenerator(seed: 2)
    let (x, w) = (generator.rows(12, 40), generator.rows(20, 11))
    let bench = try KernelBench()
    let input = GuardedRows(x)
    let out = GuardedRows(count: 12, columns: 50)
    let matrix = try PackedMatrix(rows: 20, columns: 11, values: w.flatMap { $0 })
    bench.step(rows: 12) { step in
      var target = out.target
      var middle = target.columns(7..<27)
      matmul(input.rows.columns(5..<16), by: [matrix], into: &middle, step)
    }
    let values = out.values()
    #expect(distance(values.map { Array($0[7..<27]) }, Plain.product(x.map { Array($0[5..<16]) }, w)) <= 2e-6)
    let untouched = GuardedRows(count: 1, columns: 1).values()[0][0]
    #expect(values.allSatisfy { row in (row[..<7] + row[27...]).allSatisfy { $0 == untouched } })
  }

  /// Both where it lies in the file and packed.
  @Test(arguments: WeightFormat.writable)
  func embeddingsAreRowsOfTheTable(_ format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 3)
    let columns = format.isQuantized ? format.blockElements : 17
    let matrix = Matrix(format: format, rows: 30, columns: columns, values: generator.floats(30 * columns))
    let indices = (0..<40).map { _ in Int32.random(in: 0..<30, using: &generator) }
    let floats = matrix.floats()
    let expected = indices.map { index in floats[Int(index) * columns..<(Int(index) + 1) * columns].map { $0 * 12 } }
    for table in [matrix, try PackedMatrix(matrix, in: WeightArena(), team: ThreadTeam(count: 2))] as [any RowTable] {
      let out = GuardedRows(count: 40, columns: columns)
      try KernelBench().step(rows: 40) { step in
        var target = out.target
        gatherRows(of: table, indices, scale: 12, into: &target, step)
      }
      #expect(distance(out.values(), expected.map { $0.map(Double.init) }) <= 1e-5)
    }
  }
}
