"""Small random-weight models in llama.cpp's GGUF, with logits of Hugging Face transformers.

usage: make_fixtures.py LLAMA_CPP OUTPUT [ARCHITECTURE …]

Writes OUTPUT/ARCHITECTURE.gguf with the converter of LLAMA_CPP, its source folder (`Benchmarks/peer.sh` unpacks one),
OUTPUT/ARCHITECTURE.json, its configuration before that is spelled as the converter expects, and
OUTPUT/ARCHITECTURE.safetensors: `input_ids`, and `logits` [tokens × vocabulary] computed in 32-bit floats on weights
that were rounded to bfloat16. Needs the packages of Benchmarks/requirements.txt.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 96
COMMON = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.15}
HEADS = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512}
LLAMA = HEADS | {"intermediate_size": 32, "num_hidden_layers": 2}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 2, "mamba_d_state": 8, "mamba_chunk_size": 16}
DELTA = {
    "head_dim": 16, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2,
    "linear_num_value_heads": 4}
GEMMA4 = {
    "head_dim": 16, "global_head_dim": 24, "sliding_window": 7, "tie_word_embeddings": True, "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        "full_attention": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25}}}
LATENT = {
    "num_key_value_heads": 4, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16,
    "v_head_dim": 12, "moe_intermediate_size": 24, "n_routed_experts": 4, "num_experts_per_tok": 2}
EXPERTS = {
    "moe_intermediate_size": 16, "shared_expert_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2}


def rope(theta: float, **others: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta} | others}


# By architecture: the class, its configuration, and what the converter expects to be spelled otherwise. It reads what
# transformers makes of a file, and the file itself where its type is one that transformers does not know.
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", LLAMA | rope(20000.0) | {"tie_word_embeddings": True}, {}),
    "llama-biased": (
        "LlamaForCausalLM", LLAMA | rope(10000.0) | {"attention_bias": True, "mlp_bias": True, "head_dim": 16}, {}),
    "llama3": (
        "LlamaForCausalLM",
        LLAMA | {"rope_parameters": {
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}, {}),
    "qwen2": ("Qwen2ForCausalLM", LLAMA | rope(10000.0) | {"use_sliding_window": False}, {}),
    "qwen3": ("Qwen3ForCausalLM", LLAMA | rope(1e6) | {"head_dim": 16, "tie_word_embeddings": True}, {}),
    "qwen3moe": (
        "Qwen3MoeForCausalLM",
        LLAMA | rope(1e6) | {
            "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
            "norm_topk_prob": True}, {}),
    "granite": (
        "GraniteForCausalLM",
        LLAMA | rope(10000.0) | {
            "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5,
            "attention_multiplier": 0.2}, {}),
    "granitemoe": (
        "GraniteMoeForCausalLM",
        LLAMA | rope(10000.0) | {
            "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5,
            "attention_multiplier": 0.2, "num_local_experts": 4, "num_experts_per_tok": 2,
            "tie_word_embeddings": True}, {}),
    "granitehybrid": (
        "GraniteMoeHybridForCausalLM",
        LLAMA | MAMBA | {
            "intermediate_size": 16, "num_hidden_layers": 3, "num_local_experts": 4, "num_experts_per_tok": 2,
            "shared_intermediate_size": 24,
            "layer_types": ["mamba", "attention", "mamba"], "mamba_expand": 2, "embedding_multiplier": 3.0,
            "logits_scaling": 2.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2,
            "position_embedding_type": "nope", "tie_word_embeddings": True},
        {"layer_types": ["mamba", "attention", "mamba"], "rope_theta": 10000.0}),
    "granitehybrid-dense": (
        "GraniteMoeHybridForCausalLM",
        LLAMA | MAMBA | {
            "num_local_experts": 0, "num_experts_per_tok": 0, "shared_intermediate_size": 48,
            "layer_types": ["mamba", "attention"], "mamba_expand": 2, "position_embedding_type": "nope",
            "attention_multiplier": 0.25}, {"layer_types": ["mamba", "attention"], "rope_theta": 10000.0}),
    "nemotron_h": (
        "NemotronHForCausalLM",
        HEADS | {
            "head_dim": 8, "intermediate_size": 48, "ssm_state_size": 8, "mamba_num_heads": 8, "mamba_head_dim": 8,
            "n_groups": 2, "chunk_size": 16, "layers_block_type": ["linear_attention", "mlp", "full_attention"]},
        {"hybrid_override_pattern": "M-*", "num_hidden_layers": 3, "layers_block_type": None,
         "num_experts_per_tok": None}),
    "nemotron_h_moe": (
        "NemotronHForCausalLM",
        HEADS | {
            "head_dim": 8, "intermediate_size": 48, "ssm_state_size": 8, "mamba_num_heads": 8, "mamba_head_dim": 8,
            "n_groups": 2, "chunk_size": 16, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
            "topk_group": 1, "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 40,
            "routed_scaling_factor": 2.5, "moe_latent_size": 16,
            "layers_block_type": ["linear_attention", "moe", "full_attention", "moe"]},
        {"hybrid_override_pattern": "ME*E", "num_hidden_layers": 4, "layers_block_type": None,
         "num_nextn_predict_layers": 0}),
    "hunyuan-dense": (
        "HunYuanDenseV1ForCausalLM",
        LLAMA | {
            "head_dim": 16, "tie_word_embeddings": True, "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 1000.0, "factor": 1.0}}, {}),
    "hunyuan-moe": (
        "HunYuanMoEV1ForCausalLM",
        LLAMA | rope(10000.0) | {"head_dim": 8, "num_experts": 4, "moe_topk": 2, "attention_bias": False},
        {"moe_topk": [2, 2], "moe_intermediate_size": [32, 32], "num_shared_expert": [1, 1]}),
    "hy_v3": (
        "HYV3ForCausalLM",
        LLAMA | {
            "num_hidden_layers": 3, "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2,
            "num_shared_experts": 2, "moe_intermediate_size": 16, "router_scaling_factor": 1.5}, {}),
    "jamba": (
        "JambaForCausalLM",
        LLAMA | {
            "num_hidden_layers": 4, "num_experts": 3, "num_experts_per_tok": 2, "expert_layer_period": 2,
            "expert_layer_offset": 1, "attn_layer_period": 3, "attn_layer_offset": 1, "mamba_d_state": 8,
            "mamba_d_conv": 4, "mamba_expand": 2, "mamba_dt_rank": 4, "use_mamba_kernels": False}, {}),
    "mamba": (
        "MambaForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "time_step_rank": 4, "expand": 2,
         "tie_word_embeddings": True}, {"intermediate_size": 64}),
    "mamba2": (
        "Mamba2ForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 2,
         "chunk_size": 16, "expand": 2}, {}),
    "falcon-h1": (
        "FalconH1ForCausalLM",
        LLAMA | MAMBA | rope(1e11) | {
            "head_dim": 8, "mamba_d_ssm": 64, "mamba_rms_norm": False, "lm_head_multiplier": 0.5,
            "embedding_multiplier": 4.0, "mlp_multipliers": [0.8, 0.6], "key_multiplier": 0.7,
            "attention_out_multiplier": 0.9, "attention_in_multiplier": 1.1,
            "ssm_multipliers": [0.5, 0.6, 0.7, 0.8, 0.9], "ssm_in_multiplier": 1.2, "ssm_out_multiplier": 0.4}, {}),
    "lfm2": (
        "Lfm2ForCausalLM",
        LLAMA | rope(1e6) | {
            "num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": True,
            "block_multiple_of": 16, "block_ffn_dim_multiplier": 1.0, "intermediate_size": 60}, {}),
    "lfm2moe": (
        "Lfm2MoeForCausalLM",
        LLAMA | rope(1e6) | {
            "num_hidden_layers": 3, "layer_types": ["conv", "full_attention", "conv"], "num_dense_layers": 1,
            "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}, {}),
    "qwen3next": (
        "Qwen3NextForCausalLM",
        LLAMA | rope(10000.0, partial_rotary_factor=0.25) | {
            "num_hidden_layers": 4, "head_dim": 16, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
            "linear_num_key_heads": 2, "linear_num_value_heads": 4, "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 24, "num_experts": 4, "num_experts_per_tok": 2}, {}),
    "gemma2": (
        "Gemma2ForCausalLM",
        LLAMA | rope(10000.0) | {
            "head_dim": 16, "sliding_window": 7, "query_pre_attn_scalar": 16, "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0}, {}),
    "gemma3": (
        "Gemma3ForCausalLM",
        LLAMA | {
            "num_hidden_layers": 7, "head_dim": 16, "sliding_window": 7, "query_pre_attn_scalar": 16,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}, {}),
    "gpt-oss": (
        "GptOssForCausalLM",
        LLAMA | {
            "head_dim": 16, "sliding_window": 7, "num_local_experts": 4, "num_experts_per_tok": 2, "swiglu_limit": 7.0,
            "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "truncate": False, "original_max_position_embeddings": 64}}, {}),
    "olmo2": ("Olmo2ForCausalLM", LLAMA | rope(500000.0), {}),
    "olmo3": (
        "Olmo3ForCausalLM",
        LLAMA | {
            "num_hidden_layers": 4, "sliding_window": 7,
            "rope_parameters": {
                "full_attention": {
                    "rope_type": "yarn", "rope_theta": 500000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                    "original_max_position_embeddings": 64},
                "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}}, {}),
    "phi3": (
        "Phi3ForCausalLM",
        LLAMA | {
            "max_position_embeddings": 1024, "original_max_position_embeddings": 256,
            "rope_parameters": {
                "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
                "original_max_position_embeddings": 256, "short_factor": [1.0, 1.1, 1.3],
                "long_factor": [1.0, 2.0, 4.0]}}, {}),
    "smollm3": ("SmolLM3ForCausalLM", LLAMA | rope(2e6) | {"num_hidden_layers": 4}, {}),
    "exaone4": (
        "Exaone4ForCausalLM",
        LLAMA | rope(1e6) | {
            "num_hidden_layers": 4, "head_dim": 16, "sliding_window": 7, "sliding_window_pattern": 4}, {}),
    "cohere2": (
        "Cohere2ForCausalLM",
        LLAMA | rope(50000.0) | {"num_hidden_layers": 4, "sliding_window": 7, "logit_scale": 0.25},
        {"rotary_pct": 1.0}),
    "glm4": (
        "Glm4ForCausalLM", LLAMA | rope(10000.0, partial_rotary_factor=0.5) | {"head_dim": 16},
        {"partial_rotary_factor": 0.5}),
    "glm4moe": (
        "Glm4MoeForCausalLM",
        LLAMA | rope(10000.0, partial_rotary_factor=0.5) | {
            "head_dim": 16, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
            "moe_intermediate_size": 24, "first_k_dense_replace": 1, "routed_scaling_factor": 1.5,
            "use_qk_norm": True, "attention_bias": True, "num_mtp_layers": 0}, {"partial_rotary_factor": 0.5}),
    "seed_oss": ("SeedOssForCausalLM", LLAMA | rope(1e7) | {"head_dim": 16}, {}),
    "ernie4_5": (
        "Ernie4_5ForCausalLM", LLAMA | rope(500000.0) | {"head_dim": 16, "tie_word_embeddings": True}, {}),
    "ernie4_5-moe": (
        "Ernie4_5_MoeForCausalLM",
        LLAMA | rope(500000.0) | {
            "moe_intermediate_size": 24, "moe_k": 2, "moe_num_experts": 4, "moe_num_shared_experts": 2,
            "moe_layer_start_index": 1}, {}),
    "dots1": (
        "Dots1ForCausalLM",
        LLAMA | rope(10000.0) | {
            "head_dim": 16, "moe_intermediate_size": 24, "num_experts_per_tok": 2, "n_routed_experts": 4,
            "n_shared_experts": 2, "first_k_dense_replace": 1, "routed_scaling_factor": 2.5, "norm_topk_prob": True,
            "sliding_window": None}, {}),
    "minimax-m2": (
        "MiniMaxM2ForCausalLM",
        LLAMA | rope(5e6, partial_rotary_factor=0.5) | {
            "head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2},
        {"rotary_dim": 8, "scoring_func": "sigmoid"}),
    "deepseek2": (
        "DeepseekV3ForCausalLM",
        LLAMA | rope(10000.0) | {
            "num_key_value_heads": 4, "moe_intermediate_size": 24, "n_shared_experts": 1, "n_routed_experts": 4,
            "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "routed_scaling_factor": 2.5, "kv_lora_rank": 16,
            "q_lora_rank": 24, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 12,
            "first_k_dense_replace": 1}, {"scoring_func": "sigmoid"}),
    "deepseek2-lite": (
        "DeepseekV3ForCausalLM",
        LLAMA | {
            "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64,
                "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0},
            "num_key_value_heads": 4, "moe_intermediate_size": 24, "n_shared_experts": 2, "n_routed_experts": 4,
            "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0, "kv_lora_rank": 16,
            "q_lora_rank": None, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 12,
            "first_k_dense_replace": 1}, {}),
    "llama-fused": (
        "LlamaForCausalLM", LLAMA | rope(10000.0) | {"attention_bias": True, "mlp_bias": True, "head_dim": 16}, {}),
    "bamba": (
        "BambaForCausalLM",
        LLAMA | MAMBA | {
            "num_hidden_layers": 3, "attn_layer_indices": [1], "mamba_expand": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
        {"attn_layer_indices": [1], "attn_rotary_emb": 4}),
    "qwen3next-fused": (
        "Qwen3NextForCausalLM",
        LLAMA | DELTA | rope(10000.0, partial_rotary_factor=0.25) | EXPERTS | {
            "layer_types": ["linear_attention", "full_attention"]}, {}),
    "qwen35": (
        "Qwen3_5ForCausalLM",
        LLAMA | DELTA | rope(10000.0, partial_rotary_factor=0.25) | {
            "layer_types": ["linear_attention", "full_attention"], "tie_word_embeddings": True}, {}),
    "qwen35moe": (
        "Qwen3_5MoeForCausalLM",
        LLAMA | DELTA | rope(10000.0, partial_rotary_factor=0.25) | EXPERTS | {
            "layer_types": ["linear_attention", "full_attention"]}, {}),
    "mistral3": (
        "Ministral3ForCausalLM",
        LLAMA | {
            "head_dim": 16, "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 1e6, "factor": 8.0, "original_max_position_embeddings": 16,
                "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
                "llama_4_scaling_beta": 0.4}}, {}),
    "gemma4": (
        "Gemma4ForCausalLM",
        LLAMA | GEMMA4 | {
            "num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2,
            "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": VOCABULARY, "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True, "final_logit_softcapping": 3.0}, {}),
    "gemma4-moe": (
        "Gemma4ForCausalLM",
        LLAMA | GEMMA4 | {
            "layer_types": ["sliding_attention", "full_attention"], "num_global_key_value_heads": 1,
            "attention_k_eq_v": True, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
            "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 24}, {}),
    "gemma3n": (
        "Gemma3nForCausalLM",
        LLAMA | {
            "head_dim": 16, "num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2,
            "sliding_window": 7, "num_kv_shared_layers": 2, "laurel_rank": 8, "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": VOCABULARY, "activation_sparsity_pattern": [0.8, 0.0, 0.6, 0.0],
            "final_logit_softcapping": 3.0, "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}}, {}),
    "mimo2": (
        "MiMoV2FlashForCausalLM",
        LLAMA | {
            "head_dim": 16, "v_head_dim": 12, "num_hidden_layers": 3, "num_key_value_heads": 1,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"], "sliding_window": 7,
            "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
            "attention_value_scale": 0.7, "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 5e6, "partial_rotary_factor": 0.5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}},
        {"model_type": "published", "hybrid_layer_pattern": [0, 1, 0], "layer_types": None,
         "moe_layer_freq": [0, 1, 1], "mlp_layer_types": None,
         "rms_norm_eps": None, "layernorm_epsilon": 1e-5, "rope_parameters": None, "rope_theta": 5e6,
         "swa_rope_theta": 10000.0, "partial_rotary_factor": 0.5, "swa_num_key_value_heads": 2,
         "swa_num_attention_heads": 4, "swa_head_dim": 16, "swa_v_head_dim": 12, "sliding_window": 6,
         "sliding_window_size": 6, "scoring_func": "sigmoid", "topk_method": "noaux_tc"}),
    "step35": (
        "Step3p7ForConditionalGeneration",
        {"text_config": COMMON | {
            "max_position_embeddings": 512, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 4,
            "num_sliding_attention_heads": 6, "num_key_value_heads": 2, "num_hidden_layers": 3, "head_dim": 16,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            "mlp_layer_types": ["dense", "sparse", "sparse"], "sliding_window": 7, "n_routed_experts": 4,
            "num_experts_per_tok": 2, "moe_intermediate_size": 24, "share_expert_dim": 40,
            "moe_router_scaling_factor": 1.5, "swiglu_limits": [0.0, 0.0, 0.3],
            "swiglu_limits_shared": [0.0, 0.4, 0.4], "rope_parameters": {
                "full_attention": {
                    "rope_type": "llama3", "rope_theta": 1e5, "partial_rotary_factor": 0.5, "factor": 8.0,
                    "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
         "vision_config": {
             "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
             "mlp_ratio": 2.0, "max_position_embeddings": 4}},
        {"model_type": "published", "text_config": {
            "vocab_size": VOCABULARY, "max_position_embeddings": 512, "hidden_size": 32, "intermediate_size": 32,
            "num_attention_heads": 4, "num_attention_groups": 2, "num_hidden_layers": 3, "head_dim": 16,
            "attention_other_setting": {"num_attention_heads": 6, "num_attention_groups": 2, "head_dim": 16},
            "layer_types": ["full_attention", "sliding_attention", "full_attention"], "moe_layers_enum": "1,2",
            "sliding_window": 7, "moe_num_experts": 4, "moe_top_k": 2, "moe_intermediate_size": 24,
            "share_expert_dim": 40, "moe_router_scaling_factor": 1.5, "norm_expert_weight": True,
            "rms_norm_eps": 1e-5, "rope_theta": [1e5, 10000.0, 1e5], "partial_rotary_factors": [0.5, 1.0, 0.5],
            "swiglu_limits": [0.0, 0.0, 0.3], "swiglu_limits_shared": [0.0, 0.4, 0.4], "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}}}),
    "granite_swa": (
        "GraniteSWAForCausalLM",
        LLAMA | rope(10000.0) | {
            "sliding_window": 7, "layer_rope_theta": [0, 10000.0], "embedding_multiplier": 3.0, "logits_scaling": 2.0,
            "residual_multiplier": 0.5, "attention_multiplier": 0.2}, {"no_rope_layers": [0, 1]}),
    "granite_swa-moe": (
        "GraniteMoeSWAForCausalLM",
        LLAMA | rope(10000.0) | {
            "sliding_window": 7, "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.5,
            "attention_multiplier": 0.2, "num_local_experts": 4, "num_experts_per_tok": 2,
            "shared_intermediate_size": 24, "tie_word_embeddings": True}, {}),
    "deepseek32": (
        "DeepseekV32ForCausalLM",
        LLAMA | LATENT | rope(10000.0) | {
            "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "n_shared_experts": 1,
            "routed_scaling_factor": 2.5, "index_topk": 10, "index_head_dim": 16, "index_n_heads": 12},
        {"scoring_func": "sigmoid", "num_nextn_predict_layers": 0}),
    "hy_v4": (
        "HYV4ForCausalLM",
        LLAMA | LATENT | rope(10000.0) | {
            "num_hidden_layers": 3, "index_topk": 10, "index_head_dim": 16, "index_n_heads": 12,
            "indexer_types": ["full", "shared", "full"], "hc_mult": 3, "hc_magnitude": 1.5, "swiglu_limit": 0.5}, {}),
    "bailingmoe3": (
        "BailingHybridForCausalLM",
        LLAMA | rope(6e6) | {
            "num_hidden_layers": 3, "num_key_value_heads": 4, "kv_lora_rank": 16, "q_lora_rank": None,
            "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 12, "head_dim": 12, "num_local_experts": 4,
            "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "moe_intermediate_size": 24,
            "first_k_dense_replace": 1, "layer_group_size": 3, "num_mtp_layers": 0},
        {"model_type": "published", "architectures": ["BailingMoeV3ForCausalLM"], "rope_theta": 6e6,
         "rope_parameters": None, "n_group": 2, "num_experts": 4,
         "num_shared_experts": 1, "moe_shared_expert_intermediate_size": 24, "no_kda_lora": True,
         "kda_safe_gate": True, "kda_lower_bound": -5.0, "gated_attention_proj_granularity_type": "head_wise",
         "short_conv_kernel_size": 4, "head_dim": 12, "norm_topk_prob": True, "score_function": "sigmoid"}),
    "minimax-01": (
        "MiniMaxForCausalLM",
        {"hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512,
         "intermediate_size": 16, "num_hidden_layers": 8, "head_dim": 16, "num_local_experts": 2,
         "num_experts_per_tok": 1, "layer_types": ["linear_attention"] * 7 + ["full_attention"],
         "linear_attn_alpha_factor": 1.5, "full_attn_alpha_factor": 1.5, "mlp_alpha_factor": 1.5,
         "rope_parameters": {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 1.0}},
        {"model_type": "published", "architectures": ["MiniMaxText01ForCausalLM"], "rope_theta": 1e7,
         "rope_parameters": None, "rotary_dim": 16, "attn_type_list": [0] * 7 + [1],
         "layernorm_full_attention_alpha": 1.5, "layernorm_full_attention_beta": 1.0,
         "layernorm_linear_attention_alpha": 1.5, "layernorm_linear_attention_beta": 1.0, "layernorm_mlp_alpha": 1.5,
         "layernorm_mlp_beta": 1.0}),
    "kimi-linear": (
        "KimiLinearForCausalLM",
        LLAMA | {
            "num_hidden_layers": 3, "num_key_value_heads": 4, "moe_intermediate_size": 16, "kv_lora_rank": 16,
            "q_lora_rank": None, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 12,
            "num_local_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
            "routed_scaling_factor": 2.5, "norm_topk_prob": True, "linear_head_dim": 8, "linear_num_heads": 4,
            "linear_conv_kernel_dim": 4, "mlp_layer_types": ["dense", "sparse", "sparse"],
            "layer_types": ["linear_attention", "full_attention", "linear_attention"]},
        {"linear_attn_config": {
            "full_attn_layers": [2], "kda_layers": [1, 3], "head_dim": 8, "num_heads": 4, "short_conv_kernel_size": 4},
         "first_k_dense_replace": 1, "num_shared_experts": 1, "num_experts": 4, "num_experts_per_token": 2,
         "moe_router_activation_func": "sigmoid", "num_expert_group": 1, "moe_layer_freq": 1,
         "moe_renormalize": True, "tie_word_embeddings": False}),
}
MODELS["gemma4-fused"] = MODELS["gemma4"]
# By architecture: what the converter is told besides.
OPTIONS = {
    "llama-fused": ["--fuse-qkv"], "gemma4-fused": ["--fuse-qkv"], "bamba": ["--fuse-qkv"], "qwen3next": ["--no-mtp"],
    "qwen3next-fused": ["--no-mtp", "--fuse-qkv", "--fuse-gate-up-exps"], "qwen35": ["--no-mtp"],
    "qwen35moe": ["--no-mtp", "--fuse-gate-up-exps"], "mimo2": ["--no-mtp"], "step35": ["--no-mtp"],
}
# By architecture: names of tensors that transformers spells otherwise than the converter; None for those that it leaves
# out.
NAMES: dict[str, list[tuple[str, str | None]]] = {
    "kimi-linear": [(r"\.block_sparse_moe\.(\w+_proj)\.", r".mlp.\1.")],
    "hy_v4": [
        (r"\.hc_pre\.hc_head\.", ".hc_head."), (r"\.hc_pre\.(hc_\w+_layer)\.", r".\1.hc_pre."),
        (r"(mlp\..*)linear_gate", r"\1gate_proj")],
    "minimax-01": [(r"slope_rate$|_decay$", None)],
}


def perturb(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Gives vectors and convolutions, which begin as constants, values of their own; rounds everything to bfloat16."""
    def normal(shape: torch.Size) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    for name, parameter in model.named_parameters():
        if "A_log" in name:
            parameter.copy_(torch.log(1 + 15 * torch.rand(parameter.shape, generator=generator)))
        elif "dt_bias" in name or "dt_proj.bias" in name:
            parameter.copy_(normal(parameter.shape) - 2)
        elif "conv" in name and parameter.dim() > 1 and "proj" not in name:
            parameter.copy_(0.4 * normal(parameter.shape))
        elif parameter.dim() == 1:
            parameter.add_((0.2 if "norm" in name else 0.1) * normal(parameter.shape))
            if "q_norm" in name and model.config.model_type in ("gemma3n_text", "gemma4_text"):
                # Scores are not divided by the root of a head's width: norms of queries have to.
                parameter.mul_(parameter.shape[0] ** -0.5)
    for name, buffer in model.named_buffers():
        if "correction_bias" in name or "expert_bias" in name:
            buffer.copy_(0.2 * normal(buffer.shape))
        elif "layer_scalar" in name:
            buffer.copy_(0.8 + 0.1 * normal(buffer.shape))
    for name, tensor in model.state_dict().items():
        # Decays that follow from the configuration are in no file.
        if tensor.is_floating_point() and not re.search(r"slope_rate$|_decay$", name):
            tensor.copy_(tensor.to(torch.bfloat16).to(tensor.dtype))


