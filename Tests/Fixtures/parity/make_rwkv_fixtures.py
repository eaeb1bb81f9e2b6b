"""Random-weight checkpoints of RWKV 6, RWKV 7 and ARWKV 7, with reference logits from the package `rwkv`.

usage: make_rwkv_fixtures.py FOLDER [NAME…]      (pip install "torch==2.13.0" rwkv==0.8.32 safetensors)

Weights have the names of RWKV's own files, are rounded to bfloat16, and are computed with by the package as it is; the
checkpoint has them under the names that RWKV's repositories for transformers (6) and flash-linear-attention (7) have.
Of ARWKV 7 the package computes the time mix, and what is around it is written down here; without a gate and norms of
heads, which the package always has, the time mix is as well, after the papers and llama.cpp.
"""
import copy
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from references import references

# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)

import torch
from safetensors.torch import save_file
from torch.nn.functional import layer_norm, linear, normalize, silu

# As it is written, so that it computes in 64-bit floats as well.
torch.jit.script = lambda function: function
torch.jit.script_method = lambda function: function
torch.jit.ScriptModule = torch.nn.Module
os.environ |= {"RWKV_V7_ON": "1", "RWKV_JIT_ON": "1", "RWKV_CUDA_ON": "0"}
import rwkv.model as package

# The package has one of its classes at a time.
os.environ["RWKV_V7_ON"] = "0"
specification = importlib.util.spec_from_file_location("rwkv_model_6", package.__file__)
package6 = importlib.util.module_from_spec(specification)
specification.loader.exec_module(package6)
# It refuses 64-bit floats.
package6.matmul = lambda a, b, *others, output_dtype=None: a @ b

VOCABULARY, WIDTH, HEAD, LAYERS, HIDDEN = 96, 32, 16, 3, 64
LENGTHS = [1, 7, 21, 40, 80]
HEADS = WIDTH // HEAD
# The bottlenecks of ARWKV 7 have the widths that llama.cpp's converter takes for granted, and there are fewer of them.
HYBRID_LAYERS, HYBRID_RANKS = 2, dict(w=64, a=64, v=32, g=128)


class Weights(dict):
    """Random numbers of bfloat16, by their names in RWKV's own files."""

    def __init__(self, seed):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, name, *shape, mean=0.0, deviation=0.15):
        values = mean + deviation * torch.randn(shape, generator=self.generator)
        self[name] = values.to(torch.bfloat16).to(torch.float32)

    def norm(self, name, width=WIDTH):
        self.normal(f"{name}.weight", width, mean=1.0, deviation=0.2)
        self.normal(f"{name}.bias", width, deviation=0.1)

    def frame(self):
        self.normal("emb.weight", VOCABULARY, WIDTH, deviation=1.0)
        self.norm("blocks.0.ln0")
        self.norm("ln_out")
        self.normal("head.weight", VOCABULARY, WIDTH, deviation=0.3)


def rwkv6(seed, mix_rank=8, decay_rank=12):
    w = Weights(seed)
    w.frame()
    for layer in range(LAYERS):
        block, att, ffn = f"blocks.{layer}", f"blocks.{layer}.att", f"blocks.{layer}.ffn"
        w.norm(f"{block}.ln1")
        w.norm(f"{block}.ln2")
        for part in "xwkvrg":
            w.normal(f"{att}.time_maa_{part}", 1, 1, WIDTH, mean=0.5, deviation=0.3)
        w.normal(f"{att}.time_maa_w1", WIDTH, 5 * mix_rank)
        w.normal(f"{att}.time_maa_w2", 5, mix_rank, WIDTH)
        w.normal(f"{att}.time_decay", 1, 1, WIDTH, mean=-2.0, deviation=1.5)
        w.normal(f"{att}.time_decay_w1", WIDTH, decay_rank)
        w.normal(f"{att}.time_decay_w2", decay_rank, WIDTH, deviation=0.3)
        w.normal(f"{att}.time_faaaa", HEADS, HEAD, mean=0.3, deviation=0.5)
        for part in ["receptance", "key", "value", "gate", "output"]:
            w.normal(f"{att}.{part}.weight", WIDTH, WIDTH)
        w.norm(f"{att}.ln_x")
        for part in "kr":
            w.normal(f"{ffn}.time_maa_{part}", 1, 1, WIDTH, mean=0.5, deviation=0.3)
        w.normal(f"{ffn}.key.weight", HIDDEN, WIDTH)
        w.normal(f"{ffn}.value.weight", WIDTH, HIDDEN)
        w.normal(f"{ffn}.receptance.weight", WIDTH, WIDTH)
    return w


