import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// Adapters that are malformed, of another kind or of another model: each is refused with what is wrong.
@Suite struct AdapterFaultTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let fixture = AdapterFixture.all[0]
  private static let stem = "base_model.model.model.layers.0.self_attn.q_proj"

  /// What a model says of an adapter, when it is merged and when it is served.
  private func problem(at url: URL, base: URL = fixture.base) throws -> String {
    var problems: [String] = []
    for isMerged in [true, false] {
      var options = LoadOptions()
      if isMerged { options.mergedAdapters = [Adapter(at: url)] } else { options.adapters = [Adapter(at: url)] }
      let error = #expect(throws: ModelError.self) { try loadModel(at: base, options: options) }
      problems.append("\(error, default: "nothing")")
    }
    #expect(problems[0] == problems[1])
    return problems[0]
  }

  /// What is said of the fixture's adapter with other tensors or another configuration.
  private func problem(
    _ entries: [SafetensorsBytes.Entry]? = nil, config: (inout JSONValue) -> Void = { _ in }
  ) throws -> String {
    var json = try JSONValue(file: Self.fixture.folder.appending(path: "adapter_config.json"))
    config(&json)
    try folder.write("adapter_config.json", json.serialized())
    let bytes = try Data(contentsOf: Self.fixture.folder.appending(path: "adapter_model.safetensors"))
    try folder.write("adapter_model.safetensors", entries.map { SafetensorsBytes.file($0) } ?? Array(bytes))
    return try problem(at: folder.url)
  }

  private func pair(
    _ a: [Int], _ b: [Int], stem: String = stem, value: Float = 0.5
  ) -> [SafetensorsBytes.Entry] {
    [("A", a), ("B", b)].map { name, shape in
      .init("\(stem).lora_\(name).weight", shape, Array(repeating: value, count: shape.reduce(1, *)))
    }
  }

  @Test func configurations() throws {
    let cases: [(key: String, value: JSONValue?, says: String)] = [
      ("peft_type", "IA3", "peft_type: is \"IA3\", which is not supported"),
      ("peft_type", nil, "peft_type: is missing"),
      ("use_dora", true, "use_dora: is true, which is not supported"),
      ("use_qalora", true, "use_qalora: is true"), ("fan_in_fan_out", true, "fan_in_fan_out: is true"),
      ("lora_bias", true, "lora_bias: is true"), ("bias", "all", "bias: is \"all\", which is not supported"),
      ("modules_to_save", ["lm_head"], "modules_to_save: is [\"lm_head\"]"),
      ("trainable_token_indices", [1], "trainable_token_indices: is [1]"),
      ("layer_replication", [[0, 2]], "layer_replication: is [[0,2]]"),
      ("target_parameters", ["experts.down_proj"], "target_parameters: is"),
      ("alora_invocation_tokens", [3], "alora_invocation_tokens: is [3]"),
      ("something_new", 2, "something_new: is 2, which is not supported"),
      ("init_lora_weights", "pissa", "init_lora_weights: is \"pissa\", which changes"),
      ("r", 0, "r: is 0, expected"), ("r", 8, "r: is 8 for model.layers.0"), ("r", nil, "r: is missing"),
      ("lora_alpha", nil, "lora_alpha: is missing"),
      ("lora_alpha", "x", "lora_alpha: is \"x\", expected a finite number"),
      ("rank_pattern", ["(": 3], "rank_pattern: has (, which is no pattern"),
      ("rank_pattern", ["q_proj": 0], "rank_pattern.q_proj: is 0, expected"),
      ("alpha_pattern", [1], "alpha_pattern: is [1], expected an object"),
    ]
    for (key, value, says) in cases {
      let problem = try problem { $0[key] = value }
      #expect(problem.contains(says), "\(key): \(problem)")
    }
  }

  @Test func tensors() throws {
    let other = "base_model.model.h.0.attn"
    let cases: [(entries: [SafetensorsBytes.Entry], says: String)] = [
      (pair([4, 48], [96, 4], stem: other), "is for h.0.attn, and the model has no tensor h.0.attn.weight"),
      (pair([4, 47], [96, 4]), "of the model is [96, 48]: it is an adapter of another model"),
      (pair([4, 48], [95, 4]), "add to a matrix of [95, 48]"),
      (pair([4, 48], [96, 3]), "has shape [96, 3], expected [rows, 4]"),
      (pair([0, 48], [96, 0]), "rank"), (pair([4, 48, 1], [96, 4]), "has shape [4, 48, 1], expected 2 sizes"),
      (pair([4, 48], [96, 4], value: .infinity), "element 0 is inf, expected finite numbers"),
      (pair([4, 48], [96, 4], value: .nan), "element 0 is nan, expected finite numbers"),
      (Array(pair([4, 48], [96, 4]).prefix(1)), "lora_B.weight: is missing"),
      (Array(pair([4, 48], [96, 4]).suffix(1)), "lora_A.weight: is missing"),
      ([], "adds to no layer"),
      (
        pair([4, 48], [96, 4]) + [.init("\(Self.stem).lora_magnitude_vector", [96], Array(repeating: 1, count: 96))],
        "lora_magnitude_vector: of"
      ),
      ([.init("model.embed_tokens.lora_embedding_A", [4, 256], Array(repeating: 0, count: 1024))], "is not supported"),
      ([.init("base_model.model.lm_head.base_layer.weight", [2, 2], [1, 2, 3, 4])], "lm_head"),
    ]
    for (entries, says) in cases {
      let problem = try problem(entries)
      #expect(problem.contains(says), "\(problem)")
    }
  }

  @Test func files() throws {
    #expect(try problem(at: folder.url).contains("adapter_config.json"))
    #expect(try problem(at: folder.url.appending(path: "none")).contains("no such folder or file"))
    let config = try Data(contentsOf: Self.fixture.folder.appending(path: "adapter_config.json"))
    try folder.write("adapter_config.json", Array(config))
    #expect(try problem(at: folder.url).contains("adapter_model.safetensors"))
    try folder.write("adapter_model.bin", [1, 2, 3])
    #expect(try problem(at: folder.url).contains("is a pickle"))
    #expect(try problem(at: folder.write("some.txt", "text")).contains("is a file of another kind"))
  }

  /// A GGUF file of texts and one pair.
  private func file(
    _ texts: [(String, String)], alpha: Float? = 8, name: String = "blk.0.attn_q.weight", halves: [String] = ["a", "b"]
  ) throws -> URL {
    var bytes = GGUFBytes(tensors: UInt64(halves.count), values: UInt64(texts.count + (alpha == nil ? 0 : 1)))
    for (key, text) in texts {
      bytes.append(key: key, kind: 8)
      bytes.append(text)
    }
    if let alpha {
      bytes.append(key: "adapter.lora.alpha", kind: 6)
      bytes.append(alpha.bitPattern)
    }
    var offset: UInt64 = 0
    for half in halves {
      let sizes: [UInt64] = half == "a" ? [48, 4] : [4, 96]
      bytes.append(tensor: "\(name).lora_\(half)", sizes: sizes, offset: offset)
      offset += sizes.reduce(4, *)
    }
    bytes.append(data: Array(repeating: 0, count: Int(offset)))
    return try folder.write("adapter.gguf", bytes.bytes)
  }

  @Test func filesOfLlamaCpp() throws {
    let good = [("general.type", "adapter"), ("adapter.type", "lora"), ("general.architecture", "llama")]
    var options = LoadOptions()
    options.adapters = [Adapter(at: try file(good))]
    #expect(try loadModel(at: Self.fixture.base, options: options).model.adapters.map(\.name) == ["adapter"])
    #expect(try problem(at: file(Array(good.dropFirst()))).contains("general.type: is missing"))
    #expect(
      try problem(at: file([("general.type", "model")] + good.dropFirst()))
        .contains("general.type: is \"model\", expected \"adapter\""))
    #expect(
      try problem(at: file([good[0], ("adapter.type", "control_vector"), good[2]])).contains("expected \"lora\""))
    #expect(
      try problem(at: file(good.dropLast() + [("general.architecture", "granitehybrid")]))
        .contains("it is an adapter of another model"))
    #expect(try problem(at: file(good, alpha: nil)).contains("adapter.lora.alpha: is missing"))
    #expect(try problem(at: file(good, alpha: .nan)).contains("expected a finite number"))
    #expect(try problem(at: file(good + [("adapter.alora.invocation_tokens", "x")])).contains("is not supported"))
    #expect(try problem(at: file(good, name: "blk.9.attn_q.weight")).contains("is for blk.9.attn_q.weight"))
    #expect(try problem(at: file(good, name: "blk.0.ffn_up.weight")).contains("it is an adapter of another model"))
    #expect(try problem(at: file(good, name: "token_embd.weight")).contains("expected pairs lora_a and lora_b"))
    #expect(try problem(at: file(good, halves: ["a"])).contains("lora_b: is missing"))
    #expect(try problem(at: file(good, halves: ["a", "b", "c"])).contains("lora_c: of"))
  }

  /// Experts are multiplied with in other ways: their adapters are merged or refused.
  @Test func expertsAreMergedAlone() throws {
    let base = Fixtures.folder.appending(path: "parity/qwen3_moe")
    let name = "model.layers.0.mlp.experts.0.down_proj"
    let shape = try #require(ModelSource(base).checkpoint().tensors["\(name).weight"]).shape
    try folder.write("adapter_config.json", #"{"peft_type": "LORA", "r": 4, "lora_alpha": 4}"#)
    try folder.write(
      "adapter_model.safetensors",
      SafetensorsBytes.file(pair([4, shape[1]], [shape[0], 4], stem: "base_model.model.\(name)")))
    var options = LoadOptions()
    options.mergedAdapters = [Adapter(at: folder.url)]
    _ = try loadModel(at: base, options: options)
    options.adapters = options.mergedAdapters
    let error = #expect(throws: ModelError.self) { try loadModel(at: base, options: options) }
    #expect("\(error, default: "")".contains("\(name).weight: is multiplied with in a way that leaves no room"))
  }

  @Test func namesAreUnique() throws {
    var options = LoadOptions()
    options.adapters = [Self.fixture.adapter, Self.fixture.adapter]
    #expect(throws: ModelError.self) { try loadModel(at: Self.fixture.base, options: options) }
  }
}
