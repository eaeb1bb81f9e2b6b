import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Files of llama.cpp's that say too little, or what cannot be.
@Suite struct DialectFaultTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// What loading tells of a fixture after a change to its metadata or to the names and shapes of its tensors.
  private func problem(
    _ architecture: String, _ key: String? = nil, _ value: GGUFValue? = nil,
    rename: (String, to: String)? = nil, shape: (String, [Int])? = nil
  ) throws -> String {
    let file = try GGUF(MappedFile(at: GGUFParityTests.file("\(architecture).gguf")))
    var metadata = file.metadata
    if let key { metadata[key] = value }
    let changed = folder.url.appending(path: "changed.gguf")
    let matrices = try file.tensors.map { try $0.floats() }
    let writer = try GGUFWriter(
      at: changed, metadata: metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      tensors: file.tensors.map { tensor in
        .init(
          name: tensor.name == rename?.0 ? rename?.to ?? "" : tensor.name,
          shape: tensor.name == shape?.0 ? shape?.1 ?? [] : tensor.shape, format: .f32)
      })
    for values in matrices { try writer.write(Matrix(rows: 1, columns: values.count, values: values)) }
    try writer.finish()
    do {
      _ = try loadModel(at: changed)
      return "loaded"
    } catch { return "\(error)" }
  }

  /// Files from before there were kinds of scaling have a factor alone, or one under an older key, which is linear.
  @Test(arguments: ["llama.rope.scale_linear", "llama.rope.scaling.factor"])
  func aFactorAloneIsLinear(_ key: String) throws {
    let file = try GGUF(MappedFile(at: GGUFParityTests.file("llama.gguf")))
    func rope(_ entries: TextDictionary<GGUFValue>) throws -> JSONValue? {
      var metadata = file.metadata
      for key in metadata.keys where key.contains(".rope.scal") { metadata[key] = nil }
      metadata.merge(entries) { _, new in new }
      let tensors = file.tensors.filter { $0.name != "rope_freqs.weight" }.map { ($0.name, $0) }
      let description = GGUFDescription(
        at: URL(filePath: "x"), architecture: "llama", metadata: metadata,
        tensors: TextDictionary(uniqueKeysWithValues: tensors))
      return try Dialects.dialect(of: description, config: nil).configuration(description)["rope_parameters"]
    }
    let scaled = try rope([key: .number(4)])
    #expect(scaled?["rope_type"] == "linear" && scaled?["factor"] == .number(4))
    #expect(try rope([key: .number(0)])?["rope_type"] == "default")
    #expect(try rope([key: .number(4), "llama.rope.scaling.type": .string("none")])?["rope_type"] == "default")
    #expect(try rope([:])?["rope_type"] == "default")
  }

  @Test func theFileWithoutAChangeLoads() throws {
    for architecture in ["llama", "granitehybrid"] { #expect(try problem(architecture) == "loaded") }
  }

  @Test(arguments: [
    (
      "general.architecture", GGUFValue?.some(.string("bert")),
      "architecture \"bert\" is not supported, expected one of"
    ),
    ("general.architecture", nil, "general.architecture: is missing"),
    ("general.architecture", .unsigned(3), "general.architecture: is an integer"),
    ("llama.block_count", nil, "llama.block_count: is missing, expected a count"),
    ("llama.block_count", .string("2"), "llama.block_count: is a string, expected a count"),
    ("llama.block_count", .unsigned(0), "llama.block_count: is 0"),
    ("llama.block_count", .unsigned(1 << 40), "llama.block_count"),
    ("llama.block_count", .unsigned(1 << 19), "expected at most as many layers as there are tensors"),
    ("llama.block_count", .unsigned(1), "blk.1."),
    ("llama.attention.head_count", .unsigned(0), "llama.attention.head_count: is 0"),
    ("llama.attention.head_count", .unsigned(5), "2 does not divide 5 heads"),
    (
      "llama.attention.head_count_kv", .array([.unsigned(1)]), "head_count_kv: is a list of 1 values, expected 2 counts"
    ),
    ("llama.attention.layer_norm_rms_epsilon", .bool(true), "epsilon: is a truth value, expected a number"),
    ("llama.rope.scaling.type", .string("spiral"), "rope.scaling.type: is \"spiral\""),
    ("llama.rope.scaling.type", .string("yarn"), "rope.scaling.factor: is missing"),
    ("llama.expert_count", .unsigned(8), "llama.expert_count: is 8"),
    ("tokenizer.ggml.model", .string("bert"), "tokenizer.ggml.model is \"bert\""),
  ]) func keysAreNamed(_ key: String, _ value: GGUFValue?, _ says: String) throws {
    let problem = try problem("llama", key, value)
    #expect(problem.contains(says), "\(problem)")
  }

  /// Families read one configuration, whatever file it is from; errors name the keys of that file and no others.
  @Test(arguments: [
    (
      "llama", "attention.head_count", GGUFValue.unsigned(5), "llama.attention.head_count_kv: 2 does not divide 5 heads"
    ),
    ("llama", "attention.head_count_kv", .unsigned(3), "llama.attention.head_count_kv: 3 does not divide"),
    ("llama", "context_length", .unsigned(0), "llama.context_length: is 0, expected an integer in 1…"),
    ("llama", "feed_forward_length", .unsigned(0), "llama.feed_forward_length: is 0"),
    ("llama", "rope.freq_base", .number(-1), "llama.rope.freq_base: is -1"),
    ("llama", "rope.freq_base", .number(.infinity), "llama.rope.freq_base: is inf, expected a finite number"),
    (
      "llama", "attention.layer_norm_rms_epsilon", .number(.nan),
      "llama.attention.layer_norm_rms_epsilon: is nan, expected a finite number"
    ),
    ("llama", "attention.key_length", .unsigned(9), "llama.attention."),
    ("llama", "rope.dimension_count", .unsigned(3), "llama.rope.dimension_count: "),
    ("granitehybrid", "ssm.group_count", .unsigned(3), "granitehybrid.ssm.group_count: 3 does not divide"),
    ("granitehybrid", "logit_scale", .number(0), "granitehybrid.logit_scale: is 0"),
    ("granitehybrid", "expert_used_count", .unsigned(9), "granitehybrid.expert_used_count: 9 of 4 experts"),
    ("granitehybrid", "expert_used_count", nil, "granitehybrid.expert_used_count: is missing"),
    ("mamba2", "ssm.group_count", .unsigned(3), "mamba2.ssm.group_count: 3 does not divide"),
    ("deepseek2", "expert_group_count", .unsigned(3), "deepseek2.expert_group_count: 3 does not divide"),
    ("deepseek2", "rope.dimension_count", .unsigned(7), "deepseek2.rope.dimension_count: 7 of 7 dimensions"),
    ("falcon-h1", "attention.head_count", .unsigned(7), "falcon-h1.attention.head_count_kv: 2 does not divide 7"),
    ("falcon-h1", "ssm.inner_size", .unsigned(0), "falcon-h1.ssm.inner_size: gives 0, expected an integer in 1…"),
    ("kimi-linear", "expert_used_count", .unsigned(99), "kimi-linear.expert_used_count: 99 of"),
    (
      "gemma4", "attention.head_count_kv", .array([2, 1, 2, 1].map { .unsigned($0) }),
      "gemma4.attention.head_count_kv: is (whole: 1, windowed: 2), expected one count for all layers with maps to values"
    ),
    (
      "gemma4", "feed_forward_length", .array([32, 32, 48, 64].map { .unsigned($0) }),
      "gemma4.feed_forward_length: is [32, 32, 48, 64], expected one length"
    ),
    (
      "gemma4", "feed_forward_length", .array([1 << 62, 1, 1, 1].map { .unsigned($0) }),
      "gemma4.feed_forward_length: is"
    ),
    (
      "step35", "attention.head_count", .array([4, 6, 8].map { .unsigned($0) }),
      "step35.attention.head_count: is [4, 8] in layers that see everything, expected one count for these"
    ),
    (
      "mimo2", "attention.sliding_window_pattern", .array([0, 3, 0].map { .unsigned($0) }),
      "mimo2.attention.sliding_window_pattern: is an array, expected 3 truth values"
    ),
    ("hy_v4", "attention.indexer.types", nil, "hy_v4.attention.indexer.types: is missing, expected 3 truth values"),
    (
      "gemma3n", "activation_sparsity_scale", .array([.number(.nan), .number(0), .number(0), .number(0)]),
      "gemma3n.activation_sparsity_scale: is a list of 4 values, expected 4 numbers"
    ),
    (
      "gemma3n", "attention.shared_kv_layers", .number(1.5),
      "gemma3n.attention.shared_kv_layers: is 1.5, expected a count"
    ),
    ("gemma3n", "altup.active_idx", .unsigned(4), "gemma3n.altup.active_idx: 4 of 4 lanes"),
    ("minimax-01", "full_attention_interval", .unsigned(0), "minimax-01.full_attention_interval: is 0"),
    (
      "bailingmoe3", "swiglu_clamp_exp", .number(1),
      "bailingmoe3.swiglu_clamp_exp: is [1.0, 1.0, 1.0], expected none: bounds are not supported"
    ),
  ]) func valuesAreToldOfByTheKeysOfTheFile(
    _ architecture: String, _ key: String, _ value: GGUFValue?, _ says: String
  ) throws {
    let problem = try problem(architecture, "\(architecture).\(key)", value)
    #expect(problem.hasPrefix("\(folder.url.path)/changed.gguf: \(says)"), "\(problem)")
  }

  /// Where the user gives a configuration, that is what is wrong.
  @Test func configurationsOfTheUserAreToldOfAsThat() throws {
    let config = folder.url.appending(path: "own.json")
    try folder.write("own.json", #"{"model_type": "llama", "hidden_size": 0}"#)
    var options = LoadOptions()
    options.configuration = config
    let error = #expect(throws: ModelError.self) {
      _ = try loadModel(at: GGUFParityTests.file("llama.gguf"), options: options)
    }
    #expect("\(error, default: "nothing")".hasPrefix("\(config.path): hidden_size: is 0"))
  }

  @Test func fusedProjectionsAreWhatMetadataSay() throws {
    #expect(try problem("llama-fused") == "loaded")
    let twice = try problem("llama-fused", rename: ("blk.0.ffn_up.weight", to: "blk.0.attn_k.weight"))
    #expect(twice.contains("blk.0.attn_k.weight: is there, and in blk.0.attn_qkv.weight as well"), "\(twice)")
    let many = try problem("llama-fused", "llama.attention.head_count_kv", .unsigned(64))
    #expect(many.contains("attn_qkv.") && many.contains("expected more than the 1024 rows of keys"), "\(many)")
    let huge = try problem("llama-fused", "llama.attention.key_length", .unsigned(1 << 40))
    #expect(huge.contains("llama.attention.key_length: is 1099511627776, expected at most"), "\(huge)")
    let none = try problem("bamba", "granitehybrid.attention.head_count_kv", .array([.unsigned(0)]))
    #expect(none.contains("head_count_kv: is a list of 1 values, expected a count for layer 1"), "\(none)")
  }

  @Test func tensorsAreNamed() throws {
    let missing = try problem("llama", rename: ("blk.1.ffn_up.weight", to: "blk.1.ffn_sideways.weight"))
    #expect(missing.contains("ffn_sideways") || missing.contains("model.layers.1.mlp.up_proj.weight"), "\(missing)")
    let experts = try problem("granitehybrid", "granitehybrid.expert_count", .unsigned(5))
    #expect(experts.contains("blk.0.ffn_gate_exps.weight: has shape [4,") && experts.contains("expected 5 experts"))
    #expect(try problem("gemma3n", "gemma3n.attention.shared_kv_layers", .number(2)) == "loaded")
    let lanes = try problem("gemma3n", "gemma3n.altup.num_inputs", .unsigned(3))
    #expect(lanes.contains("altup_proj.weight: has shape [3, 32, 32], expected 2 experts"), "\(lanes)")
    let flat = try problem("granitehybrid", shape: ("blk.0.ssm_conv1d.weight", [4 * 96]))
    #expect(flat.contains("blk.0.ssm_conv1d.weight: has shape [384], expected 2 sizes"), "\(flat)")
  }
}
