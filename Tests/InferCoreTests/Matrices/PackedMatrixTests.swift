import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct PackedMatrixTests {
  private static let rows = 37
  private static let columns = 512

  private func values(count: Int) -> [[Float]] {
    var generator = SeededGenerator(seed: 21)
    return (0..<count).map { _ in generator.floats(Self.rows * Self.columns) }
  }

  /// A stack is packed in one region, whose items cross from one matrix to the next.
  @Test(arguments: WeightFormat.writable, [1, 3])
  func aStackIsPackedAsItsMatricesAre(_ format: WeightFormat, threads: Int) throws {
    let matrices = values(count: 40).map {
      Matrix(format: format, rows: Self.rows, columns: Self.columns, values: $0)
    }
    let packed = try PackedMatrix.pack(matrices, in: WeightArena(), team: ThreadTeam(count: threads))
    #expect(packed.count == matrices.count)
    for (packed, matrix) in zip(packed, matrices) { #expect(packed.floats() == matrix.floats()) }
  }

  /// Rows are quantised a panel at a time to what they become together.
  @Test(arguments: WeightFormat.writable, [1, 3])
  func rowsAreQuantisedAsTheyArePacked(_ format: WeightFormat, threads: Int) throws {
    let all = values(count: 5)
    let matrices = all.map { Matrix(rows: Self.rows, columns: Self.columns, values: $0) }
    let packed = try PackedMatrix.pack(
      matrices, as: format, name: "w", in: WeightArena(), team: ThreadTeam(count: threads))
    for (packed, values) in zip(packed, all) {
      #expect(packed.format == format)
      let quantised = Matrix(format: format, rows: Self.rows, columns: Self.columns, values: values)
      #expect(packed.floats() == quantised.floats())
    }
  }

  @Test func nothingIsPackedOfNoRows() throws {
    let matrix = Matrix(rows: 0, columns: 8, values: [])
    let packed = try PackedMatrix.pack([matrix, matrix], in: WeightArena(), team: ThreadTeam(count: 2))
    #expect(packed.map(\.count) == [0, 0])
  }

  /// Reading ahead ends with the file, and changes nothing of it.
  @Test func readingAheadEndsWithTheFile() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try MappedFile(at: folder.write("bytes", bytes))
    let readAhead = ReadAhead()
    for range in [0..<1, 99_999..<100_000, 100_000..<100_000] { readAhead.begin(file, range) }
    file.prefetchPages(50_000..<Int.max)
    file.releasePages(0..<100_000)
    #expect(file.copyBytes(0..<100_000) == bytes)
  }
}
