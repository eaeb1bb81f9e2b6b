"""Random-weight checkpoints of families with mixers of their own, with reference logits from Hugging Face transformers.

usage: make_mixer_fixtures.py FOLDER [NAME…]      (pip install "torch==2.15.0" transformers==5.24.0 safetensors)

Weights are rounded to bfloat16 before the references are computed. Beside `config.json`, as transformers 5 writes it, stands
`config.hub.json` in the spelling of published files, where that is another.
"""
import json
import math
import re
import sys
from pathlib import Path

from references import references

# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)

import torch
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 96
LENGTHS = [1, 7, 21, 40, 80]
common = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
              max_position_embeddings=512, hidden_size=32, intermediate_size=48, num_attention_heads=4,
              num_key_value_heads=2, num_hidden_layers=3)
# A null that the published spelling has.
NULL = "null"
L, S, G, C = "linear_attention", "sliding_attention", "full_attention", "conv"
B, I = "minimax_m3_sparse", "indexed_attention"
H, W = "hybrid", "hybrid_sliding"


def rope(theta, **others):
    return dict(rope_parameters=dict(rope_type="default", rope_theta=theta) | others)


def flat(theta, **others):
    return dict(rope_theta=theta, rope_parameters=None, **others)


delta = dict(linear_conv_kernel_dim=4, linear_key_head_dim=12, linear_value_head_dim=16, linear_num_key_heads=2,
             linear_num_value_heads=4)
# A text model of MiniMax M3, but for its layers.
blocks = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
              max_position_embeddings=512, hidden_size=32, intermediate_size=24, dense_intermediate_size=48,
              shared_intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=4, head_dim=16,
              rotary_dim=8, num_experts_per_tok=2, routed_scaling_factor=1.5, swiglu_alpha=1.5, swiglu_limit=0.5)
# A text model of Inkling: windows with other heads, biases of scores over fewer keys than prompts have, and scores that grow.
inkling = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
               max_position_embeddings=512, hidden_size=32, intermediate_size=40, moe_intermediate_size=16,
               num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16, swa_num_attention_heads=6,
               swa_num_key_value_heads=3, swa_head_dim=8, sliding_window_size=15, d_rel=4, rel_extent=37,
               log_scaling_n_floor=16, log_scaling_alpha=0.4, n_routed_experts=4, num_experts_per_tok=2,
               n_shared_experts=2, route_scale=1.5, logits_mup_width_multiplier=1.25, unpadded_vocab_size=None)
# A text model of Qwen4-Exp, but for its layers and its scorer. Prompts have the token that ends texts, before which hashes of
# tokens do not look.
lanes = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=70, initializer_range=0.15,
             max_position_embeddings=512, hidden_size=32, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             linear_conv_kernel_dim=4, linear_key_head_dim=8, linear_value_head_dim=12, linear_num_key_heads=2,
             linear_num_value_heads=4, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16,
             shared_expert_intermediate_size=20)
# A text model of Inkling 2: clips that matter, sums of two layers, and caps that hold something back.
inkling2 = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
                max_position_embeddings=512, hidden_size=32, intermediate_size=16, num_hidden_layers=4,
                num_attention_heads=4, num_key_value_heads=2, head_dim=16, swa_num_attention_heads=6,
                swa_num_key_value_heads=3, swa_head_dim=8, sliding_window_size=15, d_rel=4, rel_extent=37,
                log_scaling_n_floor=16, log_scaling_alpha=0.4, n_routed_experts=4, num_experts_per_tok=2,
                route_scale=1.5, unpadded_vocab_size=90, qk_l2_clip_threshold=3.0, rel_l2_clip_threshold=1.5,
                n_layers_per_attn_res_block=2, mlp_gate_softcap=0.6, mlp_up_softcap=0.8, final_logit_softcapping=2.0)
# A text model of GLM-5.3-Flash, but for what two spellings call otherwise.
pools = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
             max_position_embeddings=512, hidden_size=32, intermediate_size=40, num_attention_heads=4, num_hidden_layers=4,
             num_key_value_heads=4, kv_lora_rank=16, q_lora_rank=20, qk_nope_head_dim=12, v_head_dim=10,
             moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
             routed_scaling_factor=1.5, index_topk=16, index_head_dim=16, index_n_heads=12, index_kpool=4,
             indexer_types=["full", "full", "full", "shared"], hc_mult=3, hc_sinkhorn_iters=6, swiglu_limit=0.5)
