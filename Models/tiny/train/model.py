"""The `hunyuan_t1` network: one pre-norm residual sub-layer per letter of `layer_pattern`.

M = Mamba-2, A = grouped-query attention, F = mixture of experts. Parameter names are those of the checkpoint, except
that the experts of a layer are stacked here and written one by one by `export.py`.

Every mixer has two forms: `forward` over whole sequences [B, L, D] for training, and `step` over one position [B, D]
for generation. They compute the same function in different ways, so that each checks the other.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

CONFIG = {
    "architectures": ["HunyuanT1ForCausalLM"],
    "model_type": "hunyuan_t1",
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "vocab_size": 512,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "use_conv_bias": True,
    "conv_kernel": 4,
    "hidden_act": "silu",
    "num_shared_experts": 1,
    "use_qk_norm": True,
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
    "hidden_size": 256,
    "layer_pattern": "MFMFAMFMF",
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rope_scaling": {"type": "dynamic", "alpha": 50.0},
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


class GatedGroupNorm(nn.Module):
    """SiLU gate first, then RMSNorm within each of `groups` equal parts."""

    def __init__(self, size, groups, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.groups, self.eps = groups, eps

    def forward(self, x, gate):
        y = (x.float() * F.silu(gate.float())).unflatten(-1, (self.groups, -1))
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)
        return (self.weight * y.flatten(-2)).to(gate.dtype)


def ssd(x, decay, b, c, chunk):
    """Chunked state-space dual form of Mamba-2 (Dao and Gu, arXiv 2405.21060, section 6).

    x [B, L, G, R, P] inputs already times dt, decay [B, L, G, R] log decays (f32), b and c [B, L, G, N].
    Within a chunk the recurrence is a masked product, between chunks a state of N x P per head is carried.
    """
    length = x.shape[1]
    chunk = min(chunk, length)
    pad = -length % chunk
    if pad:
        x, decay = F.pad(x, (0, 0, 0, 0, 0, 0, 0, pad)), F.pad(decay, (0, 0, 0, 0, 0, pad))
        b, c = F.pad(b, (0, 0, 0, 0, 0, pad)), F.pad(c, (0, 0, 0, 0, 0, pad))
    x, decay, b, c = (t.unflatten(1, (-1, chunk)) for t in (x, decay, b, c))
    x = x.permute(0, 1, 3, 4, 2, 5)  # B K G R Q P
    b, c = b.transpose(2, 3), c.transpose(2, 3)  # B K G Q N
    total = decay.permute(0, 1, 3, 4, 2).cumsum(-1)  # B K G R Q
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    mask = torch.exp((total[..., :, None] - total[..., None, :]).masked_fill(~causal, -torch.inf)).to(x.dtype)
    y = ((c @ b.mT)[:, :, :, None] * mask) @ x
    if x.shape[1] > 1:
        last = total[..., -1:]
        local = (b[:, :, :, None] * torch.exp(last - total)[..., None].to(x.dtype)).mT @ x  # B K G R N P
        state, before = torch.zeros_like(local[:, 0], dtype=torch.float32), []
        for k in range(x.shape[1]):
            before.append(state)
            state = state * torch.exp(last[:, k, ..., None]) + local[:, k]
        carried = torch.stack(before, 1).to(x.dtype)
        y = y + (c[:, :, :, None] * torch.exp(total)[..., None].to(x.dtype)) @ carried
    return y.permute(0, 1, 4, 2, 3, 5).flatten(1, 2)[:, :length]  # B L G R P


class Mamba(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.head, self.groups = c["mamba_num_heads"], c["mamba_head_dim"], c["n_groups"]
        self.state, self.chunk, self.kernel = c["ssm_state_size"], c["chunk_size"], c["conv_kernel"]
        self.inner = self.heads * self.head
        self.channels = self.inner + 2 * self.groups * self.state
        self.in_proj = nn.Linear(c["hidden_size"], self.inner + self.channels + self.heads, bias=False)
        self.conv1d = nn.Conv1d(self.channels, self.channels, self.kernel, groups=self.channels, padding=self.kernel - 1)
        dt = torch.exp(torch.rand(self.heads) * math.log(100) + math.log(0.001))  # log-uniform in 0.001 … 0.1
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(dt)))
        self.A_log = nn.Parameter(torch.log(1 + 15 * torch.rand(self.heads)))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = GatedGroupNorm(self.inner, self.groups, c["rms_norm_eps"])
        self.out_proj = nn.Linear(self.inner, c["hidden_size"], bias=False)

    def scan(self, z, xbc, dt):
        """Everything between the two projections, for whole sequences."""
        length = xbc.shape[1]
        taps = self.conv1d.weight.squeeze(1).t().contiguous().to(xbc.dtype)
        padded = F.pad(xbc, (0, 0, self.kernel - 1, 0))
        mixed = sum(padded[:, k : k + length] * taps[k] for k in range(self.kernel))
        x, b, c = self.parts(F.silu(mixed + self.conv1d.bias.to(xbc.dtype)))
        dt = F.softplus(dt.float() + self.dt_bias).unflatten(-1, (self.groups, -1))
        decay = -torch.exp(self.A_log).view(self.groups, -1) * dt
        y = ssd(x * dt[..., None].to(x.dtype), decay, b, c, self.chunk)
        y = y + x * self.D.view(self.groups, -1, 1).to(x.dtype)
        return self.norm(y.flatten(-3), z)

    def parts(self, xbc):
        x, b, c = xbc.split([self.inner, self.groups * self.state, self.groups * self.state], -1)
        x = x.unflatten(-1, (self.groups, -1, self.head))
        return x, b.unflatten(-1, (self.groups, -1)), c.unflatten(-1, (self.groups, -1))

    def forward(self, u):
        return self.out_proj(self.scan(*self.in_proj(u).split([self.inner, self.channels, self.heads], -1)))

    def step(self, u, cache):
        z, xbc, dt = self.in_proj(u).split([self.inner, self.channels, self.heads], -1)
        if not cache:
            cache["conv"] = xbc.new_zeros(len(u), self.channels, self.kernel)
            cache["state"] = xbc.new_zeros(len(u), self.groups, self.heads // self.groups, self.state, self.head)
        cache["conv"] = torch.cat([cache["conv"][..., 1:], xbc[..., None]], -1)
        mixed = (cache["conv"] * self.conv1d.weight.squeeze(1)).sum(-1) + self.conv1d.bias
        x, b, c = self.parts(F.silu(mixed))
        dt = F.softplus(dt + self.dt_bias).unflatten(-1, (self.groups, -1))
        decay = torch.exp(-torch.exp(self.A_log).view(self.groups, -1) * dt)
        update = b[:, :, None, :, None] * (x * dt[..., None])[..., None, :]
        cache["state"] = cache["state"] * decay[..., None, None] + update
        y = (c[:, :, None, None] @ cache["state"]).squeeze(-2) + x * self.D.view(self.groups, -1, 1)
        return self.out_proj(self.norm(y.flatten(1), z))


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
        base = c["rope_theta"] * c["rope_scaling"]["alpha"] ** (self.head / (self.head - 2))
        angle = torch.arange(c["max_position_embeddings"])[:, None] * base ** (-torch.arange(0, self.head, 2) / self.head)
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
            self.model.layers.append(nn.ModuleDict({"norm": RMSNorm(c["hidden_size"], c["rms_norm_eps"]), name: mixer(c)}))
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
