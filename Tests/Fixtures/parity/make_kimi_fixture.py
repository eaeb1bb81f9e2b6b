"""A random-weight checkpoint in the shape of Kimi K3's text model, with reference logits.

usage: make_kimi_fixture.py FOLDER      (pip install "torch==2.13.0" safetensors)

transformers does not have this model. What it computes is written down here in plain torch, after llama.cpp's source: Kimi
Delta Attention with decays within a bound and gates of full rank; latent attention without positions, with a gate; experts in
a latent space, whose sum is normalised; activations within bounds; layers that are summed up in groups, among which every part
of a layer seeks its input, with scores of normalised sums and weights of the sums as they are. Each layer is computed for the
whole sequence at once, without a cache.
"""
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch.nn.functional import conv1d, embedding, linear, silu, softmax

from references import references

VOCABULARY, LENGTHS = 96, [1, 7, 21, 40, 80]
text = dict(
    activation_situ_beta=0.8, activation_situ_linear_beta=1.2, architectures=["KimiLinearForCausalLM"],
    attn_res_block_size=2, bos_token_id=1, eos_token_id=2, first_k_dense_replace=1, hidden_act="situ", hidden_size=32,
    intermediate_size=48, kv_lora_rank=16,
    linear_attn_config=dict(
        full_attn_layers=[3, 5], gate_lower_bound=-5.0, head_dim=8, kda_layers=[1, 2, 4], num_heads=4,
        short_conv_kernel_size=4),
    max_position_embeddings=512, mla_use_nope=True, mla_use_output_gate=True, model_type="kimi_linear",
    moe_intermediate_size=16, moe_renormalize=True, moe_router_activation_func="sigmoid", num_attention_heads=4,
    num_expert_group=1, num_experts=4, num_experts_per_token=2, num_hidden_layers=5, num_key_value_heads=4,
    num_shared_experts=2, pad_token_id=0, q_lora_rank=20, qk_nope_head_dim=12, qk_rope_head_dim=8, rms_norm_eps=1e-6,
    routed_expert_hidden_size=24, routed_scaling_factor=1.5, tie_word_embeddings=False, topk_group=1, v_head_dim=10,
    vocab_size=VOCABULARY)
config = dict(
    architectures=["KimiK3ForConditionalGeneration"], model_type="kimi_k3", text_config=text,
    torch_dtype="bfloat16", transformers_version="4.57.0", vision_config={})
WIDTH, HEADS, LATENT, INNER = (
    text["hidden_size"], text["num_attention_heads"], text["routed_expert_hidden_size"], text["moe_intermediate_size"])
