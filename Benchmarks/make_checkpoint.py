"""Writes a random-weight checkpoint at the layer widths of a real model, for measuring speed where weights do not matter.

usage: make_checkpoint.py NAME FOLDER [--layers N]

  granite-h-tiny    widths of Granite 4.0 H Tiny: Mamba-2 and attention, 64 experts top-6 and a shared one; 10 layers
  granite-h-1b      widths of Granite 4.0 H 1B: Mamba-2 and attention, one wide network and no experts; 20 layers
  granite-moe-attn  as granite-h-tiny with attention in every layer: what a hybrid is measured against; 10 layers
  qwen3             widths of a dense Qwen3 of 1.0 billion parameters: attention in every layer, no experts; 14 layers
  deepseek-v2-lite  widths of DeepSeek-V2-Lite: latent attention, 64 experts top-6 and two shared ones; 4 layers
  t1-small          the pattern of Hunyuan T1 at a size that fits a small machine ("T1-shaped": no weights are public)

Needs numpy.
"""

import argparse
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPREAD = 0.05
Config = dict[str, Any]


class Weights:
    """Random tensors as bfloat16 bits, in arrays of uint16: numpy has no bfloat16."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, NDArray[np.uint16]] = {}

    def matrix(self, name: str, *shape: int) -> None:
        # The upper half of a float is its bfloat16, rounded towards zero.
        values = self.random.standard_normal(shape, dtype=np.float32) * np.float32(SPREAD)
        self.tensors[name + ".weight"] = (values.view(np.uint32) >> 16).astype(np.uint16)

    def vector(self, name: str, values: ArrayLike) -> None:
        self.tensors[name] = (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def norm(self, name: str, width: int) -> None:
        self.vector(name + ".weight", np.ones(width))

    def mamba(self, prefix: str, width: int, heads: int, head: int, groups: int, state: int, taps: int = 4) -> None:
        inner, channels = heads * head, heads * head + 2 * groups * state
        self.matrix(prefix + "in_proj", inner + channels + heads, width)
        self.matrix(prefix + "conv1d", channels, 1, taps)
        self.vector(prefix + "conv1d.bias", np.zeros(channels))
        self.vector(prefix + "dt_bias", self.random.standard_normal(heads) - 3)
        self.vector(prefix + "A_log", np.log(1 + 15 * self.random.random(heads)))
        self.vector(prefix + "D", np.ones(heads))
        self.norm(prefix + "norm", inner)
        self.matrix(prefix + "out_proj", width, inner)

    def attention(self, prefix: str, width: int, heads: int, key_heads: int, head: int) -> None:
        for name, rows in (("q", heads), ("k", key_heads), ("v", key_heads)):
            self.matrix(f"{prefix}{name}_proj", rows * head, width)
        self.matrix(prefix + "o_proj", width, heads * head)

    def gated(self, prefix: str, width: int, hidden: int) -> None:
        self.matrix(prefix + "gate_proj", hidden, width)
        self.matrix(prefix + "up_proj", hidden, width)
        self.matrix(prefix + "down_proj", width, hidden)


def granite(kinds: list[str], experts: int, hidden: int, shared: int) -> tuple[Config, Weights]:
    """Granite 4: after each `mamba` or `attention`, experts of width `hidden`, if any, and a `shared` network."""
    width, vocabulary = 1536, 100352
    config: Config = dict(
        architectures=["GraniteMoeHybridForCausalLM"], model_type="granitemoehybrid", vocab_size=vocabulary,
        hidden_size=width, intermediate_size=hidden, num_hidden_layers=len(kinds), num_attention_heads=12,
        num_key_value_heads=4, num_local_experts=experts, num_experts_per_tok=6 if experts else 0,
        shared_intermediate_size=shared, layer_types=kinds, mamba_n_heads=48, mamba_n_groups=1, mamba_d_state=128,
        mamba_d_head=64, mamba_expand=2, mamba_d_conv=4, mamba_chunk_size=256, embedding_multiplier=12,
        logits_scaling=6, residual_multiplier=0.22, attention_multiplier=0.0078125, position_embedding_type="nope",
        rope_theta=10000, tie_word_embeddings=True, max_position_embeddings=131072, rms_norm_eps=1e-5)
    weights = Weights()
    weights.matrix("model.embed_tokens", vocabulary, width)
    weights.norm("model.norm", width)
    for index, kind in enumerate(kinds):
        layer = f"model.layers.{index}."
        weights.norm(layer + "input_layernorm", width)
        weights.norm(layer + "post_attention_layernorm", width)
        if kind == "mamba":
            weights.mamba(layer + "mamba.", width, 48, 64, 1, 128)
        else:
            weights.attention(layer + "self_attn.", width, 12, 4, 128)
        if experts:
            weights.matrix(layer + "block_sparse_moe.router.layer", experts, width)
            weights.matrix(layer + "block_sparse_moe.input_linear", experts, 2 * hidden, width)
            weights.matrix(layer + "block_sparse_moe.output_linear", experts, width, hidden)
        weights.matrix(layer + "shared_mlp.input_linear", 2 * shared, width)
        weights.matrix(layer + "shared_mlp.output_linear", width, shared)
    return config, weights


def qwen3(layers: int) -> tuple[Config, Weights]:
    """A dense Qwen3, with norms of queries and keys."""
    width, vocabulary, hidden = 2048, 151936, 6144
    config: Config = dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=vocabulary, hidden_size=width,
        intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=16, num_key_value_heads=8, head_dim=128,
        hidden_act="silu", rope_theta=1000000, rms_norm_eps=1e-6, attention_bias=False, tie_word_embeddings=True,
        max_position_embeddings=40960, use_sliding_window=False, torch_dtype="bfloat16")
    weights = Weights()
    weights.matrix("model.embed_tokens", vocabulary, width)
    weights.norm("model.norm", width)
    for index in range(layers):
        layer = f"model.layers.{index}."
        weights.norm(layer + "input_layernorm", width)
        weights.norm(layer + "post_attention_layernorm", width)
        weights.attention(layer + "self_attn.", width, 16, 8, 128)
        weights.norm(layer + "self_attn.q_norm", 128)
        weights.norm(layer + "self_attn.k_norm", 128)
        weights.gated(layer + "mlp.", width, hidden)
    return config, weights


def deepseek(layers: int) -> tuple[Config, Weights]:
    """DeepSeek-V2-Lite: a dense layer first, then experts."""
    width, vocabulary, dense, hidden, experts, shared = 2048, 102400, 10944, 1408, 64, 2
    heads, latent, key, rotated, value = 16, 512, 128, 64, 128
    config: Config = dict(
        architectures=["DeepseekV2ForCausalLM"], model_type="deepseek_v2", vocab_size=vocabulary, hidden_size=width,
        intermediate_size=dense, moe_intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=heads, n_shared_experts=shared, n_routed_experts=experts, num_experts_per_tok=6,
        routed_scaling_factor=1.0, kv_lora_rank=latent, q_lora_rank=None, qk_rope_head_dim=rotated, v_head_dim=value,
        qk_nope_head_dim=key, topk_method="greedy", n_group=1, topk_group=1, moe_layer_freq=1, first_k_dense_replace=1,
        norm_topk_prob=False, scoring_func="softmax", hidden_act="silu", rope_theta=10000, rms_norm_eps=1e-6,
        attention_bias=False, tie_word_embeddings=False, max_position_embeddings=163840)
    weights = Weights()
    weights.matrix("model.embed_tokens", vocabulary, width)
    weights.matrix("lm_head", vocabulary, width)
    weights.norm("model.norm", width)
    for index in range(layers):
        layer = f"model.layers.{index}."
        weights.norm(layer + "input_layernorm", width)
        weights.norm(layer + "post_attention_layernorm", width)
        weights.matrix(layer + "self_attn.q_proj", heads * (key + rotated), width)
        weights.matrix(layer + "self_attn.kv_a_proj_with_mqa", latent + rotated, width)
        weights.norm(layer + "self_attn.kv_a_layernorm", latent)
        weights.matrix(layer + "self_attn.kv_b_proj", heads * (key + value), latent)
        weights.matrix(layer + "self_attn.o_proj", width, heads * value)
        if index == 0:
            weights.gated(layer + "mlp.", width, dense)
            continue
        weights.matrix(layer + "mlp.gate", experts, width)
        weights.gated(layer + "mlp.shared_experts.", width, shared * hidden)
        for expert in range(experts):
            weights.gated(f"{layer}mlp.experts.{expert}.", width, hidden)
    return config, weights


def t1(pattern: str) -> tuple[Config, Weights]:
    """Hunyuan T1: one layer a letter, M Mamba-2, A attention, F experts."""
    width, vocabulary = 1024, 32768
    config: Config = dict(
        model_type="hunyuan_t1", vocab_size=vocabulary, rms_norm_eps=1e-5, rope_theta=10000.0, use_conv_bias=True,
        conv_kernel=4, hidden_act="silu", num_shared_experts=1, use_qk_norm=True, max_position_embeddings=262144,
        hidden_size=width, layer_pattern=pattern, num_attention_heads=16, num_key_value_heads=2, head_dim=64,
        rope_scaling=dict(type="dynamic", alpha=1000.0), mamba_num_heads=32, mamba_head_dim=64, n_groups=16,
        ssm_state_size=128, chunk_size=128, num_experts=32, moe_topk=2, moe_intermediate_size=1024,
        tie_word_embeddings=True)
    weights = Weights()
    weights.matrix("model.embed_tokens", vocabulary, width)
    weights.norm("model.norm", width)
    for index, letter in enumerate(pattern):
        layer = f"model.layers.{index}."
        weights.norm(layer + "norm", width)
        if letter == "M":
            weights.mamba(layer + "mamba.", width, 32, 64, 16, 128)
        elif letter == "A":
            weights.attention(layer + "self_attn.", width, 16, 2, 64)
            weights.norm(layer + "self_attn.query_layernorm", 64)
            weights.norm(layer + "self_attn.key_layernorm", 64)
        else:
            weights.matrix(layer + "mlp.gate.wg", 32, width)
            for expert in ["shared_mlp"] + [f"experts.{number}" for number in range(32)]:
                weights.gated(f"{layer}mlp.{expert}.", width, 1024)
    return config, weights


def hybrid(layers: int) -> list[str]:
    """Attention in every tenth layer, from the sixth on."""
    return ["attention" if index % 10 == 5 else "mamba" for index in range(layers)]


# Layers by default, and what makes a model of so many.
MODELS: dict[str, tuple[int, Callable[[int], tuple[Config, Weights]]]] = {
    "granite-h-tiny": (10, lambda layers: granite(hybrid(layers), experts=64, hidden=512, shared=1024)),
    "granite-h-1b": (20, lambda layers: granite(hybrid(layers), experts=0, hidden=4096, shared=4096)),
    "granite-moe-attn": (10, lambda layers: granite(["attention"] * layers, experts=64, hidden=512, shared=1024)),
    "qwen3": (14, qwen3),
    "deepseek-v2-lite": (4, deepseek),
    "t1-small": (10, lambda layers: t1(("MFMFAMFMF" * layers)[:layers])),
}


def save_bf16(tensors: dict[str, NDArray[np.uint16]], path: pathlib.Path) -> None:
    """Writes a safetensors file of bfloat16 bits, which numpy's own writer has no type for."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        header[name] = dict(dtype="BF16", shape=tensor.shape, data_offsets=[offset, offset + tensor.nbytes])
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text = text.ljust((len(text) + 7) // 8 * 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            tensor.tofile(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, help="layers (granite) or sub-layers (T1), if not the model's own number")
    arguments = parser.parse_args()
    layers, make = MODELS[arguments.name]
    layers = layers if arguments.layers is None else arguments.layers
    if layers < 1:
        parser.error(f"--layers must be at least 1, not {layers}")
    config, weights = make(layers)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_bf16(weights.tensors, arguments.folder / "model.safetensors")
    print(f"{sum(tensor.size for tensor in weights.tensors.values()) / 1e9:.2f} billion parameters")


if __name__ == "__main__":
    main()