latent = dict(kv_lora_rank=16, q_lora_rank=20, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10)

# The class, its configuration, and the keys of the published spelling that differ.
shapes = {
    # Strengths up to two; norms before delta rules and behind attention; no positions.
    "olmo_hybrid": ("OlmoHybridForCausalLM", dict(
        delta, layer_types=[L, G, L], linear_num_key_heads=4, rope_parameters=dict(rope_type="default", rope_theta=None)),
        dict(rope_parameters=None, rope_theta=NULL)),
    "lara_mini": ("LaraMiniForCausalLM", rope(10000.0) | delta | dict(
        head_dim=16, num_hidden_layers=5, sliding_window=15, num_experts=4, num_experts_per_tok=2,
        moe_intermediate_size=24, shared_expert_intermediate_size=40), flat(10000.0, layer_types=None)),
    "bailing_hybrid": ("BailingHybridForCausalLM", rope(6e6) | latent | dict(
        q_lora_rank=None, head_dim=12, num_key_value_heads=4, num_local_experts=8, num_experts_per_tok=2, n_group=4,
        topk_group=2, moe_intermediate_size=24, first_k_dense_replace=1, layer_group_size=3, num_mtp_layers=0),
        flat(6e6, layer_types=None, mlp_layer_types=None, head_dim=12, linear_head_dim=None, linear_num_heads=None,
             linear_conv_kernel_dim=None, qk_head_dim=None)),
    "lfm3": ("Lfm3ForCausalLM", dict(
        head_dim=16, num_hidden_layers=5, sliding_window=15, conv_L_cache=5, layer_types=[C, G, S, C, S]), {}),
    # Factors on both sides of the residual stream, which is normalised.
    "minimax": ("MiniMaxForCausalLM", rope(1e6) | dict(
        head_dim=12, layer_types=[L, G, L], num_local_experts=4, num_experts_per_tok=2, block_size=16,
        full_attn_alpha_factor=1.5, full_attn_beta_factor=0.75, linear_attn_alpha_factor=1.25,
        linear_attn_beta_factor=0.875, mlp_alpha_factor=1.125, mlp_beta_factor=0.5), flat(
        1e6, model_type="minimax_text_01", layer_types=None, attn_type_list=[0, 1, 0], postnorm=True, rotary_dim=12,
        full_attn_alpha_factor=None, full_attn_beta_factor=None, linear_attn_alpha_factor=None,
        linear_attn_beta_factor=None, mlp_alpha_factor=None, mlp_beta_factor=None, layernorm_full_attention_alpha=1.5,
        layernorm_full_attention_beta=0.75, layernorm_linear_attention_alpha=1.25,
        layernorm_linear_attention_beta=0.875, layernorm_mlp_alpha=1.125, layernorm_mlp_beta=0.5)),
    # A window, positions on half of each head, logits within a cap, and units wider than the stream.
    "recurrent_gemma": ("RecurrentGemmaForCausalLM", dict(
        num_hidden_layers=4, intermediate_size=96, num_key_value_heads=1, lru_width=40, conv1d_width=4,
        attention_window_size=15, logits_soft_cap=2.0, rope_parameters=dict(
            rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
        flat(10000.0, partial_rotary_factor=0.5, head_dim=None)),
    # Two heads of Mamba, one transformer before two layers.
    "zamba": ("ZambaForCausalLM", dict(
        num_hidden_layers=5, num_key_value_heads=2, n_mamba_heads=2, mamba_d_state=6, mamba_dt_rank=4,
        attn_layer_period=2, attn_layer_offset=1), dict(layers_block_type=None)),
    # Queries grow with their position.
    "ministral3": ("Ministral3ForCausalLM", dict(head_dim=16, rope_parameters=dict(
        rope_type="yarn", rope_theta=1e6, factor=8.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0,
        mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.4)), dict(rope_parameters=dict(
            type="yarn", rope_theta=1e6, factor=8.0, original_max_position_embeddings=16, max_position_embeddings=512,
            beta_fast=32.0, beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.4))),
    # Values narrower than keys, more of them and sinks in windows.
    "mimo_v2_flash": ("MiMoV2FlashForCausalLM", dict(
        head_dim=16, v_head_dim=12, num_hidden_layers=4, num_key_value_heads=1, layer_types=[G, S, S, G],
        sliding_window=15, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=24,
        attention_value_scale=0.7, rope_parameters={
            G: dict(rope_type="default", rope_theta=5e6, partial_rotary_factor=0.5),
            S: dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)}), flat(
        5e6, layer_types=None, mlp_layer_types=None, rms_norm_eps=None, layernorm_epsilon=1e-5,
        hybrid_layer_pattern=[0, 1, 1, 0], moe_layer_freq=[0, 1, 1, 1], swa_rope_theta=10000.0,
        partial_rotary_factor=0.5, swa_num_key_value_heads=2, swa_num_attention_heads=4, swa_head_dim=16,
        swa_v_head_dim=12, add_swa_attention_sink_bias=True, add_full_attention_sink_bias=False,
        sliding_window=14, sliding_window_size=14, scoring_func="sigmoid", topk_method="noaux_tc",
        routed_scaling_factor=NULL)),
    # Two of three choices are experts that pass their input on.
    "longcat_flash": ("LongcatFlashForCausalLM", rope(1e7) | latent | dict(
        num_layers=2, num_hidden_layers=4, ffn_hidden_size=48, expert_ffn_hidden_size=24, n_routed_experts=4,
        zero_expert_num=2, moe_topk=3, routed_scaling_factor=1.5, head_dim=8, num_key_value_heads=4),
        flat(1e7, attention_method="MLA", mla_scale_q_lora=True, mla_scale_kv_lora=True, zero_expert_type="identity",
             router_bias=False, norm_topk_prob=False, head_dim=None, qk_head_dim=None)),
    # Three lanes; rows see 24 keys, in two layers those that another has chosen; sinks, gates of values, bounds.
    "hy_v4": ("HYV4ForCausalLM", rope(10000.0) | latent | dict(
        num_hidden_layers=4, num_key_value_heads=4, moe_intermediate_size=24, n_routed_experts=4, num_experts_per_tok=2,
        index_topk=24, index_head_dim=16, index_n_heads=12, indexer_types=["full", "full", "shared", "shared"], hc_mult=3,
        hc_magnitude=1.5, swiglu_limit=0.5), flat(
        10000.0, mlp_layer_types=None, layer_types=None, head_dim=None, qk_head_dim=None, indexer_types=None)),
    # Three lanes of which layers compute the second; networks with most gates shut; inputs of each layer, which some tokens
    # have not; the last two layers with the keys of others.
    "gemma3n": ("Gemma3nForCausalLM", dict(
        head_dim=16, num_hidden_layers=6, layer_types=[S, G, S, G, S, G], sliding_window=15, laurel_rank=8,
        hidden_size_per_layer_input=8, vocab_size_per_layer_input=80, num_kv_shared_layers=2,
        intermediate_size=[48, 40, 48, 40, 48, 40], activation_sparsity_pattern=[0.8, 0.6, 0.0, 0.7, 0.0, 0.0],
        altup_num_inputs=3, altup_active_idx=1, final_logit_softcapping=3.0, tie_word_embeddings=True,
        rope_parameters={S: dict(rope_type="default", rope_theta=10000.0),
                         G: dict(rope_type="default", rope_theta=1e6)}),
        flat(1e6, rope_local_base_freq=10000.0, altup_lr_multiplier=1.0, query_pre_attn_scalar=256)),
    # An input of each layer, the last two layers with the keys of others and networks twice as wide.
    "gemma4": ("Gemma4ForCausalLM", dict(
        head_dim=16, num_hidden_layers=6, layer_types=[S, G, S, G, S, G], sliding_window=15, global_head_dim=24,
        hidden_size_per_layer_input=8, vocab_size_per_layer_input=VOCABULARY, num_kv_shared_layers=2,
        use_double_wide_mlp=True, intermediate_size=40, final_logit_softcapping=3.0, tie_word_embeddings=True,
        rope_parameters={
            S: dict(rope_type="default", rope_theta=10000.0),
            G: dict(rope_type="proportional", rope_theta=1e6, partial_rotary_factor=0.25)}),
        dict(per_layer_config=None, global_head_dim=24)),
    # Values that are keys, and experts beside a network.
    "gemma4_moe": ("Gemma4ForCausalLM", dict(
        head_dim=16, num_hidden_layers=3, layer_types=[S, S, G], sliding_window=15, global_head_dim=24,
        num_global_key_value_heads=1, attention_k_eq_v=True, hidden_size_per_layer_input=0, intermediate_size=40,
        enable_moe_block=True, num_experts=4, top_k_experts=2, moe_intermediate_size=24, tie_word_embeddings=True,
        rope_parameters={
            S: dict(rope_type="default", rope_theta=10000.0),
            G: dict(rope_type="proportional", rope_theta=1e6, partial_rotary_factor=0.25)}),
        dict(per_layer_config=None, global_head_dim=24, num_global_key_value_heads=1)),
    # Rows see 24 keys that a scorer chooses, of so many heads that no two keys have the same score.
    "deepseek_v32": ("DeepseekV32ForCausalLM", rope(10000.0) | latent | dict(
        num_key_value_heads=4, moe_intermediate_size=24, n_routed_experts=4, num_experts_per_tok=2, n_group=1,
        topk_group=1, first_k_dense_replace=1, index_topk=24, index_head_dim=16, index_n_heads=12),
        flat(10000.0, mlp_layer_types=None, layer_types=None, head_dim=None, qk_head_dim=None)),
    # Memories of two heads whose queries are narrower than values.
    "xlstm": ("xLSTMForCausalLM", dict(
        num_heads=2, num_hidden_layers=3, qk_dim_factor=0.5, v_dim_factor=1.0, ffn_proj_factor=1.5,
        ffn_round_up_to_multiple_of=16, gate_soft_cap=6.0, output_logit_soft_cap=2.0, mode="inference",
        autocast_kernel_dtype="float32"), {}),
    # Rows of two groups of heads see three blocks of four keys each, their own among them, inside a model of images.
    "minimax_m3_vl": ("MiniMaxM3SparseForConditionalGeneration", dict(
        text_config=rope(5e6, partial_rotary_factor=0.5) | blocks | dict(
            num_local_experts=4, layer_types=[G, B, B, B], mlp_layer_types=["dense", "sparse", "sparse", "sparse"],
            index_n_heads=2, index_head_dim=12, index_block_size=4, index_topk_blocks=3, index_local_blocks=1),
        vision_config=dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
                           image_size=28),
        projector_hidden_size=24),
        dict(image_grid_pinpoints="[(336, 336)]", image_seq_length=576, img_token_compression_config=dict(
            image_token_compression_method="patch_merge", spatial_merge_size=2, temporal_patch_size=2),
            multimodal_projector_bias=True, num_reward_heads=0, process_image_mode="dynamic_res",
            projector_hidden_act="gelu", vision_feature_layer=-1, vision_feature_select_strategy="full",
            text_config=flat(5e6) | blocks | dict(
                architectures=["MiniMaxM3SparseForCausalLM"], partial_rotary_factor=0.5, hidden_act="swigluoai",
                use_gemma_norm=True, attention_output_gate=False, use_qk_norm=True, qk_norm_type="per_head",
                n_shared_experts=1, num_local_experts=4, scoring_func="sigmoid", use_routing_bias=True,
                tie_word_embeddings=False, rms_norm_eps=1e-6, moe_layer_freq=[0, 1, 1, 1], num_mtp_modules=7,
                num_nextn_predict_layers=1, sparse_attention_config=dict(
                    use_sparse_attention=True, sparse_index_dim=12, sparse_num_index_heads=2, sparse_topk_blocks=3,
                    sparse_block_size=4, sparse_disable_index_value=[0, 1, 1, 1], sparse_score_type="max",
                    sparse_init_block=0, sparse_local_block=1, sparse_attention_freq=[0, 1, 1, 1])))),
    # Blocks of a page, and a choice of its own for each head.
    "minimax_m3_vl_text": ("MiniMaxM3VLForCausalLM", rope(5e6, partial_rotary_factor=0.5) | blocks | dict(
        num_local_experts=4, layer_types=[B, G, B, B], mlp_layer_types=["sparse", "dense", "sparse", "sparse"],
        index_n_heads=4, index_head_dim=16, index_block_size=16, index_topk_blocks=2, index_local_blocks=1), {}),
    "inkling_text": ("InklingForCausalLM", inkling | dict(
        local_layer_ids=[0, 2, 3], mlp_layer_types=["dense", "sparse", "sparse", "sparse"]),
        dict(layer_types=None, mlp_layer_types=None, dense_mlp_idx=1, intermediate_size=16, dense_intermediate_size=40,
             moe_intermediate_size=None, conv_kernel_size=None, sconv_kernel_size=4, max_position_embeddings=None,
             model_max_length=512)),
    # Inside a model of images and sounds, with rows of the embedding that stand for no token, and other taps.
    "inkling_mm_model": ("InklingForConditionalGeneration", dict(
        text_config=inkling | dict(
            layer_types=["hybrid_sliding", "hybrid"] * 2, mlp_layer_types=["sparse", "dense", "sparse", "sparse"],
            unpadded_vocab_size=90, conv_kernel_size=3, log_scaling_n_floor=None),
        vision_config=dict(hidden_size=16, num_hidden_layers=2, patch_size=4, num_attention_heads=2),
        audio_config=dict(n_mel_bins=2, mel_vocab_size=4),
        image_token_id=91, audio_token_id=92, image_bos_token_id=93, audio_bos_token_id=94),
        dict(mtp_config=dict(num_nextn_predict_layers=2, chain_hidden_post_norm=True, local_layer_ids=[0]))),
    # Three lanes; rows see four whole blocks of four keys and the tokens behind the last; pairs and triples of tokens by hashes.
    "qwen4_exp_text": ("Qwen4ExpForCausalLM", rope(1e6, partial_rotary_factor=0.5) | lanes | dict(
        eos_token_id=[13, 2], layer_types=[L, I, L], num_hidden_layers=3, hc_count=3, hc_lowrank=12, indexer_n_heads=12, indexer_kv_heads=1,
        indexer_head_dim=12, indexer_budget=16, indexer_compress_ratio=4, ple_layer_ids=[1, 3], ple_embed_dim=24,
        ple_conv_kernel_size=3, ngram_size=3, heads_per_ngram=2, ngram_vocab_size_base=30,
        make_ngram_vocab_size_divisible_by=16, split_ngram_parts=3), dict(layer_types=None, full_attention_interval=2)),
    # Two lanes, two blocks of a page, tokens up to four in a row, sigmoids as gates; inside a model of images.
    "qwen4_exp": ("Qwen4ExpForConditionalGeneration", dict(
        text_config=rope(1e6, partial_rotary_factor=0.5) | lanes | dict(
            num_hidden_layers=3, layer_types=[I, L, I], hc_count=2, hc_lowrank=10, indexer_n_heads=12, indexer_kv_heads=1,
            indexer_head_dim=16, indexer_budget=32, indexer_compress_ratio=16, ple_layer_ids=[2], ngram_size=4,
            heads_per_ngram=1, ple_embed_dim=18, ngram_vocab_size_base=50, make_ngram_vocab_size_divisible_by=8,
            split_ngram_parts=2, seed=7, output_gate_type="sigmoid"),
        vision_config=dict(hidden_size=8, intermediate_size=8, depth=1, num_heads=2, out_hidden_size=32, patch_size=2,
                           temporal_patch_size=1, num_position_embeddings=16)),
        dict(text_config=rope(1e6, partial_rotary_factor=0.5, mrope_interleaved=True, mrope_section=[2, 1, 1]) | lanes | dict(
            model_type="qwen4_exp_text", num_hidden_layers=3, layer_types=[G, L, G], hc_count=2, hc_lowrank=10,
            indexer_n_heads=12, indexer_kv_heads=1, indexer_head_dim=16, indexer_budget=32, indexer_compress_ratio=16,
            ple_layer_ids=[2], ngram_size=4, heads_per_ngram=1, ple_embed_dim=18, ngram_vocab_size_base=50,
            make_ngram_vocab_size_divisible_by=8, split_ngram_parts=2, seed=7, output_gate_type="sigmoid",
            hidden_act="silu", rms_norm_eps=1e-6, attention_bias=False, norm_topk_prob=True, mtp_num_hidden_layers=1))),
    "inkling2_text": ("Inkling2ForCausalLM", inkling2 | dict(
        layer_types=["hybrid_sliding", "hybrid_sliding", "hybrid", "hybrid_sliding"]), {}),
    # Inside a model of images; the first layer sees everything, and a group is a layer.
    "inkling2": ("Inkling2ForConditionalGeneration", dict(
        text_config=inkling2 | dict(
            num_hidden_layers=3, layer_types=["hybrid", "hybrid_sliding", "hybrid"], n_layers_per_attn_res_block=1,
            conv_kernel_size=3),
        vision_config=dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, patch_size=2, posemb_grid_size=2,
                           projection_hidden_dim=16, mlp_ratio=1.0, text_hidden_size=32),
        image_token_id=89), {}),
    # Two layers three times, each time with what the time before has to say; a group is a layer.
    "inkling2_loop_text": ("Inkling2LoopForCausalLM", inkling2 | dict(
        num_hidden_layers=4, layer_types=[W, H, W, W], n_layers_per_attn_res_block=1, loop_layer_index_start=1,
        loop_layer_index_end=3, loop_num_passes=3, loop_gate_rank=6, initializer_range=0.11),
        dict(loop_config=dict(core_start=1, core_end=3, num_passes=3, gate_rank=6), loop_layer_index_start=None,
             loop_layer_index_end=None, loop_num_passes=None, loop_gate_rank=None)),
    # Inside a model of images: two groups of two layers twice, and none behind them.
    "inkling2_loop": ("Inkling2LoopForConditionalGeneration", dict(
        text_config=inkling2 | dict(
            num_hidden_layers=6, layer_types=[H, W, W, H, H, W], conv_kernel_size=3, loop_layer_index_start=2,
            loop_layer_index_end=6, loop_num_passes=2, loop_gate_rank=5),
        vision_config=dict(model_type="inkling2_vision", hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                           patch_size=2, posemb_grid_size=2, projection_hidden_dim=16, mlp_ratio=1.0,
                           text_hidden_size=32),
        image_token_id=89), {}),
    # Three lanes that matrices mix; rows see four whole pools of four keys and the tokens behind them, in one layer those that
    # another has chosen; bounds on activations.
    "glm5_next": ("Glm5NextForConditionalGeneration", dict(
        text_config=pools | dict(
            qk_rope_head_dim=0, layer_types=[L, I, I, I], mlp_layer_types=["dense", "sparse", "sparse", "sparse"],
            linear_head_dim=12, linear_num_heads=2, linear_conv_kernel_dim=3, linear_lower_bound=-4.0),
        vision_config=dict(hidden_size=8, intermediate_size=8, depth=1, num_heads=2, out_hidden_size=32, patch_size=2,
                           temporal_patch_size=1, projection_intermediate_size=16)),
        dict(text_config=pools | dict(
            model_type="glm5_next_text", qk_rope_head_dim=0, layer_types=[L, G, G, G], first_k_dense_replace=1,
            linear_attn_config=dict(head_dim=12, num_heads=2, short_conv_kernel_size=3, gate_lower_bound=-4.0,
                                    safe_gate=True), rms_norm_eps=1e-5, hc_eps=1e-6, n_group=1, topk_group=1,
            norm_topk_prob=True, index_kpool_always_select_tail=True, num_nextn_predict_layers=1))),
    "step3p7": ("Step3p7ForConditionalGeneration", dict(
        text_config=dict(
            vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
            max_position_embeddings=512, hidden_size=32, intermediate_size=48, num_attention_heads=4,
            num_sliding_attention_heads=6, num_key_value_heads=2, num_hidden_layers=4, head_dim=16,
            layer_types=[G, S, S, G], mlp_layer_types=["dense", "sparse", "sparse", "sparse"], sliding_window=15,
            n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, share_expert_dim=40,
            moe_router_scaling_factor=1.5, swiglu_limits=[0.0, 0.0, 0.3, 0.3], swiglu_limits_shared=[0.0, 0.4, 0.0, 0.4],
            rope_parameters={G: dict(rope_type="default", rope_theta=1e5, partial_rotary_factor=0.5),
                             S: dict(rope_type="default", rope_theta=10000.0)}),
        vision_config=dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14,
                           mlp_ratio=2.0, max_position_embeddings=4)),
        dict(text_config=dict(
            model_type="step3p5", vocab_size=VOCABULARY, max_position_embeddings=512, hidden_size=32,
            intermediate_size=48, num_attention_heads=4, num_attention_groups=2, num_hidden_layers=4, head_dim=16,
            attention_other_setting=dict(attention_type=S, num_attention_heads=6, num_attention_groups=2, head_dim=16,
                                         true_head_dim=16),
            layer_types=[G, S, S, G, S], moe_layers_enum="1,2,3", sliding_window=15, moe_num_experts=4, moe_top_k=2,
            moe_intermediate_size=24, share_expert_dim=40, moe_router_scaling_factor=1.5, moe_router_activation="sigmoid",
            use_moe_router_bias=True, norm_expert_weight=True, use_head_wise_attn_gate=True, use_qk_norm=True,
            num_nextn_predict_layers=1, rms_norm_eps=1e-5, rope_theta=[1e5, 10000.0, 10000.0, 1e5, 10000.0],
            partial_rotary_factors=[0.5, 1.0, 1.0, 0.5, 1.0], yarn_only_types=[G],
            swiglu_limits=[0.0, 0.0, 0.3, 0.3, 0.0], swiglu_limits_shared=[0.0, 0.4, 0.0, 0.4, 0.0]))),
}

