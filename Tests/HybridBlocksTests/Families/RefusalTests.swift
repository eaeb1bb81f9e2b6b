import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// What a family does not compute it must not load.
@Suite struct RefusalTests {
  struct Change: Sendable, CustomTestStringConvertible {
    let fixture: String
    let key: String
    let value: JSONValue
    let says: String

    init(_ fixture: String, _ key: String, _ value: JSONValue, says: String) {
      self.fixture = fixture
      self.key = key
      self.value = value
      self.says = says
    }

    var testDescription: String { "\(fixture): \(key) = \(value.serialized())" }
  }

  static let attention = [
    Change("qwen3", "num_key_value_heads", 3, says: "num_key_value_heads"),
    Change("qwen3", "num_attention_heads", 0, says: "num_attention_heads"),
    Change("qwen3", "head_dim", 15, says: "head_dim"),
    Change("qwen3", "head_dim", 0, says: "head_dim"),
    Change("qwen3", "head_dim", 8192, says: "head_dim"),
    Change("nemotron_h", "sliding_window", 128, says: "config.json: sliding_window: is 128"),
    Change("qwen2", "layer_types", ["full_attention", "sliding_attention", "full_attention"], says: "layer_types"),
    Change("qwen3", "layer_types", ["full_attention", "sliding_attention", "full_attention"], says: "layer_types"),
    Change(
      "qwen3", "rope_parameters", ["rope_type": "spiral", "rope_theta": 1e6, "factor": 4],
      says: "rope_parameters.rope_type: spiral"),
    Change(
      "qwen3", "rope_parameters", ["rope_type": "yarn", "rope_theta": 1, "factor": 4],
      says: "config.json: rope_parameters: gives"),
    Change("qwen3", "rope_parameters", ["rope_type": "yarn", "rope_theta": 1e6, "factor": 0], says: "factor"),
    Change("qwen3", "rope_parameters", ["rope_type": "linear", "rope_theta": 1e6], says: "factor"),
    Change(
      "qwen3", "rope_parameters",
      ["rope_type": "llama3", "rope_theta": 1e6, "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4],
      says: "high_freq_factor"),
    Change(
      "qwen3", "rope_parameters",
      ["rope_type": "longrope", "rope_theta": 1e6, "short_factor": [1], "long_factor": [1, 1, 1, 1, 1, 1, 1, 1]],
      says: "short_factor"),
    Change(
      "qwen3", "rope_parameters", ["rope_type": "longrope", "rope_theta": 1e6, "short_factor": ["x"]],
      says: "short_factor"),
    Change("qwen3", "rope_parameters", ["rope_type": "default", "rope_theta": -1], says: "rope_theta"),
    Change("qwen3", "rope_parameters", ["rope_type": 7, "rope_theta": 1e6], says: "rope_type"),
    Change("qwen3", "rope_parameters", "default", says: "rope_parameters"),
    Change("hunyuan_v1_dense", "rope_parameters", ["rope_type": "dynamic", "rope_theta": 1e4], says: "factor"),
    Change(
      "hunyuan_v1_dense", "rope_parameters", ["rope_type": "dynamic", "rope_theta": 1e4, "alpha": 0], says: "alpha"),
    Change("qwen3", "max_position_embeddings", 2_147_483_648, says: "max_position_embeddings"),
    Change("hunyuan_v1_dense", "max_position_embeddings", 0, says: "max_position_embeddings"),
    Change("granitemoehybrid_dense_rope", "position_embedding_type", "alibi", says: "position_embedding_type"),
    Change("hunyuan_t1", "use_qk_norm", false, says: "use_qk_norm"),
    Change("hunyuan_large", "cla_share_factor", 0, says: "cla_share_factor"),
    Change("hunyuan_large", "use_pack_kv", true, says: "use_pack_kv"),
    Change("deepseek_v3", "kv_lora_rank", 0, says: "kv_lora_rank"),
    Change("deepseek_v3", "q_lora_rank", -1, says: "q_lora_rank"),
    Change("deepseek_v3", "qk_rope_head_dim", 7, says: "config.json: qk_rope_head_dim: 7 of 7"),
    Change("deepseek_v3_yarn", "scoring_func", "softmax", says: "scoring_func"),
    Change("deepseek_v3", "topk_method", "greedy", says: "topk_method"),
    Change("deepseek_v2", "topk_method", "noaux_tc", says: "topk_method"),
    Change("deepseek_v2", "norm_topk_prob", true, says: "norm_topk_prob"),
    Change("deepseek_v3", "moe_layer_freq", 2, says: "moe_layer_freq"),
    Change("hunyuan_v1_moe", "position_embedding_xdrope", true, says: "position_embedding_xdrope"),
    Change("hunyuan_v1_dense", "xdrope_section", [8, 8], says: "xdrope_section"),
    Change("qwen3", "partial_rotary_factor", 0.5, says: "partial_rotary_factor"),
    Change(
      "qwen3", "rope_parameters", ["rope_type": "default", "rope_theta": 10_000, "partial_rotary_factor": 0.5],
      says: "rope_parameters.partial_rotary_factor"),
    Change("hunyuan_v1_moe", "use_mla", true, says: "use_mla"),
    Change("hunyuan_v1_dense", "use_rotary_pos_emb", false, says: "use_rotary_pos_emb"),
  ]

  static let layers = [
    Change("hunyuan_t1", "layer_pattern", "MFX", says: "layer_pattern"),
    Change("hunyuan_t1", "layer_pattern", "", says: "layer_pattern"),
    Change("hunyuan_t1", "layer_pattern", ["M"], says: "layer_pattern"),
    Change("nemotron_h", "layers_block_type", ["mamba", "rwkv"], says: "rwkv"),
    Change("nemotron_h", "num_hidden_layers", 7, says: "num_hidden_layers"),
    Change("nemotron_h", "layers_block_type", [], says: "layers_block_type"),
    Change("granitemoehybrid", "layer_types", ["mamba"], says: "layer_types"),
    Change("granitemoehybrid", "layer_types", ["mamba", "mamba", "conv", "mamba"], says: "layer_types"),
    Change("hy_v3", "mlp_layer_types", ["dense"], says: "mlp_layer_types"),
    Change("qwen3_moe", "mlp_only_layers", ["one"], says: "mlp_only_layers"),
    Change("qwen3_moe", "decoder_sparse_step", 0, says: "decoder_sparse_step"),
    Change("hunyuan_v1_moe", "moe_layer_num_skipped", 1, says: "moe_layer_num_skipped"),
    Change("qwen3", "num_hidden_layers", -1, says: "num_hidden_layers"),
    Change("qwen3", "hidden_act", "gelu", says: "hidden_act"),
    Change("nemotron_h", "mlp_hidden_act", "silu", says: "mlp_hidden_act"),
    Change("nemotron_h", "mamba_hidden_act", "gelu", says: "mamba_hidden_act"),
    Change("hunyuan_v1_dense", "mlp_bias", true, says: "mlp_bias"),
    Change("granitemoehybrid", "normalization_function", "layernorm", says: "normalization_function"),
    Change("granitemoehybrid", "logits_scaling", 0, says: "logits_scaling"),
    Change("granitemoehybrid", "mamba_n_groups", 3, says: "mamba_n_groups"),
    Change("granitemoe", "num_local_experts", 0, says: "shared_intermediate_size"),
    Change("nemotron_h", "n_groups", 3, says: "n_groups"),
    Change("hunyuan_t1", "n_groups", 3, says: "n_groups"),
    Change("hunyuan_t1", "ssm_state_size", "16", says: "ssm_state_size"),
    Change("granitemoehybrid", "mamba_d_head", 0, says: "mamba_d_head"),
    Change("qwen3", "rms_norm_eps", 0, says: "rms_norm_eps"),
    Change("qwen3", "vocab_size", 0, says: "vocab_size"),
  ]

  static let recurrent = [
    Change("lfm2_moe", "layer_types", ["conv", "conv", "mamba", "conv"], says: "layer_types"),
    Change("lfm2_moe", "num_experts_per_tok", 9, says: "num_experts_per_tok"),
    Change("lfm2", "block_ffn_dim_multiplier", 1e30, says: "block_ffn_dim_multiplier"),
    Change("lfm2", "conv_L_cache", 0, says: "conv_L_cache"),
    Change("mamba", "rms_norm", false, says: "rms_norm"),
    Change("mamba", "time_step_rank", "all", says: "time_step_rank"),
    Change("mamba2", "n_groups", 3, says: "n_groups"),
    Change("mamba2", "time_step_limit", [0.001, 0.1], says: "time_step_limit: 0.001 … 0.1"),
    Change("nemotron_h", "time_step_limit", [0, 0.1], says: "time_step_limit"),
    Change("granitemoehybrid", "time_step_limit", [0.1], says: "time_step_limit"),
    Change("bamba", "time_step_limit", [0.1, ["__float__": "Infinity"]], says: "time_step_limit"),
    Change("falcon_h1", "time_step_limit", "none", says: "time_step_limit"),
    Change("mamba2", "hidden_act", "gelu", says: "hidden_act"),
    Change("falcon_mamba", "mixer_rms_eps", 0, says: "mixer_rms_eps"),
    Change("jamba", "attn_layer_offset", 3, says: "attn_layer_offset"),
    Change("jamba", "expert_layer_period", 0, says: "expert_layer_period"),
    Change("jamba", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("jamba", "sliding_window", 128, says: "config.json: sliding_window: is 128"),
    Change("bamba", "attn_layer_indices", [4], says: "attn_layer_indices"),
    Change("bamba", "attn_rotary_emb", 17, says: "attn_rotary_emb"),
    Change("falcon_h1", "mamba_d_ssm", 100, says: "mamba_d_ssm"),
    Change("falcon_h1", "ssm_multipliers", [1, 1, 1, 1], says: "ssm_multipliers"),
    Change("falcon_h1", "ssm_multipliers", [1, 1, 1, 1, "x"], says: "ssm_multipliers"),
    Change("falcon_h1", "mlp_multipliers", [0.5], says: "mlp_multipliers"),
    Change("zamba2", "layers_block_type", ["mamba", "hybrid"], says: "layers_block_type"),
    Change("zamba2", "n_mamba_heads", 7, says: "n_mamba_heads"),
    Change("zamba2", "mamba_ngroups", 4, says: "mamba_ngroups"),
    Change("zamba2", "attention_head_dim", 12, says: "attention_head_dim"),
    Change("zamba2", "num_key_value_heads", 3, says: "num_key_value_heads"),
    Change("zamba2", "hidden_act", "silu", says: "hidden_act"),
    Change("zamba2", "use_long_context", true, says: "use_long_context"),
    Change("zamba2", "use_shared_mlp_adapter", false, says: "use_shared_mlp_adapter"),
  ]

  static let delta = [
    Change("qwen3_next", "attention_bias", true, says: "attention_bias"),
    Change("qwen3_next", "attn_output_gate", false, says: "attn_output_gate"),
    Change("qwen3_next", "hidden_act", "gelu", says: "hidden_act"),
    Change("qwen3_next", "layer_types", ["linear_attention"], says: "layer_types"),
    Change("qwen3_next", "layer_types", ["mamba", "mamba", "mamba", "full_attention"], says: "layer_types"),
    Change("qwen3_next", "linear_num_key_heads", 3, says: "linear_num_key_heads"),
    Change("qwen3_next", "linear_key_head_dim", 0, says: "linear_key_head_dim"),
    Change("qwen3_next", "linear_conv_kernel_dim", 0, says: "linear_conv_kernel_dim"),
    Change("qwen3_next", "num_experts_per_tok", 9, says: "num_experts_per_tok"),
    Change("qwen3_next", "partial_rotary_factor", 2, says: "partial_rotary_factor"),
    Change("qwen3_5", "text_config", ["hidden_size": 48], says: "text_config.vocab_size"),
    Change("qwen3_5", "text_config", 7, says: "text_config"),
    Change("kimi_linear", "mla_use_nope", false, says: "mla_use_nope"),
    Change("kimi_linear", "moe_router_activation_func", "softmax", says: "moe_router_activation_func"),
    Change("kimi_linear", "num_experts_per_token", 9, says: "config.json: num_experts_per_token: 9 of"),
    Change("kimi_linear", "layer_types", ["linear_attention"], says: "layer_types"),
    Change("kimi_linear", "mlp_layer_types", ["dense"], says: "mlp_layer_types"),
    Change("kimi_linear", "linear_head_dim", 0, says: "linear_head_dim"),
    Change("kimi_linear", "linear_attn_config", ["head_dim": 16], says: "linear_attn_config.num_heads"),
  ]

  static let experts = [
    Change("qwen3_moe", "num_experts_per_tok", 9, says: "num_experts_per_tok"),
    Change("qwen3_moe", "num_experts_per_tok", 0, says: "num_experts_per_tok"),
    Change("hy_v3", "num_experts_per_tok", 99, says: "num_experts_per_tok"),
    Change("hunyuan_t1", "moe_topk", 99, says: "moe_topk"),
    Change("hunyuan_v1_moe", "moe_topk", 9, says: "moe_topk"),
    Change("hunyuan_v1_moe", "moe_topk", [2, 2], says: "moe_topk"),
    Change("hunyuan_v1_moe", "moe_intermediate_size", [80, 0, 80], says: "moe_intermediate_size"),
    Change("hunyuan_v1_moe", "group_limited_greedy", true, says: "group_limited_greedy"),
    Change("hunyuan_v1_moe", "norm_topk_prob", false, says: "norm_topk_prob"),
    Change("granitemoehybrid", "num_experts_per_tok", 9, says: "num_experts_per_tok"),
    Change("nemotron_h", "num_experts_per_tok", 9, says: "num_experts_per_tok"),
    Change("nemotron_h", "n_group", 3, says: "n_group"),
    Change("deepseek_v3", "n_group", 3, says: "n_group"),
    Change("deepseek_v3", "topk_group", 5, says: "topk_group"),
    Change("deepseek_v3", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("nemotron_h_latent", "topk_group", 5, says: "n_group"),
    Change("nemotron_h", "n_routed_experts", 0, says: "n_routed_experts"),
  ]

  static let windows = [
    Change("mistral_window", "sliding_window", 0, says: "config.json: sliding_window: is 0, expected an integer in 1"),
    Change("mistral_window", "sliding_window", -4, says: "sliding_window"),
    Change("gemma2", "attn_logit_softcapping", 0, says: "attn_logit_softcapping"),
    Change("gemma2", "final_logit_softcapping", -1, says: "final_logit_softcapping"),
    Change("gemma2", "query_pre_attn_scalar", 0, says: "query_pre_attn_scalar"),
    Change("gemma3", "sliding_window", .null, says: "sliding_window: is missing"),
    Change("gemma3", "layer_types", ["full_attention"], says: "layer_types: expected 4 of"),
    Change("gemma3", "layer_types", ["mamba", "mamba", "mamba", "mamba"], says: "layer_types: expected 4 of"),
    Change("gemma3", "hidden_activation", "silu", says: "hidden_activation"),
    Change("gemma3", "use_bidirectional_attention", true, says: "use_bidirectional_attention"),
    Change("gemma3", "model_type", "gemma3", says: "text_config: is missing"),
    Change("gpt_oss", "swiglu_limit", 0, says: "swiglu_limit"),
    Change("gpt_oss", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("olmo3", "sliding_window", 0, says: "sliding_window"),
    Change("exaone4", "layer_types", ["full_attention"], says: "layer_types"),
    Change("cohere2", "logit_scale", 0, says: "logit_scale"),
    Change("cohere2", "use_qk_norm", true, says: "use_qk_norm"),
    Change("smollm3", "no_rope_layers", [1, 0], says: "no_rope_layers"),
    Change("smollm3", "no_rope_layers", [1, 2, 0, 1], says: "no_rope_layers"),
    Change("minimax_m2", "scoring_func", "softmax", says: "scoring_func"),
    Change("ernie4_5_moe", "moe_k", 5, says: "moe_k"),
    Change("minimax_m3_vl", "text_config", .null, says: "text_config: is missing"),
    Change("minimax_m3_vl_text", "index_block_size", 0, says: "index_block_size: is 0, expected an integer in 1"),
    Change("minimax_m3_vl_text", "index_topk_blocks", 0, says: "index_topk_blocks: is 0, expected an integer in 1"),
    Change("minimax_m3_vl_text", "index_n_heads", 3, says: "index_n_heads: 3, expected a divisor of the 4 heads"),
    Change("minimax_m3_vl_text", "index_head_dim", 4, says: "index_head_dim: 4, of which 8"),
    Change("minimax_m3_vl_text", "index_local_blocks", 3, says: "index_local_blocks: 3 blocks, expected at most the 2"),
    Change(
      "minimax_m3_vl_text", "layer_types", ["full_attention", "linear_attention", "full_attention", "full_attention"],
      says: "layer_types: linear_attention is not supported, expected 4 of full_attention or minimax_m3_sparse"),
    Change("minimax_m3_vl_text", "layer_types", ["full_attention"], says: "layer_types: 1 layers, expected 4 of"),
    Change(
      "minimax_m3_vl_text", "mlp_layer_types", ["dense", "sparse", "moe", "sparse"],
      says: "mlp_layer_types: moe is not supported, expected 4 of dense or sparse"),
    Change(
      "minimax_m3_vl_text", "sparse_attention_config", ["sparse_block_size": 0],
      says: "sparse_attention_config.sparse_block_size: is 0"),
    Change(
      "minimax_m3_vl_text", "sparse_attention_config", ["sparse_num_index_heads": 3],
      says: "sparse_attention_config.sparse_num_index_heads: 3, expected a divisor"),
    Change(
      "minimax_m3_vl_text", "sparse_attention_config", ["sparse_score_type": "mean"],
      says: "sparse_attention_config.sparse_score_type: mean is not supported, expected max"),
    Change(
      "minimax_m3_vl_text", "sparse_attention_config",
      ["sparse_attention_freq": [1, 0, 1, 1], "sparse_disable_index_value": [1, 0, 0, 1]],
      says: "sparse_disable_index_value: values of the scorer in layer 2"),
    Change(
      "minimax_m3_vl_text", "sparse_attention_config", ["use_sparse_attention": false],
      says: "use_sparse_attention: is false, but layer_types has minimax_m3_sparse"),
    Change("minimax_m3_vl_text", "swiglu_limit", 0, says: "swiglu_limit"),
    Change("minimax_m3_vl_text", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("inkling_mm_model", "text_config", .null, says: "text_config: is missing"),
    Change("inkling_mm_model", "tie_word_embeddings", true, says: "tie_word_embeddings"),
    Change("inkling_text", "tie_word_embeddings", true, says: "tie_word_embeddings"),
    Change("inkling_text", "sliding_window_size", 0, says: "sliding_window_size: is 0, expected an integer in 1"),
    Change("inkling_text", "rel_extent", 0, says: "rel_extent: is 0, expected an integer in 1"),
    Change("inkling_text", "d_rel", 0, says: "d_rel: is 0, expected an integer in 1"),
    Change("inkling_text", "log_scaling_n_floor", 0, says: "log_scaling_n_floor: is 0, expected an integer in 1"),
    Change("inkling_text", "log_scaling_alpha", "strong", says: "log_scaling_alpha"),
    Change("inkling_text", "conv_kernel_size", 0, says: "conv_kernel_size: is 0, expected an integer in 1"),
    Change("inkling_text", "num_key_value_heads", 3, says: "num_key_value_heads: 3 does not divide 4 heads"),
    Change("inkling_text", "swa_num_key_value_heads", 4, says: "swa_num_key_value_heads: 4 does not divide 6 heads"),
    Change("inkling_text", "swa_head_dim", 0, says: "swa_head_dim: is 0, expected an integer in 1"),
    Change(
      "inkling_text", "layer_types", ["hybrid", "sliding_attention", "hybrid", "hybrid"],
      says: "layer_types: expected 4 of hybrid or hybrid_sliding"),
    Change("inkling_text", "layer_types", ["hybrid"], says: "layer_types: expected 4 of hybrid or hybrid_sliding"),
    Change("inkling_text", "mlp_layer_types", ["dense"], says: "mlp_layer_types: expected 4 of dense or sparse"),
    Change("inkling_text", "hidden_act", "gelu", says: "hidden_act"),
    Change("inkling_text", "shared_expert_sink", false, says: "shared_expert_sink"),
    Change("inkling_text", "n_shared_experts", 0, says: "n_shared_experts: is 0, expected an integer in 1"),
    Change("inkling_text", "num_experts_per_tok", 5, says: "num_experts_per_tok: 5 of 4 experts"),
    Change("inkling_text", "unpadded_vocab_size", 0, says: "unpadded_vocab_size: is 0, expected an integer in 1"),
    Change("inkling_text", "logits_mup_width_multiplier", 0, says: "logits_mup_width_multiplier"),
    Change("qwen4_exp", "text_config", .null, says: "text_config: is missing"),
    Change("qwen4_exp_text", "indexer_n_heads", .null, says: "indexer_n_heads: is missing"),
    Change("qwen4_exp_text", "indexer_n_heads", 0, says: "indexer_n_heads: is 0, expected an integer in 1"),
    Change("qwen4_exp_text", "indexer_kv_heads", 2, says: "indexer_kv_heads: 2 is not supported, expected 1"),
    Change("qwen4_exp_text", "indexer_head_dim", 4, says: "indexer_head_dim: 4, of which 8"),
    Change("qwen4_exp_text", "indexer_budget", 18, says: "indexer_budget: 18 keys, expected a multiple of the 4"),
    Change("qwen4_exp_text", "indexer_compress_ratio", 0, says: "indexer_compress_ratio: is 0"),
    Change("qwen4_exp_text", "hc_count", 1, says: "hc_count: 1 lanes, expected 2 to 64"),
    Change("qwen4_exp_text", "hc_lowrank", 0, says: "hc_lowrank: is 0"),
    Change("qwen4_exp_text", "ple_layer_ids", [2], says: "ple_layer_ids: 2, expected numbers of layers of linear"),
    Change("qwen4_exp_text", "ple_layer_ids", [0, 1], says: "ple_layer_ids: 0, expected numbers of layers"),
    Change("qwen4_exp_text", "ple_layer_ids", [1, 4], says: "ple_layer_ids: 4, expected numbers of layers"),
    Change("qwen4_exp_text", "ple_embed_dim", 22, says: "ple_embed_dim: 22, expected a multiple of the 4 heads"),
    Change("qwen4_exp_text", "ple_conv_kernel_size", 65, says: "ple_conv_kernel_size: 65 taps, expected at most 64"),
    Change("qwen4_exp_text", "ngram_size", 1, says: "ngram_size: 1 tokens, expected 2 to 32"),
    Change("qwen4_exp_text", "ngram_size", 33, says: "ngram_size: 33 tokens, expected 2 to 32"),
    Change("qwen4_exp_text", "heads_per_ngram", 600, says: "heads_per_ngram: makes 1200 heads, expected at most 1024"),
    Change("qwen4_exp_text", "eos_token_id", 96, says: "eos_token_id: gives no token below 96"),
    Change("qwen4_exp_text", "eos_token_id", .array([]), says: "eos_token_id: gives no token below 96"),
    Change("qwen4_exp_text", "eos_token_id", .null, says: "eos_token_id: is missing"),
    Change("qwen4_exp_text", "seed", -1, says: "seed: is -1"),
    Change("qwen4_exp_text", "output_gate_type", "gelu", says: "output_gate_type: gelu is not supported"),
    Change("qwen4_exp_text", "hidden_act", "gelu", says: "hidden_act"),
    Change("qwen4_exp_text", "layer_types", ["linear_attention"], says: "layer_types: expected 3 of linear_attention"),
    Change("qwen4_exp_text", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("inkling2", "text_config", .null, says: "text_config: is missing"),
    Change("inkling2", "tie_word_embeddings", true, says: "tie_word_embeddings"),
    Change("inkling2_text", "tie_word_embeddings", true, says: "tie_word_embeddings"),
    Change("inkling2_text", "n_layers_per_attn_res_block", 0, says: "n_layers_per_attn_res_block: is 0, expected an"),
    Change("inkling2_text", "qk_l2_clip_threshold", 0, says: "qk_l2_clip_threshold: is 0, expected a number above 0"),
    Change("inkling2_text", "rel_l2_clip_threshold", -1, says: "rel_l2_clip_threshold: is -1, expected a number above"),
    Change("inkling2_text", "mlp_gate_softcap", 0, says: "mlp_gate_softcap: is 0, expected a number above 0"),
    Change("inkling2_text", "mlp_up_softcap", 0, says: "mlp_up_softcap: is 0, expected a number above 0"),
    Change("inkling2_text", "final_logit_softcapping", 0, says: "final_logit_softcapping: is 0, expected a number"),
    Change("inkling2_text", "scoring_func", "softmax", says: "scoring_func"),
    Change("inkling2_text", "layer_types", ["hybrid"], says: "layer_types: expected 4 of hybrid or hybrid_sliding"),
    Change("inkling2_text", "sliding_window_size", 0, says: "sliding_window_size: is 0, expected an integer in 1"),
    Change("inkling2_text", "swa_num_key_value_heads", 4, says: "swa_num_key_value_heads: 4 does not divide 6 heads"),
    Change("inkling2_text", "num_experts_per_tok", 5, says: "num_experts_per_tok: 5 of 4 experts"),
    Change("inkling2_loop", "text_config", .null, says: "text_config: is missing"),
    Change("inkling2_loop_text", "loop_layer_index_start", 0, says: "loop_layer_index_start: is 0, expected an"),
    Change("inkling2_loop_text", "loop_layer_index_start", 3, says: "a loop of layers 3 ..< 3 in a model of 4 layers"),
    Change("inkling2_loop_text", "loop_layer_index_end", 5, says: "a loop of layers 1 ..< 5 in a model of 4 layers"),
    Change("inkling2_loop_text", "n_layers_per_attn_res_block", 2, says: "loop_layer_index_start: 1 is not a multiple"),
    Change("inkling2_loop_text", "loop_num_passes", 0, says: "loop_num_passes: is 0, expected an integer in 1"),
    Change("inkling2_loop_text", "loop_gate_rank", 0, says: "loop_gate_rank: is 0, expected an integer in 1"),
    Change("inkling2_loop_text", "loop_config", ["core_end": 9], says: "core_end: a loop of layers 6 ..< 9"),
    Change("kimi_k3", "text_config", .null, says: "hidden_size: is missing"),
    Change("plamo2", "num_key_value_heads", 3, says: "num_key_value_heads: 3 does not divide 4 heads"),
    Change("plamo2", "hidden_size_per_head", 15, says: "hidden_size_per_head"),
    Change("plamo2", "attention_window_size", 0, says: "attention_window_size: is 0, expected an integer in 1"),
    Change("plamo2", "full_attention_idx", [-1], says: "full_attention_idx"),
    Change("plamo2", "mamba_step", 0, says: "mamba_step: is 0, expected an integer in 1"),
    Change("plamo2", "mamba_num_heads", 0, says: "mamba_num_heads: is 0, expected an integer in 1"),
    Change("plamo2", "linear_type", "fp8", says: "linear_type"),
    Change("granite_swa", "layer_rope_theta", [0, -1, 1, 1], says: "layer_rope_theta"),
    Change("granite_swa", "layer_rope_theta", [0], says: "layer_rope_theta"),
  ]

  static let mixers = [
    Change("olmo_hybrid", "layer_types", ["full_attention"], says: "layer_types: expected 3 of"),
    Change("olmo_hybrid", "linear_num_key_heads", 3, says: "linear_num_key_heads"),
    Change("lara_mini", "sliding_window", 0, says: "sliding_window: is 0"),
    Change("lara_mini", "num_experts_per_tok", 5, says: "num_experts_per_tok"),
    Change("bailing_hybrid", "kda_lower_bound", 1, says: "kda_lower_bound: 1.0, expected a number below 0"),
    Change("bailing_hybrid", "num_expert_group", 3, says: "num_expert_group"),
    Change("lfm3", "sliding_window", .null, says: "sliding_window: is missing"),
    Change("lfm3", "layer_types", ["conv", "mamba", "conv", "conv", "conv"], says: "layer_types: expected 5 of conv"),
    Change(
      "lfm3", "rope_parameters",
      ["full_attention": ["rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.01]],
      says: "rope_parameters.full_attention.partial_rotary_factor"),
    Change("minimax", "sliding_window", 8, says: "sliding_window: is 8 tokens"),
    Change("minimax", "attn_type_list", [0, 2, 0], says: "attn_type_list"),
    Change("recurrent_gemma", "lru_width", 42, says: "lru_width: 4 heads do not divide 42"),
    Change("recurrent_gemma", "block_types", ["recurrent", "conv"], says: "block_types"),
    Change("recurrent_gemma", "attention_window_size", 0, says: "attention_window_size"),
    Change("recurrent_gemma", "intermediate_size", 1, says: "intermediate_size"),
    Change("zamba", "n_mamba_heads", 3, says: "n_mamba_heads"),
    Change("zamba", "layers_block_type", ["mamba", "hybrid"], says: "layers_block_type"),
    Change("mimo_v2_flash", "v_head_dim", 17, says: "v_head_dim: 17 is more than the 16"),
    Change("mimo_v2_flash", "swa_num_key_value_heads", 3, says: "swa_num_key_value_heads"),
    Change("mimo_v2_flash", "hybrid_layer_pattern", [0, 1, 3, 0], says: "hybrid_layer_pattern"),
    Change("longcat_flash", "moe_topk", 7, says: "moe_topk: 7 of 6"),
    Change("longcat_flash", "zero_expert_type", "zero", says: "zero_expert_type"),
    Change("longcat_flash", "router_bias", true, says: "router_bias"),
    Change("step3p7", "text_config", .null, says: "text_config: is missing"),
    Change("xlstm", "num_heads", 5, says: "num_heads: 5 does not divide"),
    Change("xlstm", "gate_soft_cap", 100, says: "gate_soft_cap"),
    Change("xlstm", "use_bias", true, says: "use_bias"),
    Change("rwkv6", "head_size", 12, says: "head_size: 12 does not divide the width 32"),
    Change("rwkv6", "attention_hidden_size", 64, says: "attention_hidden_size: 64 is not supported"),
    Change("rwkv7", "attn", ["layers": [1], "num_heads": 2], says: "attn: layers of attention are not supported"),
    Change("rwkv7", "value_dim", [32, 64, 32], says: "value_dim"),
    Change("rwkv7", "head_dim", 12, says: "head_dim: 12 does not divide the width 32"),
    Change("rwkv7", "hidden_act", "relu", says: "hidden_act: relu is not supported, expected sqrelu"),
    Change("rwkv_hybrid", "wkv_version", 6, says: "wkv_version: 6 is not supported, expected 7"),
    Change("rwkv_hybrid", "wkv_layers", [1], says: "wkv_layers: leaves layers of attention"),
    Change("rwkv_hybrid", "wkv_use_vfirst", false, says: "wkv_use_vfirst: false is not supported"),
    Change("rwkv_hybrid", "head_size", 12, says: "head_size: 12 does not divide the width 32"),
    Change("deepseek_v32", "index_topk", 0, says: "index_topk"),
    Change("deepseek_v32", "index_head_dim", 4, says: "index_head_dim: 4, of which 8"),
    Change("deepseek_v32", "q_lora_rank", .null, says: "q_lora_rank: is missing"),
    Change("deepseek_v32", "mlp_layer_types", ["sparse", "dense", "sparse"], says: "mlp_layer_types"),
    Change("hy_v4", "indexer_types", ["shared", "full", "full", "full"], says: "indexer_types"),
    Change("hy_v4", "hc_mult", 0, says: "hc_mult"),
    Change("gemma3n", "altup_active_idx", 3, says: "altup_active_idx: 3 of 3 lanes"),
    Change("gemma3n", "activation_sparsity_pattern", [0.8, 0.6, 0, 1, 0, 0], says: "activation_sparsity_pattern"),
    Change("gemma3n", "intermediate_size", [48, 40], says: "intermediate_size"),
    Change("gemma3n", "num_kv_shared_layers", 5, says: "num_kv_shared_layers: 5 of 6"),
    Change("gemma4", "num_kv_shared_layers", 6, says: "num_kv_shared_layers: 6 of 6"),
    Change("gemma4", "use_bidirectional_attention", "all", says: "use_bidirectional_attention"),
    Change("gemma4_moe", "top_k_experts", 5, says: "top_k_experts"),
  ]

  /// Keys of a text model inside another.
  static let inside = [
    Change("glm5_next", "index_kpool", 0, says: "index_kpool: is 0"),
    Change("glm5_next", "index_topk", 18, says: "index_topk: 18 keys, expected a multiple of the 4"),
    Change("glm5_next", "index_kpool_always_select_tail", false, says: "index_kpool_always_select_tail: false is not"),
    Change("glm5_next", "indexer_types", ["full"], says: "indexer_types: expected 4 of full or shared"),
    Change(
      "glm5_next", "indexer_types", ["full", "shared", "full", "full"],
      says: "indexer_types: layer 1 is to see what the layer before it has chosen"),
    Change(
      "glm5_next", "indexer_types", ["full", "full", "shared", "shared"],
      says: "indexer_types: layer 3 is to see what the layer before it has chosen"),
    Change("glm5_next", "hc_mult", 65, says: "hc_mult: 65 lanes, expected at most 64"),
    Change("glm5_next", "hc_sinkhorn_iters", 0, says: "hc_sinkhorn_iters: is 0"),
    Change("glm5_next", "hc_eps", 0, says: "hc_eps: is 0"),
    Change("glm5_next", "qk_rope_head_dim", 8, says: "qk_rope_head_dim: 8 is not supported, expected 0"),
    Change("glm5_next", "q_lora_rank", .null, says: "q_lora_rank: is missing"),
    Change("glm5_next", "linear_lower_bound", 1, says: "linear_lower_bound: 1.0, expected a number below 0"),
    Change(
      "glm5_next", "linear_attn_config", ["gate_lower_bound": 2], says: "linear_attn_config.gate_lower_bound: 2.0"),
    Change("glm5_next", "swiglu_limit", 0, says: "swiglu_limit: is 0"),
    Change("glm5_next", "layer_types", ["sliding_attention"], says: "layer_types: expected 4 of linear_attention"),
    Change("qwen4_exp", "indexer_budget", 20, says: "text_config.indexer_budget: 20 keys"),
  ]

  @Test(arguments: inside)
  func unsupportedValuesInsideAreNamed(_ change: Change) throws {
    var json = try JSONValue(file: ParityFixture(change.fixture).folder.appending(path: "config.json"))
    json["text_config"]?[change.key] = change.value
    let error = #expect(throws: ModelError.self) { _ = try Families.family(for: ConfigReader(json)) }
    let text = "\(error, default: "nothing")"
    #expect(text.contains("config.json: text_config.") && text.contains(change.says), "\(text)")
  }

  @Test(arguments: attention + layers + recurrent + delta + experts + windows + mixers)
  func unsupportedValuesAreNamed(_ change: Change) throws {
    var json = try JSONValue(file: ParityFixture(change.fixture).folder.appending(path: "config.json"))
    _ = try Families.family(for: ConfigReader(json))
    json[change.key] = change.value
    let error = #expect(throws: ModelError.self) { _ = try Families.family(for: ConfigReader(json)) }
    let text = "\(error, default: "nothing")"
    #expect(text.contains("config.json: ") && text.contains(change.says))
  }

  /// What a file says of the hashes of tokens, and where it keeps their rows, is what the configuration gives.
  @Test(arguments: [
    Change("qwen4_exp_text", "seed", 5, says: "ple_embedding.layer_multipliers: is ["),
    Change("qwen4_exp_text", "ngram_vocab_size_base", 32, says: "ple_embedding.ngram_heads_vocab_sizes: is [31, "),
    Change("qwen4_exp_text", "ngram_size", 2, says: "ple_embedding.layer_multipliers: has shape [3], expected [2]"),
    Change("qwen4_exp_text", "split_ngram_parts", 2, says: "shard_0.weight: has shape [54, 6], expected [80, 6]"),
    Change(
      "qwen4_exp_text", "make_ngram_vocab_size_divisible_by", 64,
      says: "shard_0.weight: has shape [54, 6], expected [64, 6]"),
  ])
  func hashesFollowFromTheConfiguration(_ change: Change) throws {
    let folder = ParityFixture(change.fixture).folder
    var json = try JSONValue(file: folder.appending(path: "config.json"))
    json[change.key] = change.value
    let error = #expect(throws: ModelError.self) {
      _ = try HybridModel(Families.family(for: ConfigReader(json)), WeightScope(Checkpoint(folder: folder)))
    }
    let text = "\(error, default: "nothing")"
    #expect(text.contains(change.says), "\(text)")
  }

  /// A file of Mistral's that says nothing of a window has one of 4096 tokens; null stands for none.
  @Test func mistralHasAWindowUnlessToldOtherwise() throws {
    var json = try JSONValue(file: ParityFixture("mistral").folder.appending(path: "config.json"))
    func windows() throws -> Set<Int?> { try Set(Llama(ConfigReader(json)).windows) }
    #expect(try windows() == [nil])
    json["sliding_window"] = nil
    #expect(try windows() == [4096])
    json["sliding_window"] = 64
    #expect(try windows() == [64])
    json["use_sliding_window"] = false
    #expect(try windows() == [nil])
    json["model_type"] = "llama"
    json["use_sliding_window"] = true
    let error = #expect(throws: ModelError.self) { try windows() }
    #expect("\(error, default: "")".contains("sliding_window: is 64 tokens of a context of 512"))
  }

  /// Qwen's models have windows in their last layers, where they are switched on.
  @Test func windowsOfQwenAreSwitchedOn() throws {
    var json = try JSONValue(file: ParityFixture("qwen3_window").folder.appending(path: "config.hub.json"))
    #expect(try Qwen3(ConfigReader(json)).windows == [nil, 20, 20])
    json["use_sliding_window"] = false
    #expect(try Qwen3(ConfigReader(json)).windows == [nil, nil, nil])
  }

  @Test func unknownFamiliesListTheKnown() throws {
    let error = #expect(throws: ModelError.self) {
      try Families.family(for: ConfigReader(["model_type": "abacus"]))
    }
    let text = "\(error, default: "nothing")"
    #expect(text.contains("\"abacus\"") && Families.all.allSatisfy { $0.modelTypes.allSatisfy(text.contains) })
    #expect(throws: ModelError.configuration(at: Configuration.unwritten, key: "model_type", reason: "is missing")) {
      try Families.family(for: ConfigReader([:]))
    }
  }
}
