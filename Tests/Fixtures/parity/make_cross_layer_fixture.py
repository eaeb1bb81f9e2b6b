"""A random-weight checkpoint in the shape of Hunyuan-Large, with reference logits.

usage: make_cross_layer_fixture.py FOLDER      (pip install "torch==2.13.0" safetensors)

transformers does not have this model. What it computes is written down here in plain torch, after the modelling code that
Tencent published beside its weights: of every `cla_share_factor` layers only the first has maps to keys and values; the
others take its keys and values as they were projected, then rotate and normalise the keys with a norm of their own. A
token's one expert counts by its raw probability. Each layer is computed for the whole sequence at once, without a cache.
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch.nn.functional import embedding, linear, silu, softmax

from references import references

config = dict(
    architectures=["HunYuanForCausalLM"], attention_bias=False, attention_dropout=0.0, bos_token_id=1, cla_share_factor=2,
    eod_token_id=2, eos_token_id=2, hidden_act="silu", hidden_size=48, initializer_range=0.02, intermediate_size=56,
    max_position_embeddings=512, mlp_bias=False, model_type="hunyuan", moe_drop_tokens=False,
    moe_random_routing_dropped_token=False, moe_topk=1, num_attention_heads=6, num_experts=4, num_hidden_layers=5,
    num_key_value_heads=2, num_shared_expert=1, pad_token_id=0, pretraining_tp=1, rms_norm_eps=1e-5,
    rope_scaling={"alpha": 1000.0, "factor": 1.0, "type": "dynamic"}, rope_theta=10000.0, tie_word_embeddings=True,
    torch_dtype="bfloat16", transformers_version="4.41.2", use_cache=True, use_cla=True, use_mixed_mlp_moe=True,
    use_qk_norm=True, vocab_size=256)
WIDTH, HEADS, KEY_HEADS = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
HEAD = WIDTH // HEADS


def make_weights(generator):
    weights = {}

    def matrix(name, rows, columns):
        weights[name] = 0.12 * torch.randn(rows, columns, generator=generator)

    def norm(name, size):
        weights[name] = 1 + 0.2 * torch.randn(size, generator=generator)

    def mlp(name):
        for part, rows, columns in [("gate", config["intermediate_size"], WIDTH), ("up", config["intermediate_size"], WIDTH),
                                    ("down", WIDTH, config["intermediate_size"])]:
            matrix(f"{name}.{part}_proj.weight", rows, columns)

    matrix("model.embed_tokens.weight", config["vocab_size"], WIDTH)
    norm("model.norm.weight", WIDTH)
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        norm(f"{layer}.input_layernorm.weight", WIDTH)
        norm(f"{layer}.post_attention_layernorm.weight", WIDTH)
        norm(f"{layer}.self_attn.query_layernorm.weight", HEAD)
        norm(f"{layer}.self_attn.key_layernorm.weight", HEAD)
        matrix(f"{layer}.self_attn.q_proj.weight", WIDTH, WIDTH)
        matrix(f"{layer}.self_attn.o_proj.weight", WIDTH, WIDTH)
        if index % config["cla_share_factor"] == 0:
            matrix(f"{layer}.self_attn.k_proj.weight", KEY_HEADS * HEAD, WIDTH)
            matrix(f"{layer}.self_attn.v_proj.weight", KEY_HEADS * HEAD, WIDTH)
        matrix(f"{layer}.mlp.gate.wg.weight", config["num_experts"], WIDTH)
        mlp(f"{layer}.mlp.shared_mlp")
        for expert in range(config["num_experts"]):
            mlp(f"{layer}.mlp.experts.{expert}")
    return {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"]) * weight


def rotate(x):
    """x: [heads, tokens, head]"""
    base = config["rope_theta"] * config["rope_scaling"]["alpha"] ** (HEAD / (HEAD - 2))
    frequencies = base ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angles = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * frequencies
    cosine, sine = angles.cos().float(), angles.sin().float()
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def attend(weights, name, x, shared):
    """Attention of one layer; returns its output and the projected keys and values, its own or those it was given."""
    def heads(y, count):
        return y.view(len(x), count, HEAD).transpose(0, 1)

    query = linear(x, weights[f"{name}.q_proj.weight"])
    key, value = shared or (linear(x, weights[f"{name}.k_proj.weight"]), linear(x, weights[f"{name}.v_proj.weight"]))
    q = rms_norm(rotate(heads(query, HEADS)), weights[f"{name}.query_layernorm.weight"])
    k = rms_norm(rotate(heads(key, KEY_HEADS)), weights[f"{name}.key_layernorm.weight"])
    k = k.repeat_interleave(HEADS // KEY_HEADS, 0)
    v = heads(value, KEY_HEADS).repeat_interleave(HEADS // KEY_HEADS, 0)
    scores = q @ k.transpose(1, 2) / HEAD ** 0.5
    hidden = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    mixed = softmax(scores.masked_fill(hidden, float("-inf")), -1) @ v
    return linear(mixed.transpose(0, 1).reshape(len(x), WIDTH), weights[f"{name}.o_proj.weight"]), (key, value)


def mlp(weights, name, x):
    inner = silu(linear(x, weights[f"{name}.gate_proj.weight"])) * linear(x, weights[f"{name}.up_proj.weight"])
    return linear(inner, weights[f"{name}.down_proj.weight"])


def mix_experts(weights, name, x):
    probabilities = softmax(linear(x, weights[f"{name}.gate.wg.weight"]), -1)
    best, choice = (each[:, 0] for each in probabilities.topk(1))
    out = mlp(weights, f"{name}.shared_mlp", x)
    for expert in range(config["num_experts"]):
        rows = choice == expert
        out[rows] += best[rows, None] * mlp(weights, f"{name}.experts.{expert}", x[rows])
    return out


def forward(weights, tokens):
    h = embedding(tokens, weights["model.embed_tokens.weight"])
    shared = None
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        if index % config["cla_share_factor"] == 0:
            shared = None
        x = rms_norm(h, weights[f"{layer}.input_layernorm.weight"])
        mixed, shared = attend(weights, f"{layer}.self_attn", x, shared)
        h = h + mixed
        h = h + mix_experts(weights, f"{layer}.mlp", rms_norm(h, weights[f"{layer}.post_attention_layernorm.weight"]))
    return linear(rms_norm(h, weights["model.norm.weight"]), weights["model.embed_tokens.weight"])


class Model(torch.nn.Module):
    """As `references` calls models of transformers."""

    def __init__(self, weights):
        super().__init__()
        self.names = {name: name.replace(".", "/") for name in weights}
        for name, tensor in weights.items():
            self.register_buffer(self.names[name], tensor.float())

    def forward(self, input_ids, use_cache):
        weights = {name: getattr(self, key) for name, key in self.names.items()}
        return SimpleNamespace(logits=forward(weights, input_ids[0])[None])


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(5)
weights = make_weights(generator)
save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
(folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
result = references(Model(weights), generator, config["vocab_size"], [1, 7, 33, 70, 130], 12)
save_file(result, folder / "expected.safetensors")
print("logits of standard deviation", result["logits.4"].std().item())