# Keys of all models that are none of these.
others = {"xlstm": ["intermediate_size", "num_attention_heads", "num_key_value_heads"],
          "minimax_m3_vl": [key for key in common if not key.endswith("token_id")],
          "inkling_mm_model": list(common), "inkling2": list(common), "inkling2_loop": list(common),
          "glm5_next": [key for key in common if not key.endswith("token_id")],
          "qwen4_exp": [key for key in common if not key.endswith("token_id")],
          "qwen4_exp_text": ["intermediate_size"]}


def perturb(model, generator):
    """Gives every tensor values that matter, and rounds everything to bfloat16."""
    def normal(p, mean, deviation):
        p.copy_(mean + deviation * torch.randn(p.shape, generator=generator))
    for name, p in model.named_parameters():
        if "A_log" in name:
            p.copy_(torch.log(1 + 7 * torch.rand(p.shape, generator=generator)))
        elif "dt_bias" in name:
            normal(p, -2.0, 1.0)
        elif name.endswith(("hc.fn", "hc_fn")) and "glm5" not in model.config.model_type:
            normal(p, 0.0, 0.1)
        elif name.endswith(("hc.base", "hc_base", "hc.scale", "hc_scale", "sinks")):
            normal(p, 0.3, 0.5)
        elif "igate_preact.bias" in name:
            normal(p, -1.0, 2.0)
        elif "fgate_preact.bias" in name:
            normal(p, 4.0, 2.0)
        elif "recurrent_param" in name:
            normal(p, -3.0, 1.5)
        elif "modality_router" in name:
            normal(p, 0.0, 4.0)
        elif name.endswith(("rel_logits_proj.proj", "relative_position_bias.proj")):
            normal(p, 0.0, 0.8)
        elif name.endswith("_input.query"):
            normal(p, 0.0, 2.0)
        elif "_message_gate." in name:
            normal(p, 0.0, 0.25)
        elif "static_weight" in name:
            normal(p, 0.0, 0.4)
        elif name.endswith("norm.scale"):
            normal(p, 1.0, 0.2)
        elif "_gate_weight" in name:
            normal(p, 0.0, 0.3)
        elif "conv1d" in name or "conv_1d" in name or ".conv." in name:
            normal(p, 0.0, 0.4)
        elif p.dim() == 1 and ("norm" in name or "scale" in name):
            # Norms that are meant as 1 + w begin as zeros.
            normal(p, 0.0 if p.abs().max() == 0 else 1.0, 0.2)
            if name.endswith("q_norm.weight") and model.config.model_type in ("gemma3n_text", "gemma4_text"):
                # Scores are not divided by the root of a head's width: norms of queries have to. Else errors grow a
                # hundredfold on their way through sharp attention.
                p.mul_(p.shape[0] ** -0.5)
        elif p.dim() == 1 or "bias" in name:
            normal(p, 0.0, 0.1)
    for name, buffer in model.named_buffers():
        if "layer_scalar" in name:
            normal(buffer, 0.8, 0.1)
            buffer.copy_(buffer.to(torch.bfloat16).to(torch.float32))
    biases = [buffer for name, buffer in model.named_buffers() if "correction_bias" in name]
    for buffer in biases:
        normal(buffer, 0.0, 0.2)
    for tensor in list(model.parameters()) + biases:
        tensor.copy_(tensor.to(torch.bfloat16).to(torch.float32))


