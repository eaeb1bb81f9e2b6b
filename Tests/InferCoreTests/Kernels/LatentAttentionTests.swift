import TestSupport
import Testing

@testable import InferCore

@Suite struct LatentAttentionTests {
  /// Sizes of a layer's cache and queries.
  struct Shape: Sendable, CustomTestStringConvertible {
    let heads: Int
    let row: Int
    let value: Int

    var testDescription: String { "\(heads) heads, rows of \(row), values of \(value)" }

    static let all = [
      Shape(heads: 4, row: 24, value: 17), Shape(heads: 1, row: 7, value: 7), Shape(heads: 6, row: 64, value: 32),
      // More heads than are computed together, evenly and with one left for itself.
      Shape(heads: 40, row: 32, value: 32), Shape(heads: 37, row: 9, value: 1),
    ]
  }

  /// Rows are the keys of all heads, and their first elements the values; cached in any cut, over scattered pages.
  @Test(arguments: Shape.all, KVType.allCases) func anyCutMatchesSoftmax(_ shape: Shape, _ kvType: KVType) throws {
    guard shape.row % kvType.blockElements == 0 else { return }
    var generator = SeededGenerator(seed: 21)
    let lengths = [1, 33, 300]
    let scale = 3 / Float(shape.row).squareRoot()
    let queries = lengths.map { generator.rows($0, shape.heads * shape.row) }
    let latents = lengths.map { generator.rows($0, shape.row) }
    var layout = StateLayout()
    _ = layout.add(.paged(heads: 1, headDimension: 32))
    let cache = layout.add(.latent(dimension: shape.row))
    #expect(layout.pageBytes(tokens: 16, type: kvType) == 16 * (kvType.bytes(64) + kvType.bytes(shape.row)))
    let bench = try KernelBench(
      layout: layout, kvType: kvType, sequences: lengths.count, pagesPerSequence: (300 + 15) / 16)
    for parts in KernelBench.randomSteps(lengths, longest: 60, using: &generator) {
      func rows(_ sequences: [[[Float]]]) -> [[Float]] {
        parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] }
      }
      let query = GuardedRows(rows(queries))
      let latent = GuardedRows(rows(latents), padding: 1)
      let out = GuardedRows(count: query.count, columns: shape.heads * shape.value)
      bench.step(parts) { step in
        appendToCache(latents: latent.rows, cache: cache, step)
        var target = out.target
        attendToLatents(
          queries: query.rows, queryHeads: shape.heads, scale: scale, cache: cache, into: &target, step)
      }
      let values = out.values()
      var first = 0
      for part in parts {
        for row in Set([0, part.count - 1]) {
          let position = part.position + row
          let keys = latents[part.sequence][...position].map { kvType.stored($0) }
          let want = (0..<shape.heads).flatMap { head -> ArraySlice<Double> in
            let own = queries[part.sequence][position][head * shape.row..<(head + 1) * shape.row]
            return Plain.attention(Array(own), keys: keys, values: keys, scale: Double(scale)).prefix(shape.value)
          }
          #expect(distance(values[first + row], want) <= 2e-5, "sequence \(part.sequence) at \(position)")
        }
        first += part.count
      }
    }
  }

  /// Every head with a matrix of its own, from some columns of each to some columns of each.
  @Test(arguments: WeightFormat.writable, [1, 3, 141]) func everyHeadHasItsMatrix(_ format: WeightFormat, rows: Int)
    throws
  {
    var generator = SeededGenerator(seed: 22)
    let (heads, columns, outputs) = (5, format.isQuantized ? format.blockElements : 19, 35)
    let (inputStride, outputStride) = (columns + 3, outputs + 2)
    let matrices = try (0..<heads).map { _ in try PackedMatrix.rounded(generator.rows(outputs, columns), to: format) }
    let x = generator.rows(rows, heads * inputStride)
    func product(threads: Int) throws -> [[Float]] {
      let input = GuardedRows(x)
      let out = GuardedRows(Array(repeating: [Float](repeating: 7, count: heads * outputStride), count: rows))
      try KernelBench(threads: threads).step(rows: rows) { step in
        var target = out.target
        matmulHeads(
          input.rows, every: inputStride, by: matrices.map(\.matrix), into: &target, every: outputStride, step)
        copyHeads(
          input.rows, every: inputStride, columns: columns..<columns + 1, into: &target, every: outputStride,
          at: outputs + 1, step)
      }
      return out.values()
    }
    let want = x.map { row in
      (0..<heads).flatMap { head -> [Double] in
        let own = Array(row[head * inputStride..<head * inputStride + columns])
        let result = Plain.product([MatMulTests.seen(own, format)], matrices[head].values)[0]
        return result + [7, Double(row[head * inputStride + columns])]
      }
    }
    let got = try product(threads: 1)
    #expect(distance(got, want) <= 2e-5)
    #expect(try product(threads: 3) == got)
  }

  @Test(arguments: WeightFormat.writable) func transposing(_ format: WeightFormat) {
    var generator = SeededGenerator(seed: 23)
    let (rows, columns) = (7, format.isQuantized ? format.blockElements : 19)
    let matrix = Matrix(format: format, rows: rows, columns: columns, values: generator.floats(rows * columns))
    let transposed = matrix.transposed()
    #expect(transposed.rows == columns && transposed.columns == rows)
    #expect(transposed.format == (format.isQuantized ? .f32 : format))
    let (before, after) = (matrix.floats(), transposed.floats())
    #expect((0..<rows * columns).allSatisfy { after[$0 % columns * rows + $0 / columns] == before[$0] })
  }
}