DELTA = text["linear_attn_config"]["head_dim"]
NOPE, ROPE, VALUE, RANK = (text[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank"))
PREFIX = "language_model."


def is_delta(layer):
    return layer + 1 not in text["linear_attn_config"]["full_attn_layers"]


def make_weights(generator):
    weights = {}

    def normal(name, *shape, mean=0.0, deviation=0.12):
        weights[PREFIX + name] = mean + deviation * torch.randn(shape, generator=generator)

    def mlp(name, hidden, width=WIDTH, parts=("gate_proj", "up_proj", "down_proj")):
        for part in parts[:2]:
            normal(f"{name}.{part}.weight", hidden, width)
        normal(f"{name}.{parts[2]}.weight", width, hidden)

    def residual(name):
        normal(f"{name}_norm.weight", WIDTH, mean=1.0)
        normal(f"{name}_proj.weight", 1, WIDTH, deviation=0.15)

    normal("model.embed_tokens.weight", VOCABULARY, WIDTH, deviation=1.0)
    normal("model.norm.weight", WIDTH, mean=1.0)
    normal("lm_head.weight", VOCABULARY, WIDTH, deviation=0.3)
    residual("model.output_attn_res")
    for index in range(text["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            normal(f"{layer}.{name}.weight", WIDTH, mean=1.0)
        residual(f"{layer}.self_attention_res")
        residual(f"{layer}.mlp_res")
        mixer = f"{layer}.self_attn"
        if is_delta(index):
            for part in "qkv":
                normal(f"{mixer}.{part}_proj.weight", HEADS * DELTA, WIDTH)
                normal(f"{mixer}.{part}_conv1d.weight", HEADS * DELTA, 1, 4, deviation=0.4)
            normal(f"{mixer}.b_proj.weight", HEADS, WIDTH)
            normal(f"{mixer}.f_a_proj.weight", DELTA, WIDTH)
            normal(f"{mixer}.f_b_proj.weight", HEADS * DELTA, DELTA)
            normal(f"{mixer}.dt_bias", HEADS * DELTA, mean=-2.0, deviation=1.0)
            weights[f"{PREFIX}{mixer}.A_log"] = torch.log(1 + 3 * torch.rand(HEADS, generator=generator))
            normal(f"{mixer}.g_proj.weight", HEADS * DELTA, WIDTH)
            normal(f"{mixer}.o_norm.weight", DELTA, mean=1.0)
            normal(f"{mixer}.o_proj.weight", WIDTH, HEADS * DELTA)
        else:
            normal(f"{mixer}.q_a_proj.weight", text["q_lora_rank"], WIDTH)
            normal(f"{mixer}.q_a_layernorm.weight", text["q_lora_rank"], mean=1.0)
            normal(f"{mixer}.q_b_proj.weight", HEADS * (NOPE + ROPE), text["q_lora_rank"])
            normal(f"{mixer}.kv_a_proj_with_mqa.weight", RANK + ROPE, WIDTH)
            normal(f"{mixer}.kv_a_layernorm.weight", RANK, mean=1.0)
            normal(f"{mixer}.kv_b_proj.weight", HEADS * (NOPE + VALUE), RANK)
            normal(f"{mixer}.g_proj.weight", HEADS * VALUE, WIDTH)
            normal(f"{mixer}.o_proj.weight", WIDTH, HEADS * VALUE)
        if index < text["first_k_dense_replace"]:
            mlp(f"{layer}.mlp", text["intermediate_size"])
            continue
        moe = f"{layer}.block_sparse_moe"
        normal(f"{moe}.gate.weight", text["num_experts"], WIDTH)
        normal(f"{moe}.gate.e_score_correction_bias", text["num_experts"])
        for expert in range(text["num_experts"]):
            mlp(f"{moe}.experts.{expert}", INNER, LATENT, ("w1", "w3", "w2"))
        mlp(f"{moe}.shared_experts", text["num_shared_experts"] * INNER)
        normal(f"{moe}.routed_expert_down_proj.weight", LATENT, WIDTH)
        normal(f"{moe}.routed_expert_norm.weight", LATENT, mean=1.0)
        normal(f"{moe}.routed_expert_up_proj.weight", WIDTH, LATENT, deviation=0.05)
    return {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}


def rms_norm(x, weight=1.0):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + text["rms_norm_eps"]) * weight


def situ(gate, up):
    beta, bound = text["activation_situ_beta"], text["activation_situ_linear_beta"]
    return beta * torch.tanh(gate / beta) * torch.sigmoid(gate) * bound * torch.tanh(up / bound)


class Network:
    def __init__(self, weights):
        self.weights = weights

    def __getitem__(self, name):
        return self.weights[PREFIX + name]

    def map(self, name, x):
        return linear(x, self[f"{name}.weight"])

    def mlp(self, name, x, parts=("gate_proj", "up_proj", "down_proj")):
        gate, up, down = (f"{name}.{part}" for part in parts)
        return self.map(down, situ(self.map(gate, x), self.map(up, x)))

    def seek(self, name, sums, current):
        """What is found among the sums of groups and the current one."""
        if not sums:
            return current
        sources = torch.stack([*sums, current], 1)
        scores = rms_norm(sources) @ (self[f"{name}_norm.weight"] * self[f"{name}_proj.weight"][0])
        return (softmax(scores, -1)[..., None] * sources).sum(1)

    def delta(self, name, x):
        tokens = len(x)

        def convolved(part):
            values = self.map(f"{name}.{part}_proj", x)
            padded = torch.cat([values.new_zeros(3, values.shape[1]), values])
            weight = self[f"{name}.{part}_conv1d.weight"]
            return silu(conv1d(padded.T[None], weight, groups=len(weight))[0].T).view(tokens, HEADS, DELTA)

        q, k, v = (convolved(part) for part in "qkv")
        q, k = (y / torch.sqrt(y.pow(2).sum(-1, keepdim=True) + 1e-6) for y in (q, k))
        inputs = self.map(f"{name}.f_b_proj", self.map(f"{name}.f_a_proj", x)) + self[f"{name}.dt_bias"]
        rates = torch.exp(self[f"{name}.A_log"])[:, None]
        bound = text["linear_attn_config"]["gate_lower_bound"]
        decays = torch.exp(bound * torch.sigmoid(rates * inputs.view(tokens, HEADS, DELTA)))
        beta = torch.sigmoid(self.map(f"{name}.b_proj", x))
        state, outputs = x.new_zeros(HEADS, DELTA, DELTA), []
        for t in range(tokens):
            state = decays[t][..., None] * state
            change = beta[t][:, None] * (v[t] - torch.einsum("hk,hkv->hv", k[t], state))
            state = state + k[t][..., None] * change[:, None]
            outputs.append(torch.einsum("hk,hkv->hv", q[t], state) * DELTA**-0.5)
        gates = torch.sigmoid(self.map(f"{name}.g_proj", x)).view(tokens, HEADS, DELTA)
        mixed = rms_norm(torch.stack(outputs), self[f"{name}.o_norm.weight"]) * gates
        return self.map(f"{name}.o_proj", mixed.reshape(tokens, HEADS * DELTA))

    def attend(self, name, x):
        tokens = len(x)
        low = rms_norm(self.map(f"{name}.q_a_proj", x), self[f"{name}.q_a_layernorm.weight"])
        q = self.map(f"{name}.q_b_proj", low).view(tokens, HEADS, NOPE + ROPE).transpose(0, 1)
        latent, shared = self.map(f"{name}.kv_a_proj_with_mqa", x).split([RANK, ROPE], -1)
        latent = rms_norm(latent, self[f"{name}.kv_a_layernorm.weight"])
        k, v = self.map(f"{name}.kv_b_proj", latent).view(tokens, HEADS, NOPE + VALUE).transpose(0, 1).split([NOPE, VALUE], -1)
        k = torch.cat([k, shared.expand(HEADS, tokens, ROPE)], -1)
        hidden = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        scores = (q @ k.transpose(1, 2) * (NOPE + ROPE) ** -0.5).masked_fill(hidden, float("-inf"))
        mixed = (softmax(scores, -1) @ v).transpose(0, 1).reshape(tokens, HEADS * VALUE)
        return self.map(f"{name}.o_proj", mixed * torch.sigmoid(self.map(f"{name}.g_proj", x)))

    def experts(self, name, x):
        scores = torch.sigmoid(self.map(f"{name}.gate", x))
        chosen = (scores + self[f"{name}.gate.e_score_correction_bias"]).topk(text["num_experts_per_token"]).indices
        shares = scores.gather(1, chosen)
        shares = text["routed_scaling_factor"] * shares / shares.sum(-1, keepdim=True)
        low = self.map(f"{name}.routed_expert_down_proj", x)
        mixed = torch.zeros_like(low)
        for expert in range(text["num_experts"]):
            share = (shares * (chosen == expert)).sum(-1, keepdim=True)
            mixed = mixed + share * self.mlp(f"{name}.experts.{expert}", low, ("w1", "w3", "w2"))
        mixed = rms_norm(mixed, self[f"{name}.routed_expert_norm.weight"])
        return self.map(f"{name}.routed_expert_up_proj", mixed) + self.mlp(f"{name}.shared_experts", x)

    def forward(self, tokens):
        h, sums = embedding(tokens, self["model.embed_tokens.weight"]), []
        for index in range(text["num_hidden_layers"]):
            layer = f"model.layers.{index}"
            x = rms_norm(self.seek(f"{layer}.self_attention_res", sums, h), self[f"{layer}.input_layernorm.weight"])
            mixed = (self.delta if is_delta(index) else self.attend)(f"{layer}.self_attn", x)
            if index % text["attn_res_block_size"] == 0:
                sums, h = [*sums, h], mixed
            else:
                h = h + mixed
            x = rms_norm(self.seek(f"{layer}.mlp_res", sums, h), self[f"{layer}.post_attention_layernorm.weight"])
            if index < text["first_k_dense_replace"]:
                h = h + self.mlp(f"{layer}.mlp", x)
            else:
                h = h + self.experts(f"{layer}.block_sparse_moe", x)
        x = rms_norm(self.seek("model.output_attn_res", sums, h), self["model.norm.weight"])
        return self.map("lm_head", x)


class Model(torch.nn.Module):
    """As `references` calls models of transformers."""

    def __init__(self, weights):
        super().__init__()
        self.names = {name: name.replace(".", "/") for name in weights}
        for name, tensor in weights.items():
            self.register_buffer(self.names[name], tensor.float())

    def forward(self, input_ids, use_cache=False):
        network = Network({name: getattr(self, key) for name, key in self.names.items()})
        return SimpleNamespace(logits=network.forward(input_ids[0])[None])


def main(folder):
    generator = torch.Generator().manual_seed(3)
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