RANKS = dict(w=8, a=10, v=6, g=12)


def time_mix7(w, att, ranks=RANKS):
    for part in "rwkvag":
        w.normal(f"{att}.x_{part}", 1, 1, WIDTH, mean=0.5, deviation=0.3)
    means = dict(w=-1.0, a=0.0, v=0.5)
    for part, rank in ranks.items():
        w.normal(f"{att}.{part}1", WIDTH, rank)
        w.normal(f"{att}.{part}2", rank, WIDTH, deviation=0.3)
        if part != "g":
            w.normal(f"{att}.{part}0", 1, 1, WIDTH, mean=means[part], deviation=1.0)
    w.normal(f"{att}.k_k", 1, 1, WIDTH, mean=0.7, deviation=0.2)
    w.normal(f"{att}.k_a", 1, 1, WIDTH, mean=1.0, deviation=0.2)
    w.normal(f"{att}.r_k", HEADS, HEAD, deviation=0.3)
    for part in ["receptance", "key", "value", "output"]:
        w.normal(f"{att}.{part}.weight", WIDTH, WIDTH)
    w.norm(f"{att}.ln_x")


def rwkv7(seed):
    w = Weights(seed)
    w.frame()
    for layer in range(LAYERS):
        block, ffn = f"blocks.{layer}", f"blocks.{layer}.ffn"
        w.norm(f"{block}.ln1")
        w.norm(f"{block}.ln2")
        time_mix7(w, f"{block}.att")
        w.normal(f"{ffn}.x_k", 1, 1, WIDTH, mean=0.5, deviation=0.3)
        w.normal(f"{ffn}.key.weight", HIDDEN, WIDTH)
        w.normal(f"{ffn}.value.weight", WIDTH, HIDDEN)
    return w


class Packaged:
    """A model of the package, called as those of transformers are."""

    def __init__(self, kind, weights):
        with tempfile.TemporaryDirectory() as folder:
            torch.save({name: value.clone() for name, value in weights.items()}, f"{folder}/model.pth")
            self.model = kind(f"{folder}/model", "cpu fp32")
        self.numbers = "z" if hasattr(self.model, "z") else "w"
        self.dtype = torch.float32

    def __deepcopy__(self, memo):
        other = copy.copy(self)
        other.model = copy.copy(self.model)
        return other

    def double(self):
        values = {name: value.double() for name, value in getattr(self.model, self.numbers).items()}
        setattr(self.model, self.numbers, values)
        self.dtype = torch.float64
        return self

    def __call__(self, input_ids, use_cache=False):
        package.DTYPE = self.dtype
        logits, _ = self.model.forward(input_ids[0].tolist(), None, full_output=True)
        return SimpleNamespace(logits=logits.reshape(1, -1, VOCABULARY))


