"""The `hunyuan_t1` network: one pre-norm residual sub-layer per letter of `layer_pattern`.

M = Mamba-2, A = grouped-query attention, F = mixture of experts. It is read by transformers with `trust_remote_code`,
and trained by the scripts in `train`.

Every mixer has two forms: `forward` over whole sequences [B, L, D], and `step` over one position [B, D] for the greedy
generation of `train/score.py`. They compute the same function in different ways, so that each checks the other.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from .configuration_hunyuan_t1 import HunyuanT1Config


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
        y = F.rms_norm(y, (y.shape[-1],), None, self.eps)
        return (self.weight * y.flatten(-2)).to(gate.dtype)


def ssd(x, decay, b, c, chunk):
    """Chunked state-space dual form of Mamba-2 (arXiv 2405.21060, section 6).

    x [B, L, G, R, P] inputs already times dt, decay [B, L, G, R] log decays (f32), b and c [B, L, G, N].
    Within a chunk the recurrence is a masked product, between chunks a state of N x P per head is carried.
    """
    length = x.shape[1]
    pad = -length % chunk
    x, decay = F.pad(x, (0, 0, 0, 0, 0, 0, 0, pad)), F.pad(decay, (0, 0, 0, 0, 0, pad))
    b, c = F.pad(b, (0, 0, 0, 0, 0, pad)), F.pad(c, (0, 0, 0, 0, 0, pad))
    y = within_and_between(*(t.unflatten(1, (-1, chunk)) for t in (x, decay, b, c)))
    return y.flatten(1, 2)[:, :length]  # B L G R P


def within_and_between(x, decay, b, c):
    """The same over chunks: x [B, K, Q, G, R, P], the others likewise."""
    x = x.permute(0, 3, 4, 1, 2, 5)  # B G R K Q P
    b, c = (t.permute(0, 3, 1, 2, 4) for t in (b, c))  # B G K Q N
    total = decay.permute(0, 3, 4, 1, 2).cumsum(-1)  # B G R K Q
    y = ((c @ b.mT)[:, :, None] * decays(total, total, 0).to(x.dtype)) @ x
    last = total[..., -1]
    local = b.mT[:, :, None] @ (x * torch.exp(last[..., None] - total)[..., None].to(x.dtype))  # B G R K N P
    ends = last.cumsum(-1)
    carried = decays(ends - last, ends, -1).to(x.dtype) @ local.flatten(-2)
    y = y + (c[:, :, None] @ carried.unflatten(-1, local.shape[-2:])) * torch.exp(total)[..., None].to(x.dtype)
    return y.permute(0, 3, 4, 1, 2, 5)


def convolve(x, taps, bias):
    """SiLU of a causal convolution of each channel: x [B, L, C], taps [K, C]."""
    length, kernel = x.shape[1], taps.shape[0]
    padded = F.pad(x, (0, 0, kernel - 1, 0))
    return F.silu(sum(padded[:, k : k + length] * taps[k] for k in range(kernel)) + bias)


def decays(later, earlier, diagonal):
    """exp(later[i] - earlier[j]) for j up to the diagonal of i, and 0 after it."""
    difference = later[..., :, None] - earlier[..., None, :]
    kept = torch.ones_like(difference, dtype=torch.bool).tril(diagonal)
    return torch.exp(difference.masked_fill(~kept, -torch.inf))


class Mamba(nn.Module):
    """The Mamba-2 mixer, as a recurrence and in its chunked dual form."""

    def __init__(self, c):
        super().__init__()
        self.heads, self.head, self.groups = c.mamba_num_heads, c.mamba_head_dim, c.n_groups
        self.state, self.chunk, self.kernel = c.ssm_state_size, c.chunk_size, c.conv_kernel
        self.inner = self.heads * self.head
        self.channels = self.inner + 2 * self.groups * self.state
        self.in_proj = nn.Linear(c.hidden_size, self.inner + self.channels + self.heads, bias=False)
        self.conv1d = nn.Conv1d(self.channels, self.channels, self.kernel, groups=self.channels, bias=c.use_conv_bias)
        dt = torch.exp(torch.rand(self.heads) * math.log(100) + math.log(0.001))  # log-uniform in 0.001 … 0.1
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(dt)))
        self.A_log = nn.Parameter(torch.log(1 + 15 * torch.rand(self.heads)))
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = GatedGroupNorm(self.inner, self.groups, c.rms_norm_eps)
        self.out_proj = nn.Linear(self.inner, c.hidden_size, bias=False)

    def bias(self, like):
        return 0 if self.conv1d.bias is None else self.conv1d.bias.to(like.dtype)

    def scan(self, z, xbc, dt):
        """Everything between the two projections, for whole sequences."""
        taps = self.conv1d.weight.squeeze(1).t().contiguous().to(xbc.dtype)
        x, b, c = self.parts(convolve(xbc, taps, self.bias(xbc)))
        dt = F.softplus(dt.float() + self.dt_bias).unflatten(-1, (self.groups, -1))
        decay = -torch.exp(self.A_log.float()).view(self.groups, -1) * dt
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
        mixed = (cache["conv"] * self.conv1d.weight.squeeze(1)).sum(-1) + self.bias(xbc)
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
        width, self.head = c.hidden_size, c.head_dim
        queries, keys = c.num_attention_heads * self.head, c.num_key_value_heads * self.head
        self.q_proj = nn.Linear(width, queries, bias=False)
        self.k_proj = nn.Linear(width, keys, bias=False)
        self.v_proj = nn.Linear(width, keys, bias=False)
        self.o_proj = nn.Linear(queries, width, bias=False)
        self.query_layernorm = RMSNorm(self.head, c.rms_norm_eps)
        self.key_layernorm = RMSNorm(self.head, c.rms_norm_eps)
        rope = c.rope_parameters
        self.base = rope["rope_theta"] * rope["alpha"] ** (self.head / (self.head - 2))

    def project(self, u, first):
        q, k, v = (p(u).unflatten(-1, (-1, self.head)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        frequency = self.base ** (-torch.arange(0, self.head, 2, device=u.device) / self.head)
        angle = torch.arange(first, first + u.shape[1], device=u.device)[:, None] * frequency
        turn = angle.cos().repeat(1, 2), angle.sin().repeat(1, 2)
        return self.query_layernorm(self.rotate(q, *turn)), self.key_layernorm(self.rotate(k, *turn)), v

    def rotate(self, x, cos, sin):
        first, second = x.chunk(2, -1)
        return (x * cos + torch.cat([-second, first], -1) * sin).to(x.dtype)

    def forward(self, u):
        q, k, v = self.project(u, 0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def step(self, u, cache):
        q, k, v = self.project(u[:, None], cache["k"].shape[2] if cache else 0)
        if cache:
            k, v = torch.cat([cache["k"], k], 2), torch.cat([cache["v"], v], 2)
        cache["k"], cache["v"] = k, v
        return self.o_proj(F.scaled_dot_product_attention(q, k, v, enable_gqa=True).flatten(1))


class Gate(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wg = nn.Linear(c.hidden_size, c.num_experts, bias=False)


class SwiGLU(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class MoE(nn.Module):
    """Softmax over all experts, top-k renormalised, and a shared expert for every token."""

    def __init__(self, c):
        super().__init__()
        width, inner = c.hidden_size, c.moe_intermediate_size
        self.top = c.moe_topk
        self.gate, self.shared_mlp = Gate(c), SwiGLU(width, c.num_shared_experts * inner)
        self.experts = nn.ModuleList(SwiGLU(width, inner) for _ in range(c.num_experts))
        self.balance, self.counts = None, None

    def forward(self, u):
        x = u.flatten(0, -2)
        with torch.autocast(u.device.type, enabled=False):  # the router stays in f32
            chances = F.linear(x.float(), self.gate.wg.weight.float()).softmax(-1)
        weights, chosen = chances.topk(self.top, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        self.counts = torch.bincount(chosen.flatten(), minlength=chances.shape[1])
        if self.training:  # load-balancing loss of the Switch Transformer, 1 when even
            self.balance = chances.shape[1] * (chances.mean(0) * self.counts / self.counts.sum()).sum()
        return (self.shared_mlp(x) + self.routed(x, chosen, weights)).view_as(u)

    def routed(self, x, chosen, weights):
        """The rows of each expert through it, then back to where they came from."""
        order = chosen.flatten().argsort(stable=True)
        rows = x.index_select(0, order // self.top).split(self.counts.tolist())
        out = torch.cat([expert(part) for expert, part in zip(self.experts, rows)])
        back = torch.empty_like(order).index_copy(0, order, torch.arange(len(order), device=x.device))
        out = out.index_select(0, back).unflatten(0, (-1, self.top))
        return (out * weights[..., None].to(out.dtype)).sum(1)

    def step(self, u, cache):
        return self(u)


class NextNext(nn.Module):
    """Predicts the token after the next from a position's last state and the next token (DeepSeek-V3's MTP module)."""

    def __init__(self, c):
        super().__init__()
        width, eps = c.hidden_size, c.rms_norm_eps
        self.enorm, self.hnorm = RMSNorm(width, eps), RMSNorm(width, eps)
        self.eh_proj = nn.Linear(2 * width, width, bias=False)
        self.input_layernorm, self.self_attn = RMSNorm(width, eps), Attention(c)
        self.post_attention_layernorm, self.mlp = RMSNorm(width, eps), SwiGLU(width, width)
        self.norm = RMSNorm(width, eps)

    def forward(self, state, embedded):
        """State of positions [B, L, D] from those of the trunk and the embeddings of the tokens after them."""
        h = self.eh_proj(torch.cat([self.enorm(embedded), self.hnorm(state)], -1))
        h = h + self.self_attn(self.input_layernorm(h))
        return self.norm(h + self.mlp(self.post_attention_layernorm(h)))


class Trunk(nn.Module):
    MIXERS = {"M": ("mamba", Mamba), "A": ("self_attn", Attention), "F": ("mlp", MoE)}

    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList()
        for kind in c.layer_pattern:
            name, mixer = self.MIXERS[kind]
            norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
            self.layers.append(nn.ModuleDict({"norm": norm, name: mixer(c)}))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        if c.num_nextn_predict_layers:
            self.mtp = NextNext(c)

    def pairs(self):
        """The norm and the mixer of every layer."""
        return [tuple(layer.values()) for layer in self.layers]

    def forward(self, ids):
        h = self.embed_tokens(ids)
        for norm, mixer in self.pairs():
            h = h + mixer(norm(h))
        return self.norm(h)

    def step(self, ids, caches):
        """State of one more token per row; `caches` is a list with an empty dict per layer at the start."""
        h = self.embed_tokens(ids)
        for (norm, mixer), cache in zip(self.pairs(), caches):
            h = h + mixer.step(norm(h), cache)
        return self.norm(h)


class HunyuanT1ForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = HunyuanT1Config
    base_model_prefix = "model"
    _keep_in_fp32_modules_strict = ["wg"]

    def __init__(self, config):
        super().__init__(config)
        self.model = Trunk(config)
        self.post_init()

    def _init_weights(self, module):
        """Normal weights of variance 1/fan-in; what writes into the residual stream is scaled down by depth."""
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            writes = module.out_features == self.config.hidden_size and module.in_features != 2 * module.out_features
            if writes:
                module.weight.data.mul_(len(self.config.layer_pattern) ** -0.5)

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def head(self, h):
        return F.linear(h, self.model.embed_tokens.weight)

    def forward(self, input_ids, attention_mask=None, labels=None, **_):
        """Logits of whole sequences, which start at their first token: there is no padding on the left."""
        logits = self.head(self.model(input_ids))
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return CausalLMOutput(loss=loss, logits=logits)

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}
