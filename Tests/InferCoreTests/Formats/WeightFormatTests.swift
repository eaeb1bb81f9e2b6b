import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct WeightFormatTests {
  static let quantized = WeightFormat.all.filter { $0.isQuantized && $0.isShared }

  /// Rows that another implementation quantised; how they were made stands beside them.
  static func reference(_ name: String = "reference") throws -> TextDictionary<Tensor> {
    try Fixtures.tensors(Fixtures.folder.appending(path: "formats/\(name).safetensors"))
  }

  /// A matrix over bytes that a fixture holds.
  private func matrix(_ bytes: Tensor, _ format: WeightFormat) throws -> Matrix {
    guard case .file(let file, let offset) = bytes.source else { throw ModelError.unsuitable("no file") }
    let raw = file.copyBytes(offset..<offset + bytes.byteCount)
    return unsafe raw.withUnsafeBytes { source in
      let owner = unsafe OwnedBytes(copying: source)
      return unsafe Matrix(format: format, rows: bytes.shape[0], columns: 256, base: owner.base, owner: owner)
    }
  }

  @Test(arguments: quantized) func blocksOfOthersMeanTheSame(_ format: WeightFormat) throws {
    var tensors = try Self.reference()
    if tensors["\(format.name).bytes"] == nil { tensors = try Self.reference("arbitrary") }
    let bytes = try #require(tensors["\(format.name).bytes"])
    let values = try #require(tensors["\(format.name).values"]).floats()
    let matrix = try matrix(bytes, format)
    #expect(matrix.byteCount == bytes.byteCount)
    #expect(matrix.floats() == values)
  }

  /// The error of our quantiser against that of the reference's, on the same rows.
  @Test(arguments: quantized.filter { $0.isWritable && !WeightedQuantizationTests.codebooks.contains($0) })
  func noLessExactThanTheReference(_ format: WeightFormat) throws {
    let tensors = try Self.reference()
    let x = try #require(tensors["x"]).floats()
    let theirs =
      try tensors["\(format.name).values"]?.floats()
      ?? matrix(#require(Self.reference("arbitrary")["\(format.name).quantized"]), format).floats()
    let ours = Matrix(format: format, rows: 16, columns: 256, values: x).floats()
    #expect(squaredError(ours, x) <= 1.02 * squaredError(theirs, x))
  }

  private func squaredError(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }

  @Test func quantisingWhatWasQuantisedChangesLittle() {
    var generator = SeededGenerator(seed: 7)
    let x = generator.floats(512, scale: 1)
    for format in WeightFormat.writable {
      let once = Matrix(format: format, rows: 2, columns: 256, values: x).floats()
      let twice = Matrix(format: format, rows: 2, columns: 256, values: once).floats()
      #expect(squaredError(twice, once) <= 0.35 * squaredError(once, x) + 1e-12, "\(format.name)")
    }
  }

  @Test func namesAndNumbersAreUnique() {
    #expect(Set(WeightFormat.all.map(\.name)).count == 29)
    #expect(
      WeightFormat.all.map(\.typeID).sorted() == [0, 1, 2, 3] + Array(6...8) + Array(10...14) + Array(16...23)
        + [29, 30, 34, 35, 39, 40] + Array(200...202))
    #expect(
      WeightFormat.all.filter { !$0.isWritable }.map(\.name).allSatisfy {
        ["FP4", "I8_1", "FP8"].contains($0)
      })
    #expect(WeightFormat(named: "iq4_xs") == .iq4_XS && WeightFormat(named: "FP8") == nil)
  }

  /// Bytes of 256 weights in panels: what they take in the file, but where scales or codes are wider.
  @Test func panelsTakeWhatIsTold() {
    let wider = [
      "Q3_K": 114, "IQ4_XS": 138, "TQ1_0": 66, "IQ3_S": 138, "IQ3_XXS": 138, "IQ2_S": 114, "IQ2_XS": 114,
      "IQ2_XXS": 114,
      "IQ1_M": 114, "IQ1_S": 114,
    ]
    for format in WeightFormat.all {
      #expect(format.packedBytes(256) == wider[format.name] ?? format.bytes(256), "\(format.name)")
    }
  }

  @Test func whatIsReadOnlyIsNotWritten() throws {
    let matrix = Matrix(rows: 1, columns: 256, values: Array(repeating: 1, count: 256))
    let error = #expect(throws: ModelError.self) {
      try matrix.quantized(to: .fp4, name: "w", team: ThreadTeam(count: 1))
    }
    #expect(error == .tensor(name: "w", reason: "cannot become FP4, which is read only"))
  }
}