def make(source: Path, output: Path, architecture: str) -> None:
    name, settings, spelling = MODELS[architecture]
    seed = sum(map(ord, architecture))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    kind = getattr(transformers, name)
    config = kind.config_class(**(COMMON | settings))
    config._attn_implementation = "eager"
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        model = kind(config).eval().to(torch.float32)
        perturb(model, generator)
        model.save_pretrained(folder)
        model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        # A clamp that only the chunked form of transformers has.
        for module in model.modules():
            if hasattr(module, "time_step_limit"):
                module.time_step_limit = (0.0, float("inf"))
        tokens = torch.randint(3, VOCABULARY, (1, 24), generator=generator)
        logits = model(input_ids=tokens, use_cache=False).logits[0].float()
        save_file(
            {"input_ids": tokens[0].to(torch.int32).contiguous(), "logits": logits.contiguous()},
            output / f"{architecture}.safetensors")
        (output / f"{architecture}.json").write_text((Path(folder) / "config.json").read_text())
        precision = "f32" if architecture.startswith("falcon") else "bf16"
        convert(source, Path(folder), output / f"{architecture}.gguf", architecture, spelling, precision)
    print(architecture, (output / f"{architecture}.gguf").stat().st_size, "bytes, deviation", round(logits.std().item(), 3))


