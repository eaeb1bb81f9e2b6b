import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct GGUFPartsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func part(_ number: Int, of count: Int = 3) -> URL {
    folder.url.appending(path: "m %41-0000\(number)-of-0000\(count).gguf")
  }

  /// Writes a part that says it is number `says`, counted from 0, with a tensor of one number.
  private func write(
    _ number: Int, says: Int? = nil, count: UInt64 = 3, total: UInt64 = 3, tensor: String? = nil
  ) throws {
    let writer = try GGUFWriter(
      at: part(number),
      metadata: [
        ("split.no", .unsigned(UInt64(says ?? number - 1))), ("split.count", .unsigned(count)),
        ("split.tensors.count", .signed(Int64(total))), ("part", .unsigned(UInt64(number))),
      ], tensors: [.init(name: tensor ?? "t\(number)", shape: [1], format: .f32)])
    try writer.write(Matrix(rows: 1, columns: 1, values: [Float(number)]))
    try writer.finish()
  }

  private func read(_ number: Int = 1) throws -> GGUF { try GGUF(withParts: MappedFile(at: part(number))) }

  private func problem(_ number: Int = 1) -> String {
    let error = #expect(throws: ModelError.self) { _ = try read(number) }
    return error.map { "\($0)" } ?? ""
  }

  @Test func partsAreOneFile() throws {
    for number in 1...3 { try write(number) }
    let file = try read()
    #expect(file.tensors.map(\.name) == ["t1", "t2", "t3"])
    #expect(try file.tensors.map { try $0.floats() } == [[1], [2], [3]])
    #expect(file.metadata["part"] == .unsigned(1))
  }

  @Test func missingPartsAreNamed() throws {
    try write(1)
    try write(3)
    #expect(problem().contains("/m %41-00002-of-00003.gguf"))
  }

  @Test func partsThatAreNotWhatTheirNamesSayAreNamed() throws {
    for number in 1...3 { try write(number) }
    #expect(problem(2).contains("split.no is 1, expected 0: this is part 2 of 3"))
    try write(2, says: 2)
    #expect(problem().contains("/m %41-00002-of-00003.gguf is malformed: metadata split.no is 2, expected 1"))
    try write(2, count: 4)
    #expect(problem().contains("split.count is 4, expected 3"))
    try write(2, tensor: "t1")
    #expect(problem().contains("tensor t1: is in") && problem().contains("in a part before it"))
    try write(2)
    try write(1, total: 5)
    #expect(problem().contains("split.tensors.count is 5, expected 3"))
    try write(1, count: 5000)
    #expect(problem().contains("split.count is 5000, expected at most 1000"))
    try write(1, count: 2)
    #expect(problem().contains("expected a name that ends in -00001-of-00002.gguf"))
  }
}
