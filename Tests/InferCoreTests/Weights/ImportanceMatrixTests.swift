import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct ImportanceMatrixTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder(inMemory: true) }

  private var matrix: ImportanceMatrix {
    var matrix = ImportanceMatrix()
    matrix.entries["blk.0.attn_q.weight"] = .init(sums: [[2, 4, 8]], counts: [2])
    matrix.entries["blk.0.ffn_up_exps.weight"] = .init(sums: [[1, 2], [0, 0]], counts: [4, 0])
    matrix.datasets = ["text.txt"]
    (matrix.chunkCount, matrix.chunkSize) = (3, 512)
    return matrix
  }

  @Test func whatIsWrittenIsRead() throws {
    let file = folder.url.appending(path: "imatrix.gguf")
    try matrix.write(to: file)
    let read = try ImportanceMatrix(at: file)
    #expect(read == matrix)
    let gguf = try GGUF(MappedFile(at: file))
    #expect(gguf.metadata["general.type"] == .string("imatrix"))
    #expect(gguf.tensors.first { $0.name == "blk.0.ffn_up_exps.weight.in_sum2" }?.shape == [2, 2])
    #expect(gguf.tensors.first { $0.name == "blk.0.ffn_up_exps.weight.counts" }?.shape == [2, 1])
    #expect(read.entries["blk.0.attn_q.weight"]?.importance.of(0) == [1, 2, 4])
    // An expert that no row came to has no columns that matter more.
    #expect(read.entries["blk.0.ffn_up_exps.weight"]?.importance.of(1) == [1, 1])
  }

  @Test func sumsOfTwoTexts() throws {
    var both = matrix
    try both.add(matrix)
    #expect(both.entries["blk.0.attn_q.weight"] == .init(sums: [[4, 8, 16]], counts: [4]))
    #expect(both.chunkCount == 6 && both.datasets.count == 2)
    var other = ImportanceMatrix()
    other.entries["blk.0.attn_q.weight"] = .init(sums: [[1]], counts: [1])
    #expect(throws: ModelError.self) { try both.add(other) }
  }

  /// A file of the older form, as llama-imatrix's `--output-format dat` writes it.
  private func legacy(_ values: [Float] = [6, 12], calls: Int32 = 3, end: Bool = true, name: String = "a.weight")
    -> [UInt8]
  {
    var bytes: [UInt8] = []
    func append(_ value: Int32) { bytes.append(littleEndian: UInt32(bitPattern: value)) }
    append(1)
    append(Int32(name.utf8.count))
    bytes += Array(name.utf8)
    append(calls)
    append(Int32(values.count))
    for value in values { bytes.append(littleEndian: value.bitPattern) }
    guard end else { return bytes }
    append(3)
    append(4)
    return bytes + Array("text".utf8)
  }

  @Test func theOlderForm() throws {
    let read = try ImportanceMatrix(at: folder.write("a.dat", legacy()))
    #expect(read.entries["a.weight"]?.importance.of(0) == [2, 4])
    #expect(read.chunkCount == 3 && read.datasets == ["text"])
    #expect(try ImportanceMatrix(at: folder.write("b.dat", legacy(end: false))).entries.count == 1)
  }

  @Test func faults() throws {
    let good = legacy()
    for length in 1..<legacy(end: false).count {
      #expect(throws: ModelError.self) { try ImportanceMatrix(at: folder.write("cut", good[..<length])) }
    }
    for bytes in [legacy([.nan, 1]), legacy([-1, 1]), legacy(calls: -1), legacy([]), legacy(name: "")] {
      #expect(throws: ModelError.self) { try ImportanceMatrix(at: folder.write("bad", bytes)) }
    }
    var huge = good
    huge.replaceSubrange(0..<4, with: [255, 255, 255, 127])
    #expect(throws: ModelError.self) { try ImportanceMatrix(at: folder.write("huge", huge)) }
    var alone = matrix
    alone.entries["b"] = .init(sums: [[.infinity]], counts: [1])
    let file = folder.url.appending(path: "infinite.gguf")
    try alone.write(to: file)
    let infinite = #expect(throws: ModelError.self) { try ImportanceMatrix(at: file) }
    #expect(infinite == .tensor(name: "b.in_sum2", reason: "holds inf, expected finite numbers of 0 or more"))
    try ImportanceMatrix().write(to: file)
    #expect(throws: ModelError.self) { try ImportanceMatrix(at: file) }
    let model = try GGUFWriter(at: file, metadata: [("general.type", .string("model"))], tensors: [])
    try model.finish()
    #expect(throws: ModelError.self) { try ImportanceMatrix(at: file) }
  }
}