def convert(
    source: Path, folder: Path, output: Path, architecture: str, spelling: dict[str, Any], precision: str
) -> None:
    weights = folder / "model.safetensors"
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    tensors = {}
    for name, tensor in load_file(weights).items():
        for pattern, replacement in NAMES.get(architecture, []):
            if replacement is not None:
                name = re.sub(pattern, replacement, name)
            elif re.search(pattern, name):
                break
        else:
            tensors[name] = tensor.to(kind)
    save_file(tensors, weights, metadata={"format": "pt"})
    path = folder / "config.json"
    config = json.loads(path.read_text()) | spelling
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    if architecture.startswith(("gemma3", "gemma4")):
        # Its converter counts the tokens of the vocabulary, and cuts the embedding there.
        tokens = {str(token): token for token in range(VOCABULARY)}
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": tokens}, "added_tokens": []}))
    script = Path(__file__).resolve().parents[3] / "Benchmarks" / "peer_convert.py"
    command = [sys.executable, script, source, folder, output, precision, *OPTIONS.get(architecture, [])]
    subprocess.run(command, check=True, capture_output=True, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("architectures", nargs="*", default=list(MODELS))
    arguments = parser.parse_args()
    for architecture in arguments.architectures:
        try:
            make(arguments.source.resolve(), arguments.output, architecture)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{architecture}: {error.stderr[-2000:]}")


if __name__ == "__main__":
    main()
