import Foundation
import InferCore
import InferText
import TestSupport
import Testing

/// Tensors that a checkpoint stores in another form than layers read.
@Suite struct StoredFormTests {
  private let doubled = StoredForm("gain.weight", from: "half.weight") { stored in
    .computed([stored], name: stored.name, shape: stored.shape) { $0[0].map { 2 * $0 } }
  }

  private func scope(_ tensors: [Tensor], _ forms: StoredForm...) throws -> WeightScope {
    try WeightScope(Checkpoint(TextDictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) }))).reading(forms)
  }

  private func tensor(_ name: String, _ shape: [Int], _ values: [Float]? = nil) -> Tensor {
    let values = values ?? (0..<shape.reduce(1, *)).map { Float($0) }
    return .computed([], name: name, shape: shape) { _ in values }
  }

  @Test func whatIsStoredIsReadInItsForm() throws {
    let weights = try scope([tensor("a.half.weight", [2], [1, 3]), tensor("b.gain.weight", [2], [5, 7])], doubled)
    #expect(weights["a"].has("gain.weight") && weights["b"].has("gain.weight") && !weights["c"].has("gain.weight"))
    #expect(try weights["a"]["gain"].vector("weight", count: 2) == [2, 6])
    // Without the form, it is read as it is.
    #expect(try weights["b"].vector("gain.weight", count: 2) == [5, 7])
    // Reports name the tensors of the file.
    #expect(weights.loaded.map(\.tensor.name) == ["a.half.weight", "b.gain.weight"] && weights.unread == [])
  }

  /// Only whole components of a name count.
  @Test func otherNamesStayAsTheyAre() throws {
    let weights = try scope([tensor("again.weight", [1], [4]), tensor("ahalf.weight", [1], [9])], doubled)
    #expect(try weights.vector("again.weight", count: 1) == [4] && weights.unread == ["ahalf.weight"])
  }

  /// Errors are about the tensors that checkpoints have.
  @Test func faultsAreOfTheStoredTensor() throws {
    func problem(_ tensors: [Tensor]) throws -> String {
      let weights = try scope(tensors, doubled, StoredForm("gain.weight", from: "old.weight"))
      let error = #expect(throws: ModelError.self) { _ = try weights["a"].vector("gain.weight", count: 2) }
      return "\(error, default: "nothing")"
    }
    #expect(try problem([]) == "tensor a.half.weight: is missing, expected [2]")
    #expect(try problem([tensor("a.half.weight", [3])]) == "tensor a.half.weight: has shape [3], expected [2]")
    #expect(try problem([tensor("a.old.weight", [3])]) == "tensor a.old.weight: has shape [3], expected [2]")
  }

  /// Rows of equal blocks, and their transposes, in every format.
  @Test(arguments: [WeightFormat.f32, .bf16, .f16, .q8_0]) func rowsOfBlocks(_ format: WeightFormat) throws {
    let (blocks, size, columns) = (3, 5, 32)
    let values = (0..<blocks * size * columns).map { Float(($0 * 37) % 251) / 16 }
    let stored = Matrix(format: format, rows: blocks * size, columns: columns, values: values)
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "x.gguf")
    let writer = try GGUFWriter(
      at: file, metadata: [], tensors: [.init(name: "x", shape: [blocks * size, columns], format: format)])
    try writer.write(stored)
    try writer.finish()
    let whole = try GGUF(MappedFile(at: file)).tensors[0]
    let part = whole.rows(1..<4, ofEach: size, name: "part")
    #expect(part.shape == [blocks, 3, columns] && part.type == format.name)
    let floats = stored.floats()
    func value(_ block: Int, _ row: Int, _ column: Int) -> Float { floats[(block * size + 1 + row) * columns + column] }
    let expected = (0..<blocks).flatMap { b in (0..<3).flatMap { r in (0..<columns).map { value(b, r, $0) } } }
    #expect(try part.floats() == expected)
    let turned = try part.transposed("turned")
    let across = (0..<blocks).flatMap { b in (0..<columns).flatMap { c in (0..<3).map { value(b, $0, c) } } }
    #expect(turned.shape == [blocks, columns, 3] && turned.type == (format.isQuantized ? "F32" : format.name))
    #expect(try turned.floats() == across)
  }
}
