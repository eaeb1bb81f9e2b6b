import Foundation
import HybridBlocks
import TestSupport
import Testing

@testable import InferCore

/// Files of weights in panels, which are used in place.
@Suite struct PanelFileTests {
  let folder: TemporaryFolder
  private static let tiny = Fixtures.tinyModel
  private static let tokens: [Int32] = [5, 17, 9, 1, 33, 2, 7]

  init() throws { folder = try TemporaryFolder() }

  private func write(_ model: URL, _ format: String, inPanels: Bool, head: WeightFormat? = nil) throws -> URL {
    let file = folder.url.appending(path: inPanels ? "panels.gguf" : "rows.gguf")
    let quantization = try #require(Quantization(named: format, head: head))
    let result = try quantizeModel(at: model, to: file, quantization, inPanels: inPanels)
    #expect(!inPanels || "\(result.form)".contains("its weights lie in panels, as \(InstructionSet.name)"))
    return file
  }

  /// Writes a model both ways and expects the same bits from both.
  private func expectSame(_ source: URL, _ format: String, head: WeightFormat? = nil) throws {
    let rows = try loadModel(at: source, options: options(format, head))
    let panels = try loadModel(at: write(source, format, inPanels: true, head: head))
    #expect(panels.summary.formats == rows.summary.formats && panels.summary.weightBytes == rows.summary.weightBytes)
    #expect(panels.summary.parameterCount == rows.summary.parameterCount && panels.generation == rows.generation)
    #expect(panels.summary.warnings.allSatisfy { rows.summary.warnings.contains($0) })
    #expect(panels.mappedWeightBytes > 0 && panels.mappedWeightBytes <= panels.summary.weightBytes * 2)
    let (a, b) = (try rows.model.logits(of: Self.tokens), try panels.model.logits(of: Self.tokens))
    #expect(a.allSatisfy { $0.isFinite } && a == b, "\(source.path) \(format)")
  }

  private func options(_ format: String, _ head: WeightFormat? = nil) -> LoadOptions {
    var options = LoadOptions()
    options.quantization = Quantization(named: format, head: head)
    return options
  }

  @Test(arguments: Quantization.names) func theTinyModelComputesTheSameBits(_ format: String) throws {
    try expectSame(Self.tiny, format)
  }

  @Test(arguments: ParityFixture.all) func everyFamilyComputesTheSameBits(_ fixture: ParityFixture) throws {
    for format in ["Q8_0", "BF16"] { try expectSame(fixture.folder, format) }
    try expectSame(fixture.folder, "Q4_0", head: .f16)
  }