class Hybrid(torch.nn.Module):
    """ARWKV 7."""

    def __init__(self, weights, has_gate, has_norm):
        super().__init__()
        self.weights, self.has_gate, self.has_norm = weights, has_gate, has_norm

    def double(self):
        return Hybrid({name: value.double() for name, value in self.weights.items()}, self.has_gate, self.has_norm)

    def norm(self, name, x):
        variance = x.pow(2).mean(-1, keepdim=True)
        return self.weights[f"{name}.weight"] * (x * torch.rsqrt(variance + 1e-6))

    def time_mix(self, layer, x, first):
        part = {name.rsplit(".att.")[1]: value.squeeze() if value.dim() == 3 else value
                for name, value in self.weights.items() if name.startswith(f"blocks.{layer}.att.")}
        none = torch.zeros(WIDTH, dtype=x.dtype)
        state = torch.zeros(HEADS, HEAD, HEAD, dtype=x.dtype)
        if self.has_gate and self.has_norm:
            values = [part[f"x_{name}"] for name in "rwkvag"] + [part[f"{name}{n}"] for name in "wav" for n in range(3)]
            out, _, _, first = package.RWKV_x070_TMix_seq(
                layer, HEADS, HEAD, x, none, first, state, *values, part["g1"], part["g2"], part["k_k"], part["k_a"],
                part["r_k"].flatten(), *[part[f"{name}.weight"].T for name in ["receptance", "key", "value", "output"]],
                part["ln_x.weight"], part["ln_x.bias"])
            return out, first
        difference = torch.cat([none[None], x[:-1]]) - x
        r, w, k, v, a = [x + difference * part[f"x_{name}"] for name in "rwkva"]
        decay = torch.exp(-0.606531 * torch.sigmoid(part["w0"] + torch.tanh(w @ part["w1"]) @ part["w2"]))
        rate = torch.sigmoid(part["a0"] + a @ part["a1"] @ part["a2"])
        way = torch.sigmoid(part["v0"] + v @ part["v1"] @ part["v2"])
        r, k, v = linear(r, part["receptance.weight"]), linear(k, part["key.weight"]), linear(v, part["value.weight"])
        first = v if layer == 0 else first
        v = v if layer == 0 else v + (first - v) * way
        direction = normalize((k * part["k_k"]).view(-1, HEADS, HEAD), dim=-1)
        k = k * (1 + (rate - 1) * part["k_a"])
        r, k, v, rate, decay = [value.view(-1, HEADS, HEAD) for value in [r, k, v, rate, decay]]
        rows = []
        for t in range(len(x)):
            held = torch.einsum("hvk,hk->hv", state, direction[t])
            state = (state * decay[t][:, None] - held[..., None] * (direction[t] * rate[t])[:, None]
                     + v[t][..., None] * k[t][:, None])
            rows.append(torch.einsum("hvk,hk->hv", state, r[t]) + (r[t] * k[t] * part["r_k"]).sum(-1, keepdim=True) * v[t])
        return linear(torch.stack(rows).view(-1, WIDTH), part["output.weight"]), first

    def forward(self, input_ids, use_cache=False):
        x, first = self.weights["emb.weight"][input_ids[0]], None
        for layer in range(HYBRID_LAYERS):
            y, first = self.time_mix(layer, self.norm(f"blocks.{layer}.ln1", x), first)
            x = x + y
            y = self.norm(f"blocks.{layer}.ln2", x)
            up, gate, down = [self.weights[f"blocks.{layer}.ffn.{name}.weight"] for name in ["up", "gate", "down"]]
            x = x + linear(silu(linear(y, gate)) * linear(y, up), down)
        return SimpleNamespace(logits=linear(self.norm("ln_out", x), self.weights["head.weight"])[None])


def hybrid(seed, has_gate=True, has_norm=True):
    w = Weights(seed)
    w.normal("emb.weight", VOCABULARY, WIDTH, deviation=1.0)
    w.normal("ln_out.weight", WIDTH, mean=1.0, deviation=0.2)
    w.normal("head.weight", VOCABULARY, WIDTH, deviation=0.3)
    for layer in range(HYBRID_LAYERS):
        w.normal(f"blocks.{layer}.ln1.weight", WIDTH, mean=1.0, deviation=0.2)
        w.normal(f"blocks.{layer}.ln2.weight", WIDTH, mean=1.0, deviation=0.2)
        time_mix7(w, f"blocks.{layer}.att", HYBRID_RANKS)
        for name, rows, columns in [("up", HIDDEN, WIDTH), ("gate", HIDDEN, WIDTH), ("down", WIDTH, HIDDEN)]:
            w.normal(f"blocks.{layer}.ffn.{name}.weight", rows, columns)
        drop = ["x_g", "g1", "g2"] if not has_gate else []
        drop += ["ln_x.weight", "ln_x.bias"] if not has_norm else []
        for name in drop:
            del w[f"blocks.{layer}.att.{name}"]
    return w


def renamed(weights, *pairs):
    result = {}
    for name, value in weights.items():
        for old, new in pairs:
            name = name.replace(old, new)
        result[name] = value
    return result


def as_rwkv6(weights):
    return renamed(weights, ("emb.", "rwkv.embeddings."), ("blocks.", "rwkv.blocks."), (".ln0.", ".pre_ln."),
                   (".att.", ".attention."), (".ffn.", ".feed_forward."), ("ln_out.", "rwkv.ln_out."))


def as_rwkv7(weights, scale=2):
    """flash-linear-attention's ε of a head's norm is that of others by its width, in the package 64e-5: a stream of twice the
    size has the same norms where ε is four times that of the package."""
    result = {}
    for name, value in weights.items():
        if ".att." in name:
            block, part = name.split(".att.")
            if part[1:] in "012" and len(part) == 2:
                if part[0] == "v" and block == "blocks.0":
                    continue
                place = {"0": "lora.2.bias", "1": "lora.0.weight", "2": "lora.2.weight"}[part[1]]
                name = f"{block}.att.{part[0]}_lora.{place}"
                value = value.squeeze() if part[1] == "0" else value.T
            elif part in ["k_k", "k_a"]:
                value = value.squeeze()
            elif part == "output.weight":
                value = scale * value
        if name.endswith("ffn.x_k"):
            value = value.squeeze()
        if name.startswith(("emb.", "blocks.0.ln0.")) or name.endswith("ffn.value.weight"):
            value = scale * value
        result[name] = value.contiguous()
    return renamed(result, ("emb.", "model.embeddings."), ("blocks.", "model.layers."), (".ln0.", ".pre_norm."),
                   (".ln1.", ".attn_norm."), (".ln2.", ".ffn_norm."), (".att.", ".attn."), (".ln_x.", ".g_norm."),
                   ("ln_out.", "model.norm."), ("head.weight", "lm_head.weight"), ("receptance", "r_proj"),
                   ("attn.key", "attn.k_proj"), ("attn.value", "attn.v_proj"), ("attn.output", "attn.o_proj"))


