"""Writes a random-weight checkpoint at the layer widths of a real model, for measuring speed where weights do not matter.

usage: make_checkpoint.py NAME FOLDER [--layers N]

  granite-h-tiny    widths of Granite 4.0 H Tiny: Mamba-2 and attention, 64 experts top-6 and a shared one
  granite-moe-attn  the same with attention in every layer
  t1-small          the pattern of Hunyuan T1 at a size that fits a small machine ("T1-shaped": no weights are public)

Needs numpy.
"""

import argparse
import json
import pathlib

import numpy as np

SPREAD = 0.05


class Weights:
    """Random tensors as bfloat16 bits, in arrays of uint16: numpy has no bfloat16."""

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)
        self.tensors = {}

    def matrix(self, name, *shape):
        # The upper half of a float is its bfloat16, rounded towards zero.
        values = self.random.standard_normal(shape, dtype=np.float32) * np.float32(SPREAD)
        self.tensors[name + ".weight"] = (values.view(np.uint32) >> 16).astype(np.uint16)

    def vector(self, name, values):
        self.tensors[name] = (np.asarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def norm(self, name, width):
        self.vector(name + ".weight", np.ones(width))

    def mamba(self, prefix, width, heads, head, groups, state, taps=4):
        inner, channels = heads * head, heads * head + 2 * groups * state
        self.matrix(prefix + "in_proj", inner + channels + heads, width)
        self.matrix(prefix + "conv1d", channels, 1, taps)
        self.vector(prefix + "conv1d.bias", np.zeros(channels))
        self.vector(prefix + "dt_bias", self.random.standard_normal(heads) - 3)
        self.vector(prefix + "A_log", np.log(1 + 15 * self.random.random(heads)))
        self.vector(prefix + "D", np.ones(heads))
        self.norm(prefix + "norm", inner)
        self.matrix(prefix + "out_proj", width, inner)

    def attention(self, prefix, width, heads, key_heads, head):
        for name, rows in (("q", heads), ("k", key_heads), ("v", key_heads)):
            self.matrix(f"{prefix}{name}_proj", rows * head, width)
        self.matrix(prefix + "o_proj", width, heads * head)


def granite(kinds):
    config = dict(
        model_type="granitemoehybrid", vocab_size=100352, hidden_size=1536, intermediate_size=512,
        num_hidden_layers=len(kinds), num_attention_heads=12, num_key_value_heads=4, num_local_experts=64,
        num_experts_per_tok=6, shared_intermediate_size=1024, layer_types=kinds, mamba_n_heads=48, mamba_n_groups=1,
        mamba_d_state=128, mamba_d_head=64, mamba_expand=2, mamba_d_conv=4, embedding_multiplier=12,
        logits_scaling=6, residual_multiplier=0.22, attention_multiplier=0.0078125, position_embedding_type="nope",
        tie_word_embeddings=True, max_position_embeddings=131072, rms_norm_eps=1e-5)
    weights, width = Weights(), config["hidden_size"]
    weights.matrix("model.embed_tokens", config["vocab_size"], width)
    weights.norm("model.norm", width)
    for index, kind in enumerate(kinds):
        layer = f"model.layers.{index}."
        weights.norm(layer + "input_layernorm", width)
        weights.norm(layer + "post_attention_layernorm", width)
        if kind == "mamba":
            weights.mamba(layer + "mamba.", width, 48, 64, 1, 128)
        else:
            weights.attention(layer + "self_attn.", width, 12, 4, 128)
        weights.matrix(layer + "block_sparse_moe.router.layer", 64, width)
        weights.matrix(layer + "block_sparse_moe.input_linear", 64, 1024, width)
        weights.matrix(layer + "block_sparse_moe.output_linear", 64, width, 512)
        weights.matrix(layer + "shared_mlp.input_linear", 2048, width)
        weights.matrix(layer + "shared_mlp.output_linear", width, 1024)
    return config, weights


def t1(pattern):
    config = dict(
        model_type="hunyuan_t1", vocab_size=32768, rms_norm_eps=1e-5, rope_theta=10000.0, use_conv_bias=True,
        conv_kernel=4, hidden_act="silu", num_shared_experts=1, use_qk_norm=True, max_position_embeddings=262144,
        hidden_size=1024, layer_pattern=pattern, num_attention_heads=16, num_key_value_heads=2, head_dim=64,
        rope_scaling=dict(type="dynamic", alpha=1000.0), mamba_num_heads=32, mamba_head_dim=64, n_groups=16,
        ssm_state_size=128, chunk_size=128, num_experts=32, moe_topk=2, moe_intermediate_size=1024,
        tie_word_embeddings=True)
    weights, width = Weights(), config["hidden_size"]
    weights.matrix("model.embed_tokens", config["vocab_size"], width)
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
                weights.matrix(f"{layer}mlp.{expert}.gate_proj", 1024, width)
                weights.matrix(f"{layer}mlp.{expert}.up_proj", 1024, width)
                weights.matrix(f"{layer}mlp.{expert}.down_proj", width, 1024)
    return config, weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["granite-h-tiny", "granite-moe-attn", "t1-small"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=10, help="layers (granite) or about as many sub-layers (T1)")
    arguments = parser.parse_args()
    if arguments.name == "t1-small":
        config, weights = t1(("MFMFAMFMF" * arguments.layers)[: arguments.layers])
    else:
        hybrid = arguments.name == "granite-h-tiny"
        # Attention in every tenth layer, from the sixth on.
        config, weights = granite(
            ["attention" if not hybrid or index % 10 == 5 else "mamba" for index in range(arguments.layers)])
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_bf16(weights.tensors, arguments.folder / "model.safetensors")
    print(f"{sum(tensor.size for tensor in weights.tensors.values()) / 1e9:.2f} billion parameters")


def save_bf16(tensors, path):
    """Writes a safetensors file of bfloat16 bits, which numpy's own writer has no type for."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = dict(dtype="BF16", shape=tensor.shape, data_offsets=[offset, offset + tensor.nbytes])
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text = text.ljust((len(text) + 7) // 8 * 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            tensor.tofile(file)


if __name__ == "__main__":
    main()
