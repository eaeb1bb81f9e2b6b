import Foundation
import InferCore
import InferText
import OrderedCollections
import TestSupport
import Testing

@testable import HybridBlocks

@Suite struct LoadModelTests {
  let folder: TemporaryFolder

  /// A copy of a small model, to be changed.
  init() throws {
    folder = try TemporaryFolder()
    let fixture = ParityFixture("hunyuan_v1_dense").folder
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(at: fixture.appending(path: name), to: folder.url.appending(path: name))
    }
  }

  private func load(_ options: LoadOptions = LoadOptions()) throws -> LoadedModel {
    try loadModel(at: folder.url, options: options)
  }

  private func problem(_ options: LoadOptions = LoadOptions()) -> String {
    let error = #expect(throws: ModelError.self) { _ = try load(options) }
    return "\(error, default: "nothing")"
  }

  private func edit(_ name: String, _ change: (inout JSONValue) -> Void) throws {
    let file = folder.url.appending(path: name)
    var json = try FileManager.default.fileExists(atPath: file.path) ? JSONValue(file: file) : JSONValue(parsing: "{}")
    change(&json)
    try folder.write(name, json.serialized())
  }

  /// All tensors of the model as they are, `F32`, but for what `change` does to them.
  private func rewriteTensors(_ change: (String, [Int], inout [Float]) -> Bool) throws {
    let checkpoint = try Checkpoint(folder: folder.url)
    let entries = try checkpoint.tensors.values.sorted { $0.name < $1.name }
      .compactMap { tensor -> SafetensorsBytes.Entry? in
        var values = try tensor.floats()
        guard change(tensor.name, tensor.shape, &values) else { return nil }
        return SafetensorsBytes.Entry(tensor.name, tensor.shape, values)
      }
    try folder.write("model.safetensors", SafetensorsBytes.file(entries))
  }

  /// Models differ in their fingerprints as soon as a weight, the configuration or the format of the weights does.
  @Test func fingerprintsTellModelsApart() throws {
    try rewriteTensors { _, _, _ in true }
    let own = try #require(try load().model.fingerprint)
    #expect(try load().model.fingerprint == own)
    var quantizing = LoadOptions()
    quantizing.quantization = Quantization(named: "Q8_0")
    var all: Set = [own, try #require(try load(quantizing).model.fingerprint)]
    for wanted in ["model.norm.weight", "model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight"] {
      try rewriteTensors { name, _, values in
        if name == wanted { values[values.count - 1] += 1 }
        return true
      }
      all.insert(try #require(try load().model.fingerprint))
    }
    try edit("config.json") { $0["rms_norm_eps"] = 1e-4 }
    all.insert(try #require(try load().model.fingerprint))
    #expect(all.count == 6)
  }

  /// What is left out of a model of images and text is said; what only training needs is not.
  @Test func aTowerThatIsLeftOutIsMentioned() throws {
    let summary = try loadModel(at: ParityFixture("qwen3_5").folder).summary
    #expect(summary.layout == "DFAFDFDF" && summary.unreadTensors == [])
    #expect(summary.warnings.count == 1 && summary.warnings[0].hasPrefix("model.visual.*: 21 tensors are left out"))
    #expect(try loadModel(at: ParityFixture("qwen3_next").folder).summary.warnings == [])
  }

  /// Qwen3.5 names the tokens that end an answer beside the sizes of its text model.
  @Test func endTokensOfATextModelWithinAnother() throws {
    #expect(try loadModel(at: ParityFixture("qwen3_5").folder).generation.endTokens == [2])
  }

  @Test func aFolderWithoutTextFilesLoads() throws {
    let loaded = try load()
    #expect(loaded.name == folder.url.lastPathComponent)
    #expect(loaded.tokenizer == nil && loaded.chatTemplate == nil && loaded.summary.warnings == [])
    #expect(loaded.summary.layout == "AFAFAF" && loaded.summary.family == "hunyuan_v1_dense")
    let tensors = try Checkpoint(folder: folder.url).tensors.values
    #expect(loaded.summary.parameterCount == tensors.reduce(0) { $0 + $1.count })
    #expect(loaded.summary.weightBytes == tensors.reduce(0) { $0 + $1.byteCount })
    #expect(loaded.summary.activeParameterCount == loaded.summary.parameterCount)
    // 3 layers of 2 heads of 16, keys and values, two bytes each.
    #expect(loaded.summary.cacheBytesPerToken == 3 * 2 * 2 * 16 * 2 && loaded.summary.stateBytesPerSequence == 0)
  }

  /// Caches of downloaded models are full of links.
  @Test func linksLeadToModels() throws {
    let place = try TemporaryFolder()
    let link = place.url.appending(path: "linked")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder.url)
    #expect(try ModelSource(link).name == "linked")
    #expect(try loadModel(at: link).model.contextLength == load().model.contextLength)
  }

  @Test func foldersThatAreNoModel() throws {
    let missing = folder.url.appending(path: "missing").path
    let error = #expect(throws: ModelError.self) { _ = try loadModel(at: URL(filePath: missing)) }
    #expect("\(error, default: "nothing")".contains(missing))
    try FileManager.default.removeItem(at: folder.url.appending(path: "model.safetensors"))
    #expect(problem().contains("model.safetensors"))
    try folder.write("config.json", "{\"model_type\": ")
    #expect(problem().contains("config.json") && problem().contains("line 1"))
    try FileManager.default.removeItem(at: folder.url.appending(path: "config.json"))
    #expect(problem().contains("config.json"))
    #expect(throws: ModelError.self) { _ = try loadModel(at: folder.url.appending(path: "model.safetensors")) }
  }

  /// Names of places are shown as they are written, relative ones from the working folder on.
  @Test(arguments: ["no ne", "none %41", "non#e?"]) func placesAreNamedAsTheyAre(_ name: String) {
    for place in [URL(filePath: name), URL(filePath: "./\(name)")] {
      let error = #expect(throws: ModelError.self) { _ = try loadModel(at: place) }
      let path = "\(FileManager.default.currentDirectoryPath)/\(name)"
      #expect("\(error, default: "nothing")".hasPrefix("cannot read \(path): no such folder or file; expected"))
    }
  }

  @Test func tensorsThatNobodyKnows() throws {
    let extra = SafetensorsBytes.Entry("model.layers.9.x", [1], [1])
    let whole = try SafetensorsBytes.file(
      Checkpoint(folder: folder.url).tensors.values.map { .init($0.name, $0.shape, try $0.floats()) } + [extra])
    try folder.write("model.safetensors", whole)
    #expect(problem().contains("model.layers.9.x"))
    var options = LoadOptions()
    options.allowsUnreadTensors = true
    #expect(try load(options).summary.unreadTensors == ["model.layers.9.x"])
  }

  @Test func aMissingTensorIsNamedWithItsShape() throws {
    try rewriteTensors { name, _, _ in name != "model.layers.1.self_attn.k_proj.weight" }
    let text = problem()
    #expect(text.contains("model.layers.1.self_attn.k_proj.weight") && text.contains("[32, 64]"))
  }

  /// Tied models sometimes store the head all the same: it is not used, and no error.
  @Test func aTiedModelMayStoreItsHead() throws {
    let tied = try Checkpoint(folder: folder.url).tensors
    #expect(tied["lm_head.weight"] == nil)
    let entries = try tied.values.map { SafetensorsBytes.Entry($0.name, $0.shape, try $0.floats()) }
    let head = SafetensorsBytes.Entry("lm_head.weight", [256, 64], Array(repeating: 9, count: 256 * 64))
    let before = try logits(load().model)
    try folder.write("model.safetensors", SafetensorsBytes.file(entries + [head]))
    #expect(try logits(load().model) == before)
    try edit("config.json") { $0["tie_word_embeddings"] = false }
    #expect(try logits(load().model) != before)
  }

  /// Where the configuration does not say, the files do; where it says that there is a head, there must be one.
  @Test func aModelWithoutAHeadIsTied() throws {
    let before = try logits(load().model)
    try edit("config.json") { $0["tie_word_embeddings"] = nil }
    #expect(try logits(load().model) == before)
    try edit("config.json") { $0["tie_word_embeddings"] = false }
    #expect(problem().contains("lm_head.weight"))
  }

  @Test func unknownKeysAreWarningsOrErrors() throws {
    try edit("config.json") {
      $0["attention_sinks"] = 4
      $0["nothing"] = nil
      $0["silent"] = .null
    }
    #expect(try load().summary.warnings.count == 1)
    #expect(try load().summary.warnings[0].contains("attention_sinks"))
    var options = LoadOptions()
    options.refusesUnknownKeys = true
    #expect(problem(options).contains("attention_sinks"))
  }

  /// A model with NaN among its weights loads and computes; what comes out is no number.
  @Test func brokenNumbersAreNoReasonToTrap() throws {
    try rewriteTensors { name, _, values in
      if name == "model.norm.weight" { values[3] = .nan }
      return true
    }
    #expect(try logits(load().model).allSatisfy { $0.isNaN })
  }

  private func logits(_ model: any LanguageModel) throws -> [Float] {
    let runner = try StepRunner(model: model, sequences: 1, length: 4, kvType: .f32, threads: 1)
    var result: [Float] = []
    runner.step([.init(sequence: 0, tokens: [1, 2, 3, 4], position: 0, logits: 1)]) { rows in
      for column in 0..<rows.columns { result.append(rows[0][column]) }
    }
    return result
  }

  // MARK: generation_config.json

  @Test func recommendationsAreRead() throws {
    #expect(try load().generation.endTokens == [2] && load().generation.temperature == nil)
    try edit("generation_config.json") {
      $0 = [
        "do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.05, "min_p": 0,
        "max_new_tokens": 77,
        "eos_token_id": [5, 7], "bos_token_id": 1, "transformers_version": "4.56.0",
      ]
    }
    let generation = try load().generation
    #expect(generation.endTokens == [5, 7] && generation.topK == 20 && generation.topP == 0.8)
    #expect(generation.maxTokens == 77)
    #expect(generation.temperature == 0.7 && generation.repetitionPenalty == 1.05 && generation.minP == 0)
    try edit("generation_config.json") {
      $0["do_sample"] = false
      $0["eos_token_id"] = 9
      $0["top_k"] = .null
    }
    #expect(try load().generation.temperature == 0 && load().generation.endTokens == [9])
    #expect(try load().generation.topK == nil)
    try edit("generation_config.json") { $0 = ["eos_token_id": .null] }
    #expect(try load().generation.endTokens == [2])
  }

  /// A model works without what its makers recommend, so that nonsense there is only mentioned.
  @Test(arguments: [
    "{\"top_k\": 1e30}", "{\"top_k\": 2.5}", "{\"max_new_tokens\": -2}", "{\"top_k\": \"20\"}", "{\"top_k\": -7}",
    "{\"temperature\": NaN}", "{\"temperature\": -1}", "{\"min_p\": 2}",
    "{\"temperature\": 1e300}", "{\"top_p\": 7}", "{\"top_p\": [0.8]}", "{\"repetition_penalty\": 0}",
    "{\"repetition_penalty\": 0.0001}",
  ])
  func nonsenseIsLeftOutWithAWarning(_ text: String) throws {
    try folder.write("generation_config.json", text)
    let loaded = try load()
    let generation = loaded.generation
    let key = try #require(JSONValue(parsing: text, options: .configuration).object?.keys.first)
    #expect(generation.warnings.count == 1 && generation.warnings[0].hasPrefix("generation_config.json: \(key) is "))
    #expect(loaded.summary.warnings == generation.warnings)
    #expect(generation.temperature == nil && generation.topK == nil && generation.topP == nil)
    #expect(generation.minP == nil && generation.repetitionPenalty == nil && generation.maxTokens == nil)
  }

  @Test(arguments: [
    "{\"top_k\": -1}", "{\"top_k\": 0}", "{\"top_p\": 0}", "{\"top_p\": -1}", "{\"min_p\": -1}",
    "{\"max_new_tokens\": -1}",
  ])
  func whatIsOffIsNoRecommendation(_ text: String) throws {
    try folder.write("generation_config.json", text)
    let generation = try load().generation
    #expect(generation.warnings == [] && generation.topK == nil && generation.topP == nil && generation.minP == nil)
    #expect(generation.maxTokens == nil)
  }

  @Test(arguments: [
    "{\"eos_token_id\": \"x\"}", "{\"eos_token_id\": [1, 2.5]}", "{\"eos_token_id\": 9999999999}", "[]", "{", "7",
  ])
  func brokenRecommendationsAreNamed(_ text: String) throws {
    try folder.write("generation_config.json", text)
    #expect(problem().contains("generation_config.json"))
  }

  // MARK: Quantised checkpoints of other tools

  @Test(arguments: [
    ("quantization_config", "{\"quant_method\": \"aqlm\"}", "quantization_config.quant_method", "aqlm"),
    ("quantization_config", "{\"quant_method\": \"hqq\", \"bits\": 4}", "quantization_config.quant_method", "hqq"),
    ("compression_config", "{\"quant_method\": \"sparseml\"}", "compression_config", "sparseml"),
    ("quantization_config", "{\"x\": 1}", "quantization_config.quant_method", "a method without a name"),
    (
      "text_config", "{\"quantization_config\": {\"quant_method\": \"quanto\"}}", "text_config.quantization_config",
      "quanto"
    ),
  ])
  func unknownMethodsAreNamedBeforeAnyTensor(
    _ key: String, _ value: String, _ name: String, _ method: String
  ) throws {
    let value = try JSONValue(parsing: value)
    try edit("config.json") { $0[key] = value }
    try folder.write("model.safetensors", "not looked at")
    let problem = problem()
    #expect(problem.contains(name) && problem.contains("quantised by \(method)"), "\(problem)")
    #expect(problem.contains("expected one of auto-round, awq, bitsandbytes") && problem.contains("F32, F16 or BF16"))
    try edit("config.json") { $0[key] = [:] }
    #expect(!self.problem().contains("quantised"))
  }

  @Test func quantisedTensorsAreToldWhereNoConfigurationTells() throws {
    let bytes = SafetensorsBytes.file([
      .init("model.layers.0.self_attn.q_proj.qweight", [1], type: "I32", bytes: [0, 0, 0, 0])
    ])
    try Data(bytes).write(to: folder.url.appending(path: "model.safetensors"))
    let problem = problem()
    #expect(problem.contains("q_proj.qweight") && problem.contains("GPTQ or AWQ quantised"), "\(problem)")
    #expect(problem.contains("expected quantization_config in it, or quantize_config.json"))
  }

  @Test func endTokensOutsideTheVocabularyAreRefused() throws {
    try folder.write("generation_config.json", "{\"eos_token_id\": [2, 256]}")
    #expect(problem().contains("generation_config.json: eos_token_id: token 256"))
    try edit("config.json") { $0["eos_token_id"] = -1 }
    try folder.write("generation_config.json", "{}")
    #expect(problem().contains("/config.json: eos_token_id: token -1 is outside 0 ..< 256"))
  }

  @Test func brokenTextFilesAreNamed() throws {
    try folder.write("tokenizer.json", "{\"model\": 7}")
    #expect(problem().contains("tokenizer"))
  }
}
