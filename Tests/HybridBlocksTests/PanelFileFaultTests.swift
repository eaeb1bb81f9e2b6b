import Foundation
import HybridBlocks
import InferText
import TestSupport
import Testing

@testable import InferCore

/// Files of weights in panels that are damaged, or used for what they are not.
@Suite struct PanelFileFaultTests {
  let folder: TemporaryFolder
  private static let source = ParityFixture("granitemoehybrid").folder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ model: URL = source, _ format: String = "Q8_0") throws -> URL {
    let file = folder.url.appending(path: "panels.gguf")
    _ = try quantizeModel(at: model, to: file, #require(Quantization(named: format)), inPanels: true)
    return file
  }

  private func compute(_ file: URL) throws {
    let model = try loadModel(at: file).model
    let runner = try StepRunner(model: model, sequences: 1, length: 3, kvType: .f32, threads: 1)
    runner.step([.init(sequence: 0, tokens: [1, 2, 3], position: 0, logits: 1)]) { rows in
      #expect(rows.count == 1)
    }
  }

  private func problem(_ bytes: [UInt8]) throws -> String {
    let file = try folder.write("damaged.gguf", bytes)
    let error = #expect(throws: ModelError.self) { try compute(file) }
    return "\(error, default: "nothing")"
  }

  /// Wherever a file ends, the error names the tensor that is not whole, or the part of the head.
  @Test func truncatedFilesAreRefused() throws {
    let file = try write()
    let good = Array(try Data(contentsOf: file))
    let tensors = try GGUF(MappedFile(at: file)).tensors
    let head = try #require(tensors.first?.place.offset)
    var generator = SeededGenerator(seed: 3)
    for round in 0..<60 {
      let end = Int.random(in: round % 2 == 0 ? 4..<head : head..<good.count - 64, using: &generator)
      let found = try problem(Array(good[..<end]))
      if end >= head {
        #expect(tensors.contains { found.contains("tensor \($0.name): takes") } && found.contains(": truncated"))
      } else {
        #expect(found.contains("damaged.gguf"), "\(found)")
      }
    }
  }

  /// Whatever the bytes of the head are, and those of panels, a file is refused or gives a model that computes.
  @Test func flippedBytesNeverTrap() throws {
    let file = try write()
    let good = Array(try Data(contentsOf: file))
    let head = try #require(GGUF(MappedFile(at: file)).tensors.first?.place.offset)
    var generator = SeededGenerator(seed: 17)
    var (loaded, refused) = (0, 0)
    for round in 0..<120 {
      var bytes = good
      // The list of tensors ends the head.
      let range = round % 4 == 0 ? head..<good.count : round % 4 == 1 ? 0..<head : head * 3 / 4..<head
      for _ in 0...round % 3 { bytes[Int.random(in: range, using: &generator)] ^= 1 << UInt8(round % 8) }
      do {
        try compute(folder.write("damaged.gguf", bytes))
        loaded += 1
      } catch is ModelError { refused += 1 }
    }
    #expect(loaded > 20 && refused > 20)
  }

  /// A head that lies is told what it lies about.
  @Test func falseHeadsAreNamed() throws {
    let file = try write()
    let good = Array(try Data(contentsOf: file))
    let tensor = try #require(GGUF(MappedFile(at: file)).tensors.first { $0.panels != nil })
    let layout = try #require(tensor.panels)
    let name = Array(tensor.name.utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: name.count >> (8 * $0)) }
    let sizes = try #require(good.firstRange(of: length + name)).upperBound + 4
    let type = sizes + 8 * tensor.shape.count
    func changed(_ change: (inout [UInt8]) -> Void) throws -> String {
      var bytes = good
      change(&bytes)
      return try problem(bytes)
    }
    #expect(try changed { $0[type + 4] += 4 }.contains("tensor \(tensor.name): begins at byte"))
    // A layout that there is none of, and a version that is not known.
    #expect(
      try changed { $0[type + 1] = 3 }.contains(
        "Q8_0 in panels of version 1 and 3 columns, expected version 1 and 4 or 8"))
    #expect(
      try changed { $0[type + 2] = 2 }.contains(
        "Q8_0 in panels of version 2 and \(layout.columns) columns, expected version 1 and 4 or 8"))
    // Sizes that no file can hold, and those of another format.
    #expect(try changed { $0[sizes + 15] = 0x7f }.contains(tensor.name))
    #expect(try changed { $0[sizes + 13] = 0x7f }.contains(tensor.name))
    #expect(
      try changed {
        $0[type] = UInt8(WeightFormat.f32.typeID); $0[type + 1] = 1
      }.contains(tensor.name))
    #expect(
      try changed { $0[type] = UInt8(WeightFormat.q6_K.typeID) }.contains("no multiple of Q6_K in panels of"))
  }

  /// Panels that do not begin on a cache line, and a vector in panels.
  @Test func misplacedPanelsAreNamed() throws {
    func found(_ sizes: [UInt64], offset: UInt64) throws -> String {
      var file = GGUFBytes(tensors: 1, values: 0)
      file.append(tensor: "w", sizes: sizes, type: PanelLayout.own(.q8_0).typeID, offset: offset)
      file.append(data: [UInt8](repeating: 1, count: 4096))
      let mapped = try MappedFile(at: folder.write("w.gguf", file.bytes))
      do { return "\(try GGUF(mapped).tensors[0].byteCount) bytes" } catch { return "\(error)" }
    }
    // The data begin at a multiple of 32.
    let both = try [found([32, 17], offset: 0), found([32, 17], offset: 32)].sorted()
    #expect(both[0] == "1152 bytes")
    #expect(both[1].contains("tensor w: is in panels and begins at byte "))
    #expect(both[1].contains(", expected a multiple of 64, in \(folder.url.path)"))
    #expect(try found([32], offset: 0).contains("tensor w: sizes [32], which cannot be Q8_0 in panels of"))
  }

  /// Panels are quantised again neither into a file nor while they are loaded.
  @Test func panelsAreNotQuantised() throws {
    let file = try write(Fixtures.tinyModel, "F16")
    let again = folder.url.appending(path: "again.gguf")
    for inPanels in [false, true] {
      for format in ["F16", "Q4_0"] {
        let error = #expect(throws: ModelError.self) {
          _ = try quantizeModel(at: file, to: again, #require(Quantization(named: format)), inPanels: inPanels)
        }
        #expect("\(error, default: "")".contains("F16 in panels of "))
        #expect("\(error, default: "")".contains("the model that the file was made of"))
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["panels.gguf"])
    var options = LoadOptions()
    options.quantization = Quantization(named: "Q4_0")
    let error = #expect(throws: ModelError.self) { _ = try loadModel(at: file, options: options) }
    // Of one column, or with tiles of two.
    #expect(
      ["1 column", "2 columns"].contains {
        "\(error, default: "")".contains("F16 in panels of \($0); quantising to Q")
      })
    // The same format once more is what they are.
    options.quantization = Quantization(named: "F16")
    #expect(try loadModel(at: file, options: options).mappedWeightBytes > 0)
  }

  /// Panels where rows are read, as a norm, a table or a part of a matrix, are an error that names the tensor.
  @Test func panelsInThePlaceOfRowsAreNamed() throws {
    let tensors: [GGUFWriter.Tensor] = [.init(name: "norm.weight", shape: [2, 32], panels: .own(.f32))]
    let file = folder.url.appending(path: "model.gguf")
    let writer = try GGUFWriter(at: file, metadata: [], tensors: tensors)
    try writer.write(PackedMatrix(rows: 2, columns: 32, values: Array(repeating: 1, count: 64)))
    try writer.finish()
    let gguf = try GGUF(MappedFile(at: file))
    #expect(gguf.metadata["general.alignment"] == .unsigned(64) && gguf.tensors[0].panels == .own(.f32))
    let weights = try WeightScope(Checkpoint(["norm.weight": gguf.tensors[0]]))
    for read in [
      { _ = try weights.floats("norm.weight", shape: [2, 32]) },
      { _ = try weights.table("norm.weight", rows: 2, columns: 32, role: .embedding) },
      { _ = try weights.matrices("norm.weight", rows: 2, columns: 32, parts: [[1..<2]]) },
      { _ = try weights.reading([.renamed("scale", from: "norm.weight")]).floats("scale", shape: [2, 32]) },
    ] as [() throws -> Void] {
      let error = #expect(throws: ModelError.self) { try read() }
      #expect("\(error, default: "")".contains("tensor norm.weight: "))
      #expect("\(error, default: "")".contains("F32 in panels of 1 column"))
    }
    #expect(try weights.matrix("norm.weight", rows: 2, columns: 32).floats() == Array(repeating: 1, count: 64))
  }
}
