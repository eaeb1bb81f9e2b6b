import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

@Suite struct QuantizeModelTests {
  let folder: TemporaryFolder
  private static let tiny = Fixtures.tinyModel
  private static let tokens: [Int32] = [5, 17, 9, 90, 33, 2, 7]

  init() throws { folder = try TemporaryFolder() }

  private var output: URL { folder.url.appending(path: "model.gguf") }

  /// Quantises a model both ways and expects the same bits from both.
  private func expectSame(_ model: URL, _ name: String, head: WeightFormat? = nil) throws {
    let quantization = try #require(Quantization(named: name, head: head))
    var options = LoadOptions()
    options.quantization = quantization
    let loaded = try loadModel(at: model, options: options)
    let result = try quantizeModel(at: model, to: output, quantization)
    let mapped = try loadModel(at: output)
    #expect(sizes(mapped) == sizes(loaded) && result.formats == loaded.summary.formats)
    #expect(mapped.summary.family == loaded.summary.family && mapped.generation == loaded.generation)
    #expect(result.bytesAfter == mapped.summary.formats.reduce(0) { $0 + $1.byteCount })
    #expect(mapped.summary.weightBytes >= result.bytesAfter && mapped.summary.weightBytes == loaded.summary.weightBytes)
    let (a, b) = (try loaded.model.logits(of: Self.tokens), try mapped.model.logits(of: Self.tokens))
    #expect(a.allSatisfy { $0.isFinite })
    guard mapped.summary.family == "falcon_h1" && result.form == .llamaCpp(architecture: "falcon-h1") else {
      #expect(a == b, "\(model.path) \(name)")
      return
    }
    // Its factors are in the weights of such a file before those are rounded.
    let size = a.reduce(Float(0)) { $0 + $1 * $1 }
    let distance = zip(a, b).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect(distance < 0.05 * size, "\(model.path) \(name)")
  }

  /// Weights and bytes in each format: some of a family's tensors are two in a file.
  private func sizes(_ model: LoadedModel) -> [[String]] {
    model.summary.formats.map { [$0.name, "\($0.parameterCount)", "\($0.byteCount)"] }
  }

  @Test(arguments: Quantization.names) func theTinyModelComputesTheSameBits(_ name: String) throws {
    try expectSame(Self.tiny, name)
    let mapped = try loadModel(at: output)
    let original = try loadModel(at: Self.tiny)
    #expect(mapped.name == "model" && mapped.tokenizer != nil)
    #expect(mapped.chatTemplate?.source == original.chatTemplate?.source)
    let text = "35 heads and 94 legs"
    #expect(try mapped.tokenizer?.encode(text) == original.tokenizer?.encode(text))
  }

  @Test(arguments: ParityFixture.all) func everyFamilyComputesTheSameBits(_ fixture: ParityFixture) throws {
    for name in ["Q8_0", "Q4_K_M", "F16"] { try expectSame(fixture.folder, name) }
    try expectSame(fixture.folder, "Q4_0", head: .f16)
  }

  private static let architectures = [
    "bamba": "granitehybrid", "deepseek_v3": "deepseek2", "falcon_h1": "falcon-h1", "falcon_h1_norm": "falcon-h1",
    "falcon_mamba": "mamba", "granite": "granite", "granitemoe": "granitemoe", "granitemoehybrid": "granitehybrid",
    "hunyuan_v1_dense": "hunyuan-dense", "hunyuan_v1_moe": "hunyuan-moe", "hy_v3": "hy_v3", "jamba": "jamba",
    "lfm2_moe": "lfm2moe", "llama": "llama", "llama_yarn": "llama", "mamba2": "mamba2", "mistral": "llama",
    "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_next": "qwen3next",
    "cohere2": "cohere2", "ernie4_5": "ernie4_5", "exaone4": "exaone4", "glm4": "glm4", "glm4_moe": "glm4moe",
    "minimax_m2": "minimax-m2", "olmo2": "olmo2", "seed_oss": "seed_oss",
    "gemma4": "gemma4", "gemma4_moe": "gemma4", "mimo_v2_flash": "mimo2", "ministral3": "mistral3", "step3p7": "step35",
    "deepseek_v32": "deepseek32", "rwkv6": "rwkv6", "rwkv7": "rwkv7",
  ]
  private static let obstacles = [
    "deepseek_v2": "deepseek2 has no groups that count for their best expert alone",
    "deepseek_v3_yarn": "deepseek2 has no biases of attention",
    "falcon_h1_norm_first": "falcon-h1 has no factors on a head that is the embedding",
    "gemma3n": "llama.cpp's files of gemma3n_text are read and not written",
    "granitemoehybrid_dense_rope": "granitehybrid has no biases of Mamba's projections",
    "hunyuan_large": "hunyuan-moe cannot say that sharedLayers is 2; it would be 1",
    "hunyuan_t1": "has no architecture hunyuan_t1",
    "kimi_linear": "llama.cpp's files of kimi_linear are read and not written",
    "lfm2": "lfm2 has no biases of convolutions",
    "mamba": "mamba has no biases of Mamba's projections",
    "qwen3_5": "llama.cpp's files of qwen3_5 are read and not written",
    "qwen3_moe": "qwen3moe cannot say that isDense.1 is true; it would be false",
    "zamba2": "has no architecture zamba2",
    "dots1": "dots1 has no windows", "phi3": "phi3 has no windows", "mistral_window": "llama cannot say",
    "qwen3_window": "qwen3 cannot say", "gemma2": "gemma2 cannot say that attention.scale",
    "gemma3": "gemma3 cannot say that attention.scale", "gpt_oss": "place for the tensor",
    "smollm3": "smollm3 cannot say",
  ]

