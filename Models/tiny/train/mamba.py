"""The Mamba-2 mixer (Dao and Gu, arXiv 2405.21060), as a recurrence and in its chunked dual form."""
import math

import torch
import torch.nn.functional as F
from torch import nn


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
    """Chunked state-space dual form of Mamba-2 (section 6 of the paper).

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
        self.conv1d = nn.Conv1d(self.channels, self.channels, self.kernel, groups=self.channels)
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
