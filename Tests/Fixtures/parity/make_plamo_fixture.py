"""A random-weight checkpoint in the shape of PLaMo 2, with reference logits.

usage: make_plamo_fixture.py FOLDER      (pip install "torch==2.13.0" safetensors)

transformers does not have this model. What it computes is written down here in plain torch, after the modelling code that
Preferred Networks published beside its weights, and what vLLM, MLX and llama.cpp make of it: heads of Mamba-2 whose B, C and
time steps are made of the convolved channels and normalised; queries and keys with weights of each head's norm; windows in
attention but for some layers; norms on both sides of every mixer, whose weights are differences from 1, 1/5 and 1/√125. Each
layer is computed for the whole sequence at once, without a cache.
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch.nn.functional import conv1d, embedding, linear, silu, softmax, softplus

from references import references

VOCABULARY, LENGTHS = 96, [1, 7, 21, 40, 80]
# A window is narrower than prompts are long, and one layer has none.
config = dict(
    architectures=["Plamo2ForCausalLM"], attention_window_size=15, bos_token_id=1, eos_token_id=2, full_attention_idx=[3],
    hidden_size=32, hidden_size_per_head=16, intermediate_size=48, linear_type="normal", mamba_chunk_size=256,
    mamba_d_conv=4, mamba_d_state=8, mamba_enabled=True, mamba_num_heads=6, mamba_step=2, max_position_embeddings=512,
    model_type="plamo2", num_attention_heads=4, num_hidden_layers=4, num_key_value_heads=2, pad_token_id=0,
    rms_norm_eps=1e-6, tie_word_embeddings=True, torch_dtype="bfloat16", transformers_version="4.48.0", use_cache=True,
    vocab_size=VOCABULARY)
WIDTH, HEAD = config["hidden_size"], config["hidden_size_per_head"]
HEADS, KEY_HEADS, MAMBA_HEADS = config["num_attention_heads"], config["num_key_value_heads"], config["mamba_num_heads"]
STATE, INNER, RANK = config["mamba_d_state"], MAMBA_HEADS * HEAD, max(64, WIDTH // 16)
OFFSETS = {"pre_mixer_norm": 1.0, "post_mixer_norm": 1 / 5, "pre_mlp_norm": 1.0, "post_mlp_norm": 5**-1.5}


def is_mamba(layer):
    return layer % config["mamba_step"] != config["mamba_step"] // 2


def make_weights(generator):
    weights = {}

    def normal(name, *shape, mean=0.0, deviation=0.2):
        weights[name] = mean + deviation * torch.randn(shape, generator=generator)

    normal("model.embed_tokens.weight", VOCABULARY, WIDTH, deviation=0.4)
    normal("model.norm.weight", WIDTH)
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.layers.{index}"
        for name in OFFSETS:
            normal(f"{layer}.{name}.weight", WIDTH, deviation=0.1)
        normal(f"{layer}.mlp.gate_up_proj.weight", 2 * config["intermediate_size"], WIDTH)
        normal(f"{layer}.mlp.down_proj.weight", WIDTH, config["intermediate_size"])
        mixer = f"{layer}.mixer"
        if is_mamba(index):
            normal(f"{mixer}.in_proj.weight", 2 * INNER, WIDTH)
            normal(f"{mixer}.conv1d.weight", INNER, 1, config["mamba_d_conv"], deviation=0.4)
            normal(f"{mixer}.bcdt_proj.weight", 2 * STATE + RANK, INNER)
            normal(f"{mixer}.dt_proj.weight", MAMBA_HEADS, RANK, deviation=0.1)
            normal(f"{mixer}.dt_bias", MAMBA_HEADS, mean=-2.0, deviation=1.0)
            weights[f"{mixer}.A_log"] = torch.log(1 + 7 * torch.rand(MAMBA_HEADS, generator=generator))
            normal(f"{mixer}.D", MAMBA_HEADS, mean=1.0)
            for name, size in [("dt", RANK), ("B", STATE), ("C", STATE)]:
                normal(f"{mixer}.{name}_norm_weight", size, mean=1.0)
            normal(f"{mixer}.out_proj.weight", WIDTH, INNER)
        else:
            normal(f"{mixer}.qkv_proj.weight", (HEADS + 2 * KEY_HEADS) * HEAD, WIDTH)
            normal(f"{mixer}.q_weight", HEADS, HEAD, mean=1.0)
            normal(f"{mixer}.k_weight", KEY_HEADS, HEAD, mean=1.0)
            normal(f"{mixer}.o_proj.weight", WIDTH, HEADS * HEAD)
    return {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"]) * weight


def rotate(x):
    """x: [heads, tokens, head]"""
    frequencies = 10000.0 ** (-torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angles = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * frequencies
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def attend(weights, name, x, window):
    q, k, v = linear(x, weights[f"{name}.qkv_proj.weight"]).split([HEADS * HEAD, KEY_HEADS * HEAD, KEY_HEADS * HEAD], -1)
    q, k, v = (y.view(len(x), -1, HEAD).transpose(0, 1) for y in (q, k, v))
    q = rotate(rms_norm(q, weights[f"{name}.q_weight"][:, None]))
    k = rotate(rms_norm(k, weights[f"{name}.k_weight"][:, None])).repeat_interleave(HEADS // KEY_HEADS, 0)
    distance = torch.arange(len(x))[:, None] - torch.arange(len(x))
    hidden = (distance < 0) | (distance > (window or len(x)))
    scores = (q @ k.transpose(1, 2) / HEAD**0.5).masked_fill(hidden, float("-inf"))
    mixed = softmax(scores, -1) @ v.repeat_interleave(HEADS // KEY_HEADS, 0)
    return linear(mixed.transpose(0, 1).reshape(len(x), HEADS * HEAD), weights[f"{name}.o_proj.weight"])


def scan(weights, name, x):
    tokens, taps = len(x), config["mamba_d_conv"]
    z, x = linear(x, weights[f"{name}.in_proj.weight"]).view(tokens, MAMBA_HEADS, 2 * HEAD).split(HEAD, -1)
    padded = torch.cat([x.new_zeros(taps - 1, INNER), x.reshape(tokens, INNER)])
    x = silu(conv1d(padded.T[None], weights[f"{name}.conv1d.weight"], groups=INNER)[0].T)
    b, c, dt = linear(x, weights[f"{name}.bcdt_proj.weight"]).split([STATE, STATE, RANK], -1)
    b, c, dt = (rms_norm(y, weights[f"{name}.{key}_norm_weight"]) for y, key in ((b, "B"), (c, "C"), (dt, "dt")))
    dt = softplus(linear(dt, weights[f"{name}.dt_proj.weight"]) + weights[f"{name}.dt_bias"])
    decay = torch.exp(-dt * torch.exp(weights[f"{name}.A_log"]))
    x = x.view(tokens, MAMBA_HEADS, HEAD)
    state, outputs = x.new_zeros(MAMBA_HEADS, HEAD, STATE), []
    for t in range(tokens):
        state = decay[t][:, None, None] * state + (dt[t][:, None] * x[t])[..., None] * b[t]
        outputs.append(state @ c[t] + weights[f"{name}.D"][:, None] * x[t])
    return linear((torch.stack(outputs) * silu(z)).reshape(tokens, INNER), weights[f"{name}.out_proj.weight"])


def forward(weights, tokens, window):
    h = embedding(tokens, weights["model.embed_tokens.weight"])
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.layers.{index}"

        def norm(name, x):
            return rms_norm(x, OFFSETS[name] + weights[f"{layer}.{name}.weight"])

        x = norm("pre_mixer_norm", h)
        if is_mamba(index):
            mixed = scan(weights, f"{layer}.mixer", x)
        else:
            mixed = attend(weights, f"{layer}.mixer", x, None if index in config["full_attention_idx"] else window)
        h = h + norm("post_mixer_norm", mixed)
        gate, up = linear(norm("pre_mlp_norm", h), weights[f"{layer}.mlp.gate_up_proj.weight"]).chunk(2, -1)
        h = h + norm("post_mlp_norm", linear(silu(gate) * up, weights[f"{layer}.mlp.down_proj.weight"]))
    return linear(rms_norm(h, 1 + weights["model.norm.weight"]), weights["model.embed_tokens.weight"])


class Model(torch.nn.Module):
    """As `references` calls models of transformers."""

    def __init__(self, weights, window=config["attention_window_size"]):
        super().__init__()
        self.window = window
        self.names = {name: name.replace(".", "/") for name in weights}
        for name, tensor in weights.items():
            self.register_buffer(self.names[name], tensor.float())

    def forward(self, input_ids, use_cache=False):
        weights = {name: getattr(self, key) for name, key in self.names.items()}
        return SimpleNamespace(logits=forward(weights, input_ids[0], self.window)[None])


def main(folder):
    generator = torch.Generator().manual_seed(2)
    weights = make_weights(generator)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    result = references(Model(weights), generator, VOCABULARY, LENGTHS, 6)
    save_file(result, folder / "expected.safetensors")
    print("logits of standard deviation", round(result["logits.4"].std().item(), 3))


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