def published(config, changes):
    """The configuration in the spelling of published files."""
    config = dict(config, transformers_version="4.57.0", torch_dtype="bfloat16") | changes
    config.pop("dtype", None)
    return {key: None if value == NULL else value for key, value in config.items()
            if value is not None or key not in changes}


def as_published(name, weights):
    """Mends what transformers does not write as it is published."""
    if name == "hy_v4":
        # It renames gates of networks as well, and puts a part of the names of lanes elsewhere.
        names = [(r"\.hc_pre\.hc_head\.", ".hc_head."), (r"\.hc_pre\.(hc_\w+_layer)\.", r".\1.hc_pre."),
                 (r"(mlp\..*)linear_gate", r"\1gate_proj")]
        result = {}
        for key, value in weights.items():
            for pattern, replacement in names:
                key = re.sub(pattern, replacement, key)
            result[key] = value
        return result
    if name != "olmo_hybrid":
        return weights
    result = {}
    for key, value in weights.items():
        if "_conv1d" in key:
            # It cuts in three what is of three widths.
            base = key.rsplit(".", 2)[0]
            whole = torch.cat([weights[f"{base}.{part}_conv1d.weight"] for part in "qkv"])
            widths = [weights[f"{base}.{part}_proj.weight"].shape[0] for part in "qkv"]
            part = "qkv".index(key.split(".")[-2][0])
            result[key] = whole.split(widths)[part].contiguous()
        elif "feedforward_layer_norm" in key and key.replace("feedforward_layer_norm", "attention_layer_norm") not in weights:
            result[key.replace("feedforward_layer_norm", "post_attention_layernorm")] = value
        else:
            result[key] = value
    return result


