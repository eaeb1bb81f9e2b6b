import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

/// Quantising while a checkpoint is read.
@Suite struct QuantizedLoadTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func scope(
    _ entries: [SafetensorsBytes.Entry], _ name: String?, threads: Int = 2,
    progress: (@Sendable (LoadProgress) -> Void)? = nil, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws -> WeightScope {
    let file = try MappedFile(at: folder.write("model.safetensors", SafetensorsBytes.file(entries)))
    let checkpoint = try Checkpoint(files: [file])
    let plan = try name.map { QuantizationPlan(try #require(Quantization(named: $0)), names: checkpoint.tensors.keys) }
    return try WeightScope(checkpoint, plan: plan, threads: threads, progress: progress, isCancelled: isCancelled)
  }

  /// Whatever the source and the number of threads, each row becomes what it becomes alone.
  @Test(arguments: WeightFormat.writable, ["F32", "F16", "BF16"])
  func rowsAreQuantisedOneByOne(_ format: WeightFormat, _ type: String) throws {
    var generator = SeededGenerator(seed: 11)
    let values = generator.floats(300 * 512)
    let entry = SafetensorsBytes.Entry("w", [300, 512], values, type: type)
    let stored = try scope([entry], nil).matrix("w", rows: 300, columns: 512).floats()
    for threads in [1, 2, 3] {
      let matrix = try scope([entry], format.name, threads: threads).matrix("w", rows: 300, columns: 512)
      #expect(matrix.format == format && matrix.rows == 300 && matrix.columns == 512)
      let floats = matrix.floats()
      for row in [0, 1, 63, 64, 299] {
        let alone = Matrix(format: format, rows: 1, columns: 512, values: Array(stored[row * 512..<(row + 1) * 512]))
        #expect(Array(floats[row * 512..<(row + 1) * 512]) == alone.floats(), "row \(row)")
      }
    }
  }

  /// A large tensor is left in its midst, while it is quantised or packed, and not told as done.
  @Test(arguments: ["Q8_0", nil]) func readingIsLeftWithinATensor(_ format: String?) throws {
    let asked = Monitor(0)
    let done = Monitor(0)
    let scope = try scope(
      [.init("w", [4096, 1024], Array(repeating: 0.1, count: 4096 * 1024))], format, threads: 1,
      progress: { _ in done.withLock { $0 += 1 } },
      isCancelled: {
        asked.withLock {
          $0 += 1; return $0 > 5
        }
      })
    #expect(throws: ModelError.cancelled) { try scope.matrix("w", rows: 4096, columns: 1024) }
    #expect(asked.withLock { $0 } == 6 && done.withLock { $0 } == 0)
  }

  @Test func stacksAreCutBehindQuantising() throws {
    var generator = SeededGenerator(seed: 12)
    let values = generator.floats(3 * 5 * 64)
    let scope = try scope([.init("w", [3, 5, 64], values)], "Q8_0")
    let matrices = try scope.matrices("w", count: 3, rows: 5, columns: 64)
    for (index, matrix) in matrices.enumerated() {
      let part = Array(values[index * 320..<(index + 1) * 320])
      #expect(matrix.floats() == Matrix(format: .q8_0, rows: 5, columns: 64, values: part).floats())
    }
  }

  /// What a rank has of a matrix are the same numbers, to the last bit.
  @Test(arguments: WeightFormat.writable, ["F32", "BF16"])
  func partsAreThoseOfTheWhole(_ format: WeightFormat, _ type: String) throws {
    var generator = SeededGenerator(seed: 13)
    let entry = SafetensorsBytes.Entry("w", [300, 768], generator.floats(300 * 768), type: type)
    let whole = try scope([entry], format.name).matrix("w", rows: 300, columns: 768).floats()
    let rows = [[64..<192], [10..<20, 200..<230]]
    for columns in [0..<256, 256..<768, 0..<768] {
      let parts = try scope([entry], format.name).matrices(
        "w", rows: 300, columns: 768, parts: rows, columns: columns)
      for (part, ranges) in zip(parts, rows) {
        #expect(part.format == format && part.columns == columns.count)
        #expect(part.floats() == ranges.joined().flatMap { row in columns.map { whole[row * 768 + $0] } })
      }
    }
  }

  @Test func partsThatCutBlocksAreNamed() throws {
    let scope = try scope([.init("w", [4, 512], Array(repeating: 0.1, count: 2048))], "Q4_K")
    let error = #expect(throws: ModelError.self) {
      _ = try scope.matrices("w", rows: 4, columns: 512, parts: [[0..<4]], columns: 128..<512)
    }
    #expect("\(try #require(error))".contains("w: has blocks of 256 columns in Q4_K, and columns 128..<512 of 512"))
  }

  @Test func whatIsNoMatrixStaysAndAllIsAccountedFor() throws {
    let seen = Monitor<[LoadProgress]>([])
    let scope = try scope(
      [
        .init("v", [64], Array(repeating: 0.1, count: 64)), .init("r", [2, 64], Array(repeating: 0.1, count: 128)),
        .init("w", [2, 64], Array(repeating: 0.1, count: 128)), .init("unused", [1], [1]),
      ], "Q4_0", progress: { progress in seen.withLock { $0.append(progress) } })
    #expect(try scope.vector("v", count: 64) == Array(repeating: 0.1, count: 64))
    #expect(try scope.matrix("r", rows: 2, columns: 64, role: .exact).format == .f32)
    #expect(try scope.matrix("w", rows: 2, columns: 64).format == .q4_0)
    #expect(scope.unread == ["unused"])
    scope.discard("un")
    let loaded = scope.loaded
    #expect(loaded.map(\.tensor.name) == ["r", "v", "w"])
    #expect(loaded.map(\.byteCount) == [512, 256, 72])
    #expect(loaded.map(\.role) == [.exact, nil, .linear])
    let progress = seen.withLock { $0 }
    #expect(progress.map(\.bytesDone) == [256, 768, 1280, 1284])
    #expect(progress.allSatisfy { $0.bytesTotal == 1284 })
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity, 1e6])
  func numbersThatNoFormatHoldsAreNamed(_ value: Float) throws {
    var values = Array(repeating: Float(0.5), count: 4 * 256)
    values[300] = value
    for format in ["F16", "Q8_0", "Q4_K", "Q6_K"] where format == "F16" || !value.isFinite {
      let scope = try scope([.init("a.w", [4, 256], values)], format)
      let error = #expect(throws: ModelError.self) { _ = try scope["a"].matrix("w", rows: 4, columns: 256) }
      #expect(
        error == .tensor(name: "a.w", reason: "1 numbers are NaN, infinite or beyond the range of \(format)"))
    }
  }
}
