"""Random-weight checkpoints of attention families with windows and other rules of their own, with reference logits from
Hugging Face transformers.

usage: make_window_fixtures.py FOLDER [NAME…]      (pip install "torch==2.13.0" transformers==5.24.0 safetensors)

Weights are rounded to bfloat16 before the references are computed. Beside `config.json`, as transformers 5 writes it, stands
`config.hub.json` in the spelling of older files. Windows are shorter than most prompts.
"""
import json
import math
import sys
from pathlib import Path

from references import references, settled

# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)

import torch
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 128
LENGTHS = [1, 7, 33, 70, 130]
common = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.15,
              max_position_embeddings=512, hidden_size=32, intermediate_size=48, num_attention_heads=4,
              num_key_value_heads=2, num_hidden_layers=3)
S, G = "sliding_attention", "full_attention"


def rope(theta, **others):
    return dict(rope_parameters=dict(rope_type="default", rope_theta=theta) | others)


def both(full, local, **others):
    return dict(rope_parameters={G: dict(rope_type="default", rope_theta=full) | others,
                                 S: dict(rope_type="default", rope_theta=local)})


experts = dict(moe_intermediate_size=24, num_experts_per_tok=2)
shapes = {
    # A window in every layer, shorter than a page.
    "mistral_window": ("MistralForCausalLM", rope(10000.0) | dict(sliding_window=11, head_dim=16), {}),
    "qwen3_window": ("Qwen3ForCausalLM", rope(10000.0) | dict(
        head_dim=16, use_sliding_window=True, sliding_window=20, max_window_layers=1), dict(layer_types=None)),
    # Scores and logits within caps, factors that are not those of the head.
    "gemma2": ("Gemma2ForCausalLM", rope(10000.0) | dict(
        head_dim=16, sliding_window=24, query_pre_attn_scalar=24, attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0), dict(layer_types=None)),
    # Bases of both kinds of layers, one of them stretched.
    "gemma3": ("Gemma3ForCausalLM", both(1e6, 10000.0, rope_type="linear", factor=8.0) | dict(
        head_dim=16, num_hidden_layers=4, sliding_window=40, query_pre_attn_scalar=24, layer_types=[S, S, G, S]),
        dict(rope_theta=1e6, rope_local_base_freq=10000.0, rope_scaling=dict(rope_type="linear", factor=8.0),
             rope_parameters=None)),
    "gpt_oss": ("GptOssForCausalLM", dict(
        head_dim=16, sliding_window=18, num_local_experts=4, num_experts_per_tok=2, swiglu_limit=1.0,
        rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, beta_fast=32.0, beta_slow=1.0,
                             truncate=False, original_max_position_embeddings=64)), dict(layer_types=None)),
    "olmo2": ("Olmo2ForCausalLM", rope(500000.0), {}),
    "olmo3": ("Olmo3ForCausalLM", both(
        500000.0, 500000.0, rope_type="yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=1.2,
        beta_fast=32.0, beta_slow=1.0) | dict(num_hidden_layers=4, sliding_window=21),
        dict(layer_types=None, rope_theta=500000.0, rope_parameters=None,
             rope_scaling=dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64,
                               attention_factor=1.2, beta_fast=32.0, beta_slow=1.0))),
    "phi3": ("Phi3ForCausalLM", dict(
        sliding_window=37, max_position_embeddings=1024, original_max_position_embeddings=256,
        rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75,
                             short_factor=[1.0, 1.1, 1.3], long_factor=[1.0, 2.0, 4.0])), {}),
    "smollm3": ("SmolLM3ForCausalLM", rope(2e6) | dict(num_hidden_layers=4, no_rope_layer_interval=3),
                dict(layer_types=None, no_rope_layers=None)),
    "exaone4": ("Exaone4ForCausalLM", rope(1e6) | dict(
        head_dim=16, num_hidden_layers=4, sliding_window=19, sliding_window_pattern=3),
        dict(layer_types=None, sliding_window_pattern="LLG")),
    "cohere2": ("Cohere2ForCausalLM", rope(50000.0) | dict(
        num_hidden_layers=4, sliding_window=23, layer_types=[S, S, S, G], logit_scale=0.25),
        dict(layer_types=None, sliding_window_pattern=4)),
    "glm4": ("Glm4ForCausalLM", rope(10000.0, partial_rotary_factor=0.5) | dict(head_dim=16), {}),
    "glm4_moe": ("Glm4MoeForCausalLM", rope(10000.0, partial_rotary_factor=0.5) | experts | dict(
        head_dim=16, n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=1, routed_scaling_factor=1.5,
        use_qk_norm=True, attention_bias=True, num_mtp_layers=0), {}),
    "seed_oss": ("SeedOssForCausalLM", rope(1e7) | dict(head_dim=16, attention_bias=True, attention_out_bias=False), {}),
    "ernie4_5": ("Ernie4_5ForCausalLM", rope(500000.0) | dict(head_dim=16, tie_word_embeddings=True), {}),
    "ernie4_5_moe": ("Ernie4_5_MoeForCausalLM", rope(500000.0) | dict(
        moe_intermediate_size=24, moe_k=2, moe_num_experts=4, moe_num_shared_experts=2, moe_layer_start_index=1), {}),
    "dots1": ("Dots1ForCausalLM", rope(10000.0) | experts | dict(
        head_dim=16, n_routed_experts=4, n_shared_experts=2, first_k_dense_replace=1, routed_scaling_factor=2.5,
        norm_topk_prob=True, n_group=1, topk_group=1, sliding_window=26, max_window_layers=1), dict(layer_types=None)),
    "minimax_m2": ("MiniMaxM2ForCausalLM", rope(5e6, partial_rotary_factor=0.5) | dict(
        head_dim=16, num_local_experts=4, num_experts_per_tok=2),
        dict(rope_theta=5e6, rotary_dim=8, rope_parameters=None)),
    "granite_swa": ("GraniteSWAForCausalLM", rope(10000.0) | dict(
        num_hidden_layers=4, sliding_window=22, layer_rope_theta=[0, 10000.0, 20000.0, 10000.0],
        embedding_multiplier=1.5, logits_scaling=0.7, residual_multiplier=0.6, attention_multiplier=0.3,
        tie_word_embeddings=True), dict(layer_types=None)),
    "granitemoe_swa": ("GraniteMoeSWAForCausalLM", rope(10000.0) | dict(
        num_hidden_layers=4, sliding_window=22, layer_rope_theta=[0, 10000.0, 20000.0, 10000.0],
        num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=40, intermediate_size=24,
        embedding_multiplier=1.5, logits_scaling=0.7, residual_multiplier=0.6, attention_multiplier=0.3),
        dict(layer_types=None)),
}