def as_hybrid(weights):
    return renamed(weights, ("emb.", "model.embed_tokens."), ("blocks.", "model.layers."), (".ln1.", ".input_layernorm."),
                   (".ln2.", ".post_attention_layernorm."), (".att.", ".self_attn.time_mixer."), (".ffn.up", ".mlp.up_proj"),
                   (".ffn.gate", ".mlp.gate_proj"), (".ffn.down", ".mlp.down_proj"), ("ln_out.", "model.norm."),
                   ("head.weight", "lm_head.weight"))


common = dict(vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, bos_token_id=0, eos_token_id=0,
              tie_word_embeddings=False, torch_dtype="bfloat16", transformers_version="4.48.0", use_cache=True)
config6 = common | dict(
    architectures=["Rwkv6ForCausalLM"], model_type="rwkv6", attention_hidden_size=WIDTH, head_size=HEAD,
    head_size_divisor=8, intermediate_size=HIDDEN, layer_norm_epsilon=1e-5, model_version="6_0",
    num_attention_heads=HEADS, rescale_every=2, time_mix_extra_dim=8, time_decay_extra_dim=12)
config7 = common | dict(
    architectures=["RWKV7ForCausalLM"], model_type="rwkv7", a_low_rank_dim=10, attn=None, attn_mode="chunk",
    decay_low_rank_dim=8, fuse_cross_entropy=True, fuse_norm=False, gate_low_rank_dim=12, head_dim=HEAD,
    hidden_act="sqrelu", hidden_ratio=4.0, initializer_range=0.006, intermediate_size=HIDDEN,
    max_position_embeddings=2048, norm_bias=True, norm_eps=4e-5, norm_first=True, num_heads=HEADS, v_low_rank_dim=6,
    value_dim=[WIDTH] * LAYERS)
config_hybrid = common | dict(
    architectures=["RwkvHybridForCausalLM"], model_type="rwkv_hybrid", attention_dropout=0.0, head_size=HEAD,
    head_size_divisor=8, hidden_act="silu", initializer_range=0.02, intermediate_size=HIDDEN,
    num_hidden_layers=HYBRID_LAYERS, max_position_embeddings=32768, num_attention_heads=HEADS, num_key_value_heads=HEADS, num_wkv_heads=HEADS,
    rms_norm_eps=1e-6, wkv_has_gate=True, wkv_has_group_norm=True, wkv_layers="full", wkv_use_vfirst=True, wkv_version=7)

# By name: the configuration, the weights as the package has them, the model, and the weights as the checkpoint has them.
shapes = {
    "rwkv6": (config6, rwkv6, lambda w: Packaged(package6.RWKV, w), as_rwkv6),
    "rwkv7": (config7, rwkv7, lambda w: Packaged(package.RWKV_x070, w), as_rwkv7),
    "rwkv_hybrid": (config_hybrid, hybrid, lambda w: Hybrid(w, True, True), as_hybrid),
    "rwkv_hybrid_bare": (
        config_hybrid | dict(wkv_has_gate=False, wkv_has_group_norm=False), lambda seed: hybrid(seed, False, False),
        lambda w: Hybrid(w, False, False), as_hybrid),
}


def make(folder, name):
    config, weights, model, as_stored = shapes[name]
    seed = sum(map(ord, name))
    numbers = weights(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")
    stored = {key: value.to(torch.bfloat16).contiguous() for key, value in as_stored(numbers).items()}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    result = references(model(numbers), torch.Generator().manual_seed(seed), VOCABULARY, LENGTHS, 6, most_rounding=1e-4)
    save_file(result, folder / "expected.safetensors")
    print(name, "logits of standard deviation", round(result["logits.4"].std().item(), 3), "smallest margin",
          round(min(result[key].min().item() for key in result if key.startswith("greedy_margin")), 4), flush=True)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for name in sys.argv[2:] or shapes:
        make(Path(sys.argv[1]) / name, name)
