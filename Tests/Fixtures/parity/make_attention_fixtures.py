"""Random-weight checkpoints of attention families, with reference logits from Hugging Face transformers.

usage: make_attention_fixtures.py FOLDER [NAME…]      (pip install "torch==2.13.0" transformers==5.23.0 safetensors)

Weights are rounded to bfloat16 before the references are computed. Beside `config.json`, as transformers 5 writes it, stands
`config.hub.json` in the spelling of older files.
"""
import json
import math
import sys
from pathlib import Path

from references import references

# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)

import torch
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 256
LENGTHS = [1, 7, 33, 70, 130]
common = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.12,
              max_position_embeddings=512)
granite = dict(embedding_multiplier=1.5, logits_scaling=0.7, residual_multiplier=0.6, attention_multiplier=0.2)
shapes = {
    # Every bias there can be, a tied head, waves of all three kinds.
    "llama": ("LlamaForCausalLM", dict(
        hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
        head_dim=16, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                             high_freq_factor=4.0, original_max_position_embeddings=64))),
    # Cosines and sines by a factor; heads that are wider together than the residual stream.
    "llama_yarn": ("LlamaForCausalLM", dict(
        hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        head_dim=32, rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=8.0,
                                          original_max_position_embeddings=64))),
    "mistral": ("MistralForCausalLM", dict(
        hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1,
        sliding_window=None, rope_parameters=dict(rope_type="linear", rope_theta=1e6, factor=2.0))),
    "qwen2": ("Qwen2ForCausalLM", dict(
        hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
        tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6))),
    "granite": ("GraniteForCausalLM", dict(
        granite, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    "granitemoe": ("GraniteMoeForCausalLM", dict(
        granite, hidden_size=48, intermediate_size=32, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=8, num_experts_per_tok=3, tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    # Softmax of all experts, of which two of four groups are kept by their single best.
    "deepseek_v2": ("DeepseekV2ForCausalLM", dict(
        hidden_size=48, intermediate_size=64, moe_intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=4, n_shared_experts=1, n_routed_experts=8, num_experts_per_tok=3, n_group=4, topk_group=2,
        topk_method="group_limited_greedy", routed_scaling_factor=1.6, kv_lora_rank=24, q_lora_rank=32,
        qk_rope_head_dim=8, qk_nope_head_dim=16, v_head_dim=16, first_k_dense_replace=1,
        rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=64,
                             mscale=0.707, mscale_all_dim=0.707))),
    # Queries without a rank of their own, one group, scores and angles scaled by YaRN.
    "deepseek_v3_yarn": ("DeepseekV3ForCausalLM", dict(
        hidden_size=48, intermediate_size=64, moe_intermediate_size=24, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=6, n_shared_experts=2, n_routed_experts=8, num_experts_per_tok=3, n_group=1, topk_group=1,
        routed_scaling_factor=1.3, kv_lora_rank=40, q_lora_rank=None, qk_rope_head_dim=16, qk_nope_head_dim=24,
        v_head_dim=20, first_k_dense_replace=2, attention_bias=True,
        rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=64,
                             beta_fast=32, beta_slow=1, mscale=0.8, mscale_all_dim=1.0))),
}


def perturb(model, generator):
    """Gives every vector values that matter, and rounds everything to bfloat16."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(0.1 * noise if "bias" in name else 1 + 0.2 * noise)
    biases = [buffer for name, buffer in model.named_buffers() if "bias" in name]
    for buffer in biases:
        buffer.copy_(0.2 * torch.randn(buffer.shape, generator=generator))
    for tensor in list(model.parameters()) + biases:
        tensor.copy_(tensor.to(torch.bfloat16).to(torch.float32))


def older(config):
    """The configuration in the spelling of files of transformers 4."""
    config = dict(config, transformers_version="4.48.3", torch_dtype="bfloat16")
    config.pop("dtype", None)
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}
    return config


def make(folder, name):
    class_name, sizes = shapes[name]
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
    (folder / "config.hub.json").write_text(json.dumps(older(config), indent=2) + "\n")
    model = model_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    result = references(model, generator, VOCABULARY, LENGTHS, 12)
    save_file(result, folder / "expected.safetensors")
    logits = result[f"logits.{len(LENGTHS) - 1}"]
    assert math.isfinite(logits.std())
    print(name, "logits of standard deviation", round(logits.std().item(), 3), "smallest margin",
          round(min(result[key].min().item() for key in result if key.startswith("greedy_margin")), 4))


torch.set_grad_enabled(False)
torch.set_num_threads(1)
root = Path(sys.argv[1])
for name in sys.argv[2:] or shapes:
    (root / name).mkdir(parents=True, exist_ok=True)
    make(root / name, name)