def make(folder, name):
    class_name, sizes, changes = shapes[name]
    model_class = getattr(transformers, class_name)
    seed = sum(map(ord, name))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    config = model_class.config_class(**{**common, **sizes})
    config._attn_implementation = "eager"
    model = model_class(config).eval().to(torch.float32)
    perturb(model, generator)
    model.save_pretrained(folder)
    if name in others:
        config = json.loads((folder / "config.json").read_text())
        config = {key: value for key, value in config.items() if key not in others[name]}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)
    weights = load_file(folder / "model.safetensors")
    weights = {key: value.to(torch.bfloat16) if value.dtype == torch.float32 else value
               for key, value in weights.items()}
    weights = as_published(name, weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    if changes:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.hub.json").write_text(json.dumps(published(config, changes), indent=2) + "\n")
    # Rows of the embedding may stand for no token.
    vocabulary = getattr(model.config.get_text_config(), "unpadded_vocab_size", None) or VOCABULARY
    result = references(model, generator, vocabulary, LENGTHS, 6)
    save_file(result, folder / "expected.safetensors")
    assert math.isfinite(result["logits.4"].std())
    print(name, "logits of standard deviation", round(result["logits.4"].std().item(), 3), "smallest margin",
          round(min(result[key].min().item() for key in result if key.startswith("greedy_margin")), 4), flush=True)


torch.set_grad_enabled(False)
torch.set_num_threads(1)
root = Path(sys.argv[1])
for name in sys.argv[2:] or shapes:
    (root / name).mkdir(parents=True, exist_ok=True)
    make(root / name, name)
