import Foundation
import InferCore
import InferText
import Testing

@testable import HybridBlocks

/// What the families say of their matrices, by the names that the world gives them.
@Suite struct RoleTests {
  private func role(of name: String, isTied: Bool) -> MatrixRole? {
    let parts = name.split(separator: ".")
    func has(_ names: String...) -> Bool { names.contains { parts.contains(Substring($0)) } }
    if name.hasSuffix("_gate_weight") { return .stored }
    if parts.contains("controllers") { return .exact }
    if name.hasSuffix("_res_proj.weight") { return nil }
    if let role = rwkvRole(of: name) { return role }
    if ["hc_fn", "hc_head_fn", "hc_attn_fn", "hc_ffn_fn", "compress_gate"].contains(where: name.hasSuffix) {
      return .exact
    }
    if parts.last == "weight_proj" { return .exact }
    guard
      parts.last == "weight" || name.hasSuffix("_proj_weight")
        || has("experts", "shared_experts") && !name.hasSuffix("bias")
    else {
      return nil
    }
    if has("embed_norm") || name.hasSuffix("sconv.weight") { return nil }
    if has("embed_tokens", "embeddings", "word_embeddings", "embed") { return isTied ? .head : .embedding }
    if has("embed_tokens_per_layer", "ngram_embedding") { return .embedding }
    if has("lm_head", "unembed") { return .head }
    if has("v_proj", "value_proj", "wv_dv") { return .value }
    if has("down_proj", "output_linear", "w2", "proj_down", "w2_md", "w2_weight", "shared_w2_weight") { return .down }
    if has("kv_b_proj", "in_proj_ba") { return .stored }
    if has("router", "gate", "shared_expert_gate", "classifier", "igate_preact", "fgate_preact", "weights_proj") {
      return .exact
    }
    if has("modality_router", "prediction_coefs", "correction_coefs", "block_inject_weight") { return .exact }
    if has("in_proj_b", "in_proj_a", "b_proj", "a_proj", "f_a_proj", "f_b_proj") { return .exact }
    if has("q_conv1d", "k_conv1d", "v_conv1d", "ln1", "ln2", "pre_ln", "ln_x", "ln_out") { return nil }
    if has("conv1d", "conv_1d") || name.hasSuffix("conv.conv.weight") || name.hasSuffix("norm.weight")
      || name.hasSuffix("norm_f.weight")
    {
      return nil
    }
    return name.contains("norm") ? nil : .linear
  }

  /// What RWKV has: names of single letters, bottlenecks without a suffix, and a gate that is no router.
  private func rwkvRole(of name: String) -> MatrixRole? {
    let parts = name.split(separator: ".")
    func ends(_ names: String...) -> Bool { names.contains { name.hasSuffix($0) } }
    if ends("time_maa_w1", "time_maa_w2", "time_decay_w1", "time_decay_w2", "time_mixer.w1", "time_mixer.w2") {
      return .exact
    }
    if parts.contains(where: { $0.hasSuffix("_lora") }), ends(".weight") {
      return parts.contains("w_lora") ? .exact : .stored
    }
    if parts.dropLast().last == "time_mixer", let last = parts.last, last.count == 2, "12".contains(last.suffix(1)) {
      return .stored
    }
    if ends("attention.value.weight", "time_mixer.value.weight") { return .value }
    if ends("attention.gate.weight") { return .linear }
    if ends("feed_forward.value.weight", "ffn.value.weight") { return .down }
    return name == "head.weight" ? .head : nil
  }

  @Test(arguments: ParityFixture.all) func everyMatrixHasTheRoleOfItsName(_ fixture: ParityFixture) throws {
    let config = try ConfigReader(JSONValue(file: fixture.folder.appending(path: "config.json")))
    let family = try Families.family(for: config)
    let weights = try WeightScope(Checkpoint(folder: fixture.folder))
    _ = try HybridModel(family, weights)
    let loaded = weights.loaded
    #expect(loaded.contains { $0.role == .linear } && loaded.contains { $0.role == nil })
    for entry in loaded {
      var role = role(of: entry.tensor.name, isTied: family.frame.isTied)
      // Rows of two matrices alternate in one, and both are transposed.
      if family is GptOss, role != nil, entry.tensor.name.contains(".experts.") { role = .stored }
      #expect(entry.role == role, "\(entry.tensor.name)")
      #expect(entry.format == entry.tensor.format && entry.byteCount == entry.tensor.byteCount)
    }
  }
}