def perturb(model, generator):
    """Gives every vector values that matter, and rounds everything to bfloat16."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 or "bias" in name:
            noise = torch.randn(parameter.shape, generator=generator)
            # Norms that are meant as 1 + w begin as zeros.
            start = 0.0 if parameter.abs().max() == 0 else 1.0
            bias = "bias" in name or "sinks" in name
            parameter.copy_(0.5 * noise if "sinks" in name else 0.1 * noise if bias else start + 0.2 * noise)
        elif parameter.abs().max() == 0:
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    biases = [buffer for name, buffer in model.named_buffers() if "bias" in name]
    for buffer in biases:
        buffer.copy_(0.2 * torch.randn(buffer.shape, generator=generator))
    for tensor in list(model.parameters()) + biases:
        tensor.copy_(tensor.to(torch.bfloat16).to(torch.float32))


def older(config, changes):
    """The configuration in the spelling of files of transformers 4."""
    config = dict(config, transformers_version="4.48.3", torch_dtype="bfloat16")
    config.pop("dtype", None)
    rope = config.get("rope_parameters")
    if "rope_theta" in rope:
        rope = dict(rope)
        del config["rope_parameters"]
        config["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        kind = rope.pop("rope_type")
        config["rope_scaling"] = None if kind == "default" else {"rope_type": kind, **rope}
    config |= changes
    return {key: value for key, value in config.items() if value is not None or key not in changes}


def make(folder, name):
    class_name, sizes, changes = shapes[name]
    model_class = getattr(transformers, class_name)
    seed = sum(map(ord, name))
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    config = model_class.config_class(**{**common, **sizes})
    config._attn_implementation = "eager"
    model = model_class(config).eval().to(torch.float32)
    perturb(model, generator)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    weights = load_file(folder / "model.safetensors")
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.hub.json").write_text(json.dumps(older(config, changes), indent=2) + "\n")
    model = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    result = references(model, generator, VOCABULARY, LENGTHS, 12)
    save_file(result, folder / "expected.safetensors")
    logits = result[f"logits.{len(LENGTHS) - 1}"]
    assert math.isfinite(logits.std())
    print(name, "logits of standard deviation", round(logits.std().item(), 3), "smallest margin",
          round(min(result[key].min().item() for key in result if key.startswith("greedy_margin")), 4), flush=True)


MXFP4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def microscale(matrix):
    """Blocks and scales of the nearest MXFP4 weights of `[… × columns]`, and these themselves."""
    blocks = matrix.reshape(*matrix.shape[:-1], -1, 32)
    exponents = torch.floor(torch.log2(blocks.abs().amax(-1, keepdim=True).clamp(min=1e-30))) - 2
    codes = (blocks / 2**exponents).unsqueeze(-1).sub(MXFP4).abs().argmin(-1)
    weights = (MXFP4[codes] * 2**exponents).reshape(matrix.shape)
    codes = codes.to(torch.uint8)
    return codes[..., ::2] | codes[..., 1::2] << 4, (exponents[..., 0] + 127).to(torch.uint8), weights


def make_microscaled(folder):
    """gpt-oss as it is published, with experts in MXFP4, and the weights of a layer that they stand for."""
    torch.manual_seed(5)
    generator = torch.Generator().manual_seed(5)
    kind = transformers.GptOssForCausalLM
    sizes = shapes["gpt_oss"][1] | dict(intermediate_size=64, num_hidden_layers=2, swiglu_limit=7.0)
    config = kind.config_class(**{**common, **sizes})
    config._attn_implementation = "eager"
    model = kind(config).eval().to(torch.float32)
    perturb(model, generator)
    stored, weights = {}, model.state_dict()
    for name in list(weights):
        if not name.endswith(("gate_up_proj", "down_proj")):
            continue
        blocks, scales, exact = microscale(weights[name].transpose(1, 2).contiguous())
        weights[name].copy_(exact.transpose(1, 2))
        stored |= {f"{name}_blocks": blocks.contiguous(), f"{name}_scales": scales.contiguous()}
    model.config.quantization_config = None
    others = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in weights.items()
              if not name.endswith(("gate_up_proj", "down_proj"))}
    save_file(others | stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads(model.config.to_json_string()) | {
        "architectures": ["GptOssForCausalLM"],
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokens = torch.randint(3, VOCABULARY, (1, 40), generator=generator)
    tokens, values = settled(model, tokens, 0, VOCABULARY, 0)
    layer = "model.layers.1.mlp.experts"
    save_file({
        "input_ids": tokens[0].to(torch.int32).contiguous(),
        "logits": values["logits"],
        "gate_up": weights[f"{layer}.gate_up_proj"].transpose(1, 2).contiguous(),
        "down": weights[f"{layer}.down_proj"].transpose(1, 2).contiguous(),
    }, folder / "expected.safetensors")
    print("gpt_oss_mxfp4", values["logits"].std())


torch.set_grad_enabled(False)
torch.set_num_threads(1)
root = Path(sys.argv[1])
for name in sys.argv[2:] or [*shapes, "gpt_oss_mxfp4"]:
    (root / name).mkdir(parents=True, exist_ok=True)
    if name == "gpt_oss_mxfp4":
        make_microscaled(root / name)
    else:
        make(root / name, name)
