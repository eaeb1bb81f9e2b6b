"""The `hunyuan_t1` network: one pre-norm residual sub-layer per letter of `layer_pattern`.

M = Mamba-2, A = grouped-query attention, F = mixture of experts. Parameter names are those of the checkpoint, except
that the experts of a layer are stacked here and written one by one by `export.py`.

Every mixer has two forms: `forward` over whole sequences [B, L, D] for training, and `step` over one position [B, D]
for generation. They compute the same function in different ways, so that each checks the other.
"""
import torch
import torch.nn.functional as F
from torch import nn

from mamba import Mamba

CONFIG = {
    "architectures": ["HunyuanT1ForCausalLM"],
    "model_type": "hunyuan_t1",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "vocab_size": 512,
    "rms_norm_eps": 1e-05,
    "use_conv_bias": True,
    "conv_kernel": 4,
    "hidden_act": "silu",
    "num_shared_experts": 1,
    "use_qk_norm": True,
    "max_position_embeddings": 1024,
    "torch_dtype": "bfloat16",
    "hidden_size": 256,
    "layer_pattern": "MFMFAMFMF",
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 50.0, "factor": 1.0},
    "mamba_num_heads": 8,
    "mamba_head_dim": 64,
    "n_groups": 2,
    "ssm_state_size": 64,
    "chunk_size": 64,
    "num_experts": 8,
    "moe_topk": 2,
    "moe_intermediate_size": 128,
    "tie_word_embeddings": True,
}


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Grouped-query attention; RoPE (static NTK base) first, then RMSNorm per head on queries and keys."""

    def __init__(self, c):
        super().__init__()
        width, self.head = c["hidden_size"], c["head_dim"]
        queries, keys = c["num_attention_heads"] * self.head, c["num_key_value_heads"] * self.head
        self.q_proj = nn.Linear(width, queries, bias=False)
        self.k_proj = nn.Linear(width, keys, bias=False)
        self.v_proj = nn.Linear(width, keys, bias=False)
        self.o_proj = nn.Linear(queries, width, bias=False)
        self.query_layernorm = RMSNorm(self.head, c["rms_norm_eps"])
        self.key_layernorm = RMSNorm(self.head, c["rms_norm_eps"])
        rope = c["rope_parameters"]
        base = rope["rope_theta"] * rope["alpha"] ** (self.head / (self.head - 2))
        frequency = base ** (-torch.arange(0, self.head, 2) / self.head)
        angle = torch.arange(c["max_position_embeddings"])[:, None] * frequency
        self.register_buffer("cos", angle.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin", angle.sin().repeat(1, 2), persistent=False)

    def project(self, u, positions):
        q, k, v = (p(u).unflatten(-1, (-1, self.head)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.query_layernorm(self.rotate(q, positions)), self.key_layernorm(self.rotate(k, positions)), v

    def rotate(self, x, positions):
        first, second = x.chunk(2, -1)
        turned = x * self.cos[positions] + torch.cat([-second, first], -1) * self.sin[positions]
        return turned.to(x.dtype)

    def forward(self, u):
        q, k, v = self.project(u, slice(0, u.shape[1]))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def step(self, u, cache):
        at = cache["k"].shape[2] if cache else 0
        q, k, v = self.project(u[:, None], slice(at, at + 1))
        if cache:
            k, v = torch.cat([cache["k"], k], 2), torch.cat([cache["v"], v], 2)
        cache["k"], cache["v"] = k, v
        return self.o_proj(F.scaled_dot_product_attention(q, k, v, enable_gqa=True).flatten(1))


class Gate(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wg = nn.Linear(c["hidden_size"], c["num_experts"], bias=False)


class SwiGLU(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["moe_intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["moe_intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["moe_intermediate_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Experts(nn.Module):
    def __init__(self, c):
        super().__init__()
        count, width, inner = c["num_experts"], c["hidden_size"], c["moe_intermediate_size"]
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * inner, width))
        self.down_proj = nn.Parameter(torch.empty(count, width, inner))


class MoE(nn.Module):
    """Softmax over all experts, top-k renormalised, and a shared expert for every token."""

    def __init__(self, c):
        super().__init__()
        self.top = c["moe_topk"]
        self.gate, self.experts, self.shared_mlp = Gate(c), Experts(c), SwiGLU(c)
        self.balance = torch.zeros(())

    def forward(self, u):
        x = u.flatten(0, -2)
        with torch.autocast("cpu", enabled=False):  # the router stays in f32
            chances = F.linear(x.float(), self.gate.wg.weight).softmax(-1)
        weights, chosen = chances.topk(self.top, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        counts = torch.bincount(chosen.flatten(), minlength=chances.shape[1])
        if self.training:  # load-balancing loss of the Switch Transformer, 1 when even
            self.balance = chances.shape[1] * (chances.mean(0) * counts / counts.sum()).sum()
        routed = self.run_experts(x, chosen, weights, counts)
        return (self.shared_mlp(x).to(u.dtype) + routed.to(u.dtype)).view_as(u)

    def run_experts(self, x, chosen, weights, counts):
        """Each expert's rows padded to the same multiple of 128: one batched product, few distinct shapes."""
        order = chosen.flatten().argsort(stable=True)
        capacity = -(-int(counts.max()) // 128) * 128
        expert = chosen.flatten()[order]
        slot = torch.arange(len(order)) - (counts.cumsum(0) - counts)[expert] + expert * capacity
        source = torch.zeros(len(counts) * capacity, dtype=torch.long).index_copy(0, slot, order // self.top)
        rows = x.index_select(0, source).unflatten(0, (len(counts), capacity))
        gate, up = (rows @ self.experts.gate_up_proj.mT).chunk(2, -1)
        out = ((F.silu(gate) * up) @ self.experts.down_proj.mT).flatten(0, 1)
        back = torch.empty_like(slot).index_copy(0, order, slot)  # where each token's k-th choice went
        chosen_out = out.index_select(0, back).unflatten(0, (-1, self.top))
        return (chosen_out * weights[..., None].to(out.dtype)).sum(1)

    def step(self, u, cache):
        return self(u)


class Model(nn.Module):
    MIXERS = {"M": ("mamba", Mamba), "A": ("self_attn", Attention), "F": ("mlp", MoE)}

    def __init__(self, c):
        super().__init__()
        self.config, self.model = c, nn.Module()
        self.model.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.model.layers = nn.ModuleList()
        for kind in c["layer_pattern"]:
            name, mixer = self.MIXERS[kind]
            norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
            self.model.layers.append(nn.ModuleDict({"norm": norm, name: mixer(c)}))
        self.model.norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        self.mixers = [layer[self.MIXERS[kind][0]] for kind, layer in zip(c["layer_pattern"], self.model.layers)]
        self.initialise()

    def initialise(self):
        """Normal weights of variance 1/fan-in; what writes into the residual stream is scaled down by depth."""
        depth = len(self.mixers) ** -0.5
        for name, weight in self.named_parameters():
            if name.endswith("embed_tokens.weight"):
                nn.init.normal_(weight, std=0.02)
            elif weight.dim() > 1 and "conv1d" not in name:
                scale = depth if name.split(".")[-2] in ("out_proj", "o_proj") or "down_proj" in name else 1
                nn.init.normal_(weight, std=scale * weight.shape[-1] ** -0.5)

    def trunk(self, ids):
        h = self.model.embed_tokens(ids)
        for layer, mixer in zip(self.model.layers, self.mixers):
            h = h + mixer(layer["norm"](h))
        return self.model.norm(h)

    def head(self, h):
        return F.linear(h, self.model.embed_tokens.weight)

    def forward(self, ids):
        return self.head(self.trunk(ids))

    def step(self, ids, caches):
        """Logits [B, V] of one more token per row; `caches` is a list with an empty dict per layer at the start."""
        h = self.model.embed_tokens(ids)
        for layer, mixer, cache in zip(self.model.layers, self.mixers, caches):
            h = h + mixer.step(layer["norm"](h), cache)
        return self.head(self.model.norm(h))
