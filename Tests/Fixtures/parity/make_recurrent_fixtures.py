"""Makes the parity fixtures of recurrent families that are not among the shared references: a random-weight checkpoint
of each shape below and the logits of Hugging Face transformers 5.23 for it, on weights rounded to bfloat16.

usage: make_recurrent_fixtures.py OUT [NAME…]        (pip install torch==2.13.0 transformers==5.23.0 safetensors)
"""
import json
import pathlib
import sys

from references import references

# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)

import torch
import transformers
from safetensors.torch import load_file, save_file

VOCABULARY = 128
LENGTHS = [1, 7, 33, 70, 130]
GREEDY = 12

common = dict(vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.12)
falcon_h1 = dict(
    common, hidden_size=48, intermediate_size=64, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1,
    head_dim=16, mamba_d_ssm=96, mamba_n_heads=6, mamba_d_head=16, mamba_n_groups=2, mamba_d_state=24,
    mamba_chunk_size=32, mamba_rms_norm=True, lm_head_multiplier=1.5, embedding_multiplier=3.0,
    mlp_multipliers=[0.9, 0.7], key_multiplier=0.5, attention_out_multiplier=0.8, attention_in_multiplier=1.3,
    ssm_multipliers=[0.9, 0.5, 0.6, 0.7, 0.8], ssm_in_multiplier=0.8, ssm_out_multiplier=0.6,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0))
zamba2 = dict(
    common, hidden_size=48, num_attention_heads=4, num_key_value_heads=4, intermediate_size=80, n_mamba_heads=6,
    mamba_d_state=16, chunk_size=16, adapter_rank=8, use_mamba_kernels=False, initializer_range=0.08)

SHAPES = {
    # Widths are adjusted to two thirds and a multiple; everything has a bias.
    "lfm2": ("Lfm2", dict(
        common, hidden_size=48, intermediate_size=150, block_multiple_of=32, num_hidden_layers=4,
        layer_types=["conv", "full_attention", "conv", "conv"], num_attention_heads=3, num_key_value_heads=1,
        conv_bias=True, conv_L_cache=4, max_position_embeddings=512,
        rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "mamba": ("Mamba", dict(
        common, hidden_size=48, num_hidden_layers=3, state_size=16, time_step_rank=5, use_bias=True)),
    "falcon_mamba": ("FalconMamba", dict(
        common, hidden_size=40, num_hidden_layers=3, state_size=12, time_step_rank="auto", conv_kernel=3,
        tie_word_embeddings=False)),
    "falcon_h1_norm": ("FalconH1", dict(falcon_h1, mamba_norm_before_gate=False)),
    "falcon_h1_norm_first": ("FalconH1", dict(
        falcon_h1, mamba_norm_before_gate=True, attention_bias=True, mlp_bias=True, mamba_proj_bias=True,
        projectors_bias=True, tie_word_embeddings=True)),
    # Two transformers in turn, rotary positions, additions to attention too.
    "zamba2": ("Zamba2", dict(
        zamba2, num_hidden_layers=6, layers_block_type=["mamba", "hybrid", "hybrid", "mamba", "hybrid", "hybrid"],
        num_mem_blocks=2, mamba_ngroups=2, use_mem_rope=True, use_shared_attention_adapter=True)),
    "zamba2_bias": ("Zamba2", dict(
        zamba2, num_hidden_layers=4, layers_block_type=["hybrid", "mamba", "hybrid", "mamba"], num_mem_blocks=1,
        add_bias_linear=True)),
}


def older(name, config):
    """The configuration as hub files of earlier versions spell it."""
    config = dict(config, transformers_version="4.48.3", torch_dtype="bfloat16")
    del config["dtype"]
    rope = config.pop("rope_parameters", None)
    if rope:
        config["rope_theta"] = rope["rope_theta"]
        config["rope_scaling"] = None
    if name == "lfm2":
        kinds = config.pop("layer_types")
        config["full_attn_idxs"] = [i for i, kind in enumerate(kinds) if kind == "full_attention"]
        config["block_ff_dim"] = config.pop("intermediate_size")
        config["tie_embedding"] = config.pop("tie_word_embeddings")
        config |= dict(block_dim=config["hidden_size"], conv_dim=config["hidden_size"], block_use_swiglu=True)
    if name.startswith("zamba2"):
        kinds = [kind.replace("linear_attention", "mamba") for kind in config["layers_block_type"]]
        config["layers_block_type"] = kinds
        config |= dict(lora_rank=config["adapter_rank"], use_shared_mlp_adapter=True, gated_linear_unit=True)
    return config


def randomize(model, generator):
    """Weights that make every part of a model matter."""
    def normal(shape):
        return torch.randn(shape, generator=generator)

    for name, weight in model.named_parameters():
        if "A_log" in name:
            weight.copy_(torch.log(1 + 15 * torch.rand(weight.shape, generator=generator)))
        elif "conv" in name and weight.dim() == 3:
            weight.copy_(0.4 * normal(weight.shape))
        elif weight.dim() == 1:
            if "dt_bias" in name or "dt_proj.bias" in name:
                weight.copy_(normal(weight.shape) - 2)
            elif name.endswith(".D"):
                weight.copy_(1 + 0.3 * normal(weight.shape))
            elif "norm" in name:
                weight.copy_(1 + 0.2 * normal(weight.shape))
            else:
                weight.copy_(0.1 * normal(weight.shape))
        elif "adapter" in name:
            weight.copy_(0.15 * normal(weight.shape))
    for weight in model.parameters():
        weight.copy_(weight.to(torch.bfloat16).float())


def make(name, folder):
    family, sizes = SHAPES[name]
    torch.manual_seed(sum(map(ord, name)))
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    kind = getattr(transformers, family + "ForCausalLM")
    model = kind(kind.config_class(**sizes)).eval().float()
    randomize(model, generator)
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: t.to(torch.bfloat16) for name, t in tensors.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.hub.json").write_text(json.dumps(older(name, config), indent=2) + "\n")
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    for module in model.modules():
        # Steps of time are clamped on one of the library's two paths only; the reference does not clamp.
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    expected = references(model, generator, VOCABULARY, LENGTHS, GREEDY)
    save_file(expected, folder / "expected.safetensors")
    print(name, sum(p.numel() for p in model.parameters()), "weights, logits of deviation",
          round(float(expected["logits.4"].std()), 3))


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    out = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or SHAPES:
        (out / name).mkdir(parents=True, exist_ok=True)
        make(name, out / name)