  /// Who reads the file of each family; what llama.cpp lacks is named.
  @Test(arguments: ParityFixture.all) func llamaCppReadsWhatItKnows(_ fixture: ParityFixture) throws {
    let result = try quantizeModel(
      at: fixture.folder, to: output, try #require(Quantization(named: "Q8_0")))
    let architecture = try GGUF(MappedFile(at: output)).metadata["general.architecture"]?.string
    switch result.form {
    case .llamaCpp(let name): #expect(name == Self.architectures[fixture.name] && architecture == name)
    case .own(let reason):
      #expect(Self.architectures[fixture.name] == nil)
      #expect(reason.contains(Self.obstacles[fixture.name] ?? "llama.cpp"), "\(reason)")
    }
  }

  /// Eight bits and sixteen change logits a little; four change them more, and all less than the logits themselves.
  @Test func fewerBitsCostAccuracyInOrder() throws {
    let exact = try loadModel(at: Self.tiny).model.logits(of: Self.tokens)
    var distances: [Float] = []
    for name in ["F32", "F16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0"] {
      var options = LoadOptions()
      options.quantization = Quantization(named: name)
      let got = try loadModel(at: Self.tiny, options: options).model.logits(of: Self.tokens)
      distances.append(zip(got, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
    }
    let size = exact.reduce(0) { $0 + $1 * $1 }
    #expect(distances[0] <= 1e-8 * size && distances[1] < 1e-4 * size && distances[2] < 1e-2 * size)
    #expect(distances[1] < distances[2] && distances[2] < distances[5])
    #expect(distances[4] < distances[6] && distances[6] < 0.3 * size)
  }

  @Test func loadingTellsHowFarItIs() throws {
    let seen = Monitor<[LoadProgress]>([])
    var options = LoadOptions()
    options.progress = { progress in seen.withLock { $0.append(progress) } }
    _ = try loadModel(at: Self.tiny, options: options)
    let loading = seen.withLock { $0 }
    #expect(loading.last.map { $0.bytesDone == $0.bytesTotal } == true)
    #expect(zip(loading, loading.dropFirst()).allSatisfy { $0.bytesDone < $1.bytesDone })
    seen.withLock { $0 = [] }
    _ = try quantizeModel(
      at: Self.tiny, to: output, try #require(Quantization(named: "Q4_K")),
      options: options)
    let writing = try #require(seen.withLock { $0.last })
    // The module for the next-next token is not written.
    #expect(writing.bytesDone == writing.bytesTotal && writing.bytesTotal < loading.last?.bytesTotal ?? 0)
  }

  @Test func filesOfOthersAreNamed() throws {
    let writer = try GGUFWriter(at: output, metadata: [("general.architecture", .string("llama"))], tensors: [])
    try writer.finish()
    let error = #expect(throws: ModelError.self) { _ = try loadModel(at: output) }
    #expect("\(error, default: "")".contains("its architecture is \"llama\""))
    try folder.write("model.gguf", "GGUF")
    #expect(throws: ModelError.self) { _ = try loadModel(at: output) }
    let text = try folder.write("notes.txt", "hello")
    let other = #expect(throws: ModelError.self) { _ = try loadModel(at: text) }
    #expect("\(other, default: "")".contains("is a file of another kind; expected a folder"))
  }

  /// A small file within a GGUF file is named by both.
  @Test func filesWithinFilesAreNamed() throws {
    let file = folder.url.appending(path: "a %41.gguf")
    let name = ModelFiles.metadataPrefix + "config.json"
    let writer = try GGUFWriter(
      at: file, metadata: [("general.architecture", .string("x")), (name, .string("{"))], tensors: [])
    try writer.finish()
    let error = #expect(throws: ModelError.self) { _ = try loadModel(at: file) }
    #expect("\(error, default: "")".hasPrefix("\(file.path) (config.json) is malformed: "))
  }

  /// Whatever happens to a file, loading it throws or gives a model that computes.
  @Test func damagedFilesNeverTrap() throws {
    let fixture = ParityFixture("granitemoehybrid").folder
    _ = try quantizeModel(
      at: fixture, to: output, try #require(Quantization(named: "Q8_0")))
    let good = Array(try Data(contentsOf: output))
    var generator = SeededGenerator(seed: 9)
    var loaded = 0
    for round in 0..<40 {
      var bytes = good
      // Most of the file is weights; most of what can be wrong is in its first kilobytes.
      let place = Int.random(in: 0..<(round % 3 == 0 ? bytes.count : 12_000), using: &generator)
      if round % 5 == 0 { bytes.removeSubrange(place..<place + 1) } else { bytes[place] &+= UInt8(1 + round % 200) }
      let file = try folder.write("damaged.gguf", bytes)
      do {
        _ = try loadModel(at: file).model.logits(of: [1, 2, 3])
        loaded += 1
      } catch is ModelError {}
    }
    #expect(loaded > 0 && loaded < 40)
  }

  /// A model that is quantised already is not quantised again, and nothing is left of the attempt.
  @Test func quantisingTwiceIsRefused() throws {
    _ = try quantizeModel(
      at: Self.tiny, to: output, try #require(Quantization(named: "Q8_0")))
    let again = folder.url.appending(path: "again.gguf")
    let fewer = try #require(Quantization(named: "Q4_0"))
    let error = #expect(throws: ModelError.self) {
      _ = try quantizeModel(at: output, to: again, fewer)
    }
    #expect("\(error, default: "")".contains("is Q8_0 already"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["model.gguf"])
    // The same format once more is a copy.
    _ = try quantizeModel(
      at: output, to: again, try #require(Quantization(named: "Q8_0")))
    #expect(
      try loadModel(at: again).model.logits(of: Self.tokens) == loadModel(at: output).model.logits(of: Self.tokens))
  }

  @Test func writingIsLeftAndNothingIsThere() throws {
    var options = LoadOptions()
    let written = Monitor(0)
    options.progress = { _ in written.withLock { $0 += 1 } }
    options.isCancelled = { written.withLock { $0 } >= 3 }
    let output = folder.url.appending(path: "left.gguf")
    #expect(throws: ModelError.cancelled) {
      _ = try quantizeModel(
        at: Self.tiny, to: output, try #require(Quantization(named: "Q8_0")), options: options)
    }
    #expect(written.withLock { $0 } == 3)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
  }

  @Test func brokenWeightsAreNamedAndNothingIsWritten() throws {
    let fixture = ParityFixture("qwen3").folder
    let tensors = try Checkpoint(folder: fixture).tensors.values.map { tensor -> SafetensorsBytes.Entry in
      var values = try tensor.floats()
      if tensor.name == "model.layers.1.mlp.up_proj.weight" { values[7] = .nan }
      return .init(tensor.name, tensor.shape, values)
    }
    try folder.write("model.safetensors", SafetensorsBytes.file(tensors))
    try FileManager.default.copyItem(
      at: fixture.appending(path: "config.json"), to: folder.url.appending(path: "config.json"))
    let quantization = try #require(Quantization(named: "Q8_0"))
    let error = #expect(throws: ModelError.self) {
      _ = try quantizeModel(at: folder.url, to: output, quantization)
    }
    #expect("\(error, default: "")".contains("tensor model.layers.1.mlp.up_proj.weight: 1 numbers are NaN"))
    #expect(!FileManager.default.fileExists(atPath: output.path))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 2)
  }
}