  /// A file of another program's is written in panels as well: some of its tensors are computed from others.
  @Test func filesOfRowsBecomeFilesOfPanels() throws {
    for name in ["granitemoehybrid", "deepseek_v3", "qwen3_next", "llama"] {
      let rows = try write(ParityFixture(name).folder, "Q8_0", inPanels: false)
      let panels = try write(rows, "Q8_0", inPanels: true)
      #expect(
        try loadModel(at: panels).model.logits(of: Self.tokens) == loadModel(at: rows).model.logits(of: Self.tokens),
        "\(name)")
    }
  }

  /// Bytes of the model stay in the file, and all matrices of a stack do.
  @Test func matricesStayInTheFile() throws {
    let file = try write(Self.tiny, "Q8_0", inPanels: true)
    let tensors = try GGUF(MappedFile(at: file)).tensors.filter { $0.panels != nil }
    let bytes = tensors.reduce(0) { $0 + $1.byteCount }
    let model = try loadModel(at: file)
    #expect(model.mappedWeightBytes == bytes && bytes > model.summary.weightBytes * 9 / 10)
    #expect(tensors.allSatisfy { $0.nonFiniteCount() == 0 })
    // Nothing of the file is in the way of removing it, and the mapping outlives its name.
    let before = try model.model.logits(of: Self.tokens)
    try FileManager.default.removeItem(at: file)
    #expect(try model.model.logits(of: Self.tokens) == before)
  }

  /// The engine leaves memory for weights that the system could take back.
  @Test func memoryOfMappedWeightsIsNotGivenToCaches() throws {
    let model = try loadModel(at: write(Self.tiny, "Q8_0", inPanels: true))
    var configuration = EngineConfiguration()
    configuration.kvCacheMiB = nil
    let machine = MachineLimits(
      ControlGroups(), processors: 2, allowed: 2, memoryBytes: 1 << 34, availableBytes: 1 << 30)
    func most(_ model: any LanguageModel, _ bytes: Int) throws -> Int {
      try EngineLimits(configuration, model: model, machine: machine, activationBytes: bytes).budget.bytes
    }
    let own = try loadModel(at: Self.tiny, options: options("Q8_0"))
    #expect(own.mappedWeightBytes == 0)
    #expect(try most(model, 0) == most(own, model.mappedWeightBytes))
    #expect(try most(model, 0) < most(own, 0))
  }

  /// Panels of another instruction set are turned into those of this one, with one warning.
  @Test(arguments: Quantization.names) func anotherLayoutIsTurned(_ format: String) throws {
    let own = try write(Self.tiny, format, inPanels: true)
    let other = folder.url.appending(path: "other.gguf")
    let turned = try Self.turn(own, to: other)
    guard turned > 0 else { return #expect(format == "F32") }
    let (a, b) = (try loadModel(at: own), try loadModel(at: other))
    #expect(b.summary.warnings.count == 1 && b.mappedWeightBytes < a.mappedWeightBytes)
    let warning = b.summary.warnings.first ?? ""
    #expect(warning.hasPrefix("\(other.path) holds "))
    #expect(warning.contains(" and \(InstructionSet.name) multiplies with panels of "))
    #expect(b.summary.formats == a.summary.formats)
    #expect(try a.model.logits(of: Self.tokens) == b.model.logits(of: Self.tokens))
    let (scanned, expected) = (try Checkpoint.sound(other), try Checkpoint.sound(own))
    #expect(scanned == expected && scanned)
  }

  /// Rewrites a file of panels for another instruction set, and returns how many tensors are different then.
  private static func turn(_ file: URL, to other: URL) throws -> Int {
    var bytes = Array(try Data(contentsOf: file))
    let tensors = try GGUF(MappedFile(at: file)).tensors
    var count = 0
    for tensor in tensors {
      guard let own = tensor.panels, let target = PanelLayout.all(of: own.format).first(where: { $0 != own }) else {
        continue
      }
      count += 1
      let (columns, start) = (tensor.shape[tensor.shape.count - 1], tensor.place.offset)
      let size = own.format.panels.size(columns)
      for first in stride(from: start, to: start + tensor.byteCount, by: size) {
        var panel = [UInt8](repeating: 0, count: size)
        unsafe panel.withUnsafeMutableBytes { panel in
          unsafe bytes.withUnsafeBytes { bytes in
            unsafe own.format.panels.turn(
              panel.baseAddress, target.columns, bytes.baseAddress.map { unsafe $0 + first }, own.columns, columns)
          }
        }
        bytes.replaceSubrange(first..<first + size, with: panel)
      }
      let type = try #require(typeOffset(of: tensor, in: bytes))
      bytes[type + 1] = UInt8(target.columns)
    }
    try Data(bytes).write(to: other)
    return count
  }

  /// The place of a tensor's type number in the head of a file.
  private static func typeOffset(of tensor: Tensor, in bytes: [UInt8]) -> Int? {
    let name = Array(tensor.name.utf8)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: name.count >> (8 * $0)) }
    guard let found = bytes.firstRange(of: length + name) else { return nil }
    return found.upperBound + 4 + 8 * tensor.shape.count
  }
}

extension Checkpoint {
  /// `true` when all weights of a GGUF file are finite.
  fileprivate static func sound(_ file: URL) throws -> Bool {
    try GGUF(MappedFile(at: file)).tensors.allSatisfy { $0.nonFiniteCount() == 0 }
  }
}
