"""Random-weight checkpoints of models with delta-rule layers, with reference logits from Hugging Face transformers.

usage: make_delta_fixtures.py OUT [NAME…]

torch 2.13.0, transformers 5.23.0, safetensors. References are computed on weights that were rounded to bfloat16. Delta rules
make more of errors than other layers do, and their products keep more bits.
"""
import json, os, sys
from references import references
# Folders beside this file have names that transformers takes for packages.
sys.path.pop(0)
import torch, transformers
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
torch.set_grad_enabled(False)

TOKENS = dict(vocab_size=160, pad_token_id=0, bos_token_id=1, eos_token_id=2)
PARTIAL = dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.25)
QWEN = dict(
    TOKENS, hidden_size=48, head_dim=32, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    linear_conv_kernel_dim=4, linear_key_head_dim=24, linear_value_head_dim=16, linear_num_key_heads=2,
    linear_num_value_heads=6, initializer_range=0.12)
EXPERTS = dict(
    num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24, shared_expert_intermediate_size=40)
# A tower that sees images, which the text model goes without.
VISION = dict(
    depth=1, hidden_size=16, intermediate_size=16, num_heads=2, in_channels=3, patch_size=4, spatial_merge_size=2,
    temporal_patch_size=1, out_hidden_size=48, num_position_embeddings=16)
MROPE = dict(PARTIAL, rope_theta=1e7, mrope_interleaved=True, mrope_section=[2, 1, 1])
KIMI = dict(
    TOKENS, hidden_size=64, intermediate_size=96, moe_intermediate_size=32, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=4, kv_lora_rank=32, q_lora_rank=None, qk_rope_head_dim=8, qk_nope_head_dim=16, v_head_dim=12,
    num_local_experts=8, num_experts_per_tok=3, n_shared_experts=1, n_group=1, topk_group=1, routed_scaling_factor=2.446,
    norm_topk_prob=True, max_position_embeddings=512, rms_norm_eps=1e-5, linear_head_dim=16, linear_num_heads=4,
    linear_conv_kernel_dim=4, mlp_layer_types=["dense", "sparse", "sparse", "sparse"],
    layer_types=["linear_attention", "linear_attention", "full_attention", "linear_attention"], initializer_range=0.12)

SHAPES = {
    "qwen3_5": ("Qwen3_5ForConditionalGeneration", dict(
        text_config=dict(
            QWEN, intermediate_size=80, num_hidden_layers=4, rope_parameters=MROPE, tie_word_embeddings=True,
            layer_types=["linear_attention", "full_attention", "linear_attention", "linear_attention"]),
        vision_config=VISION, tie_word_embeddings=True, image_token_id=3, video_token_id=4, vision_start_token_id=5,
        vision_end_token_id=6)),
    "qwen3_5_moe": ("Qwen3_5MoeForConditionalGeneration", dict(
        text_config=dict(QWEN, **EXPERTS, num_hidden_layers=4, rope_parameters=MROPE),
        vision_config=VISION, image_token_id=3, video_token_id=4, vision_start_token_id=5, vision_end_token_id=6)),
    "kimi_linear": ("KimiLinearForCausalLM", KIMI),
}


def randomize(model, generator):
    """Values that a trained model might have, where those of a new one are too regular to show mistakes."""
    def normal(p, mean, deviation):
        p.copy_(mean + deviation * torch.randn(p.shape, generator=generator))
    for name, p in model.named_parameters():
        if "A_log" in name: p.copy_(torch.log(1 + 15 * torch.rand(p.shape, generator=generator)))
        elif "dt_bias" in name: normal(p, -2.0, 1.0)
        elif "conv1d" in name: normal(p, 0.0, 0.4)
        elif p.dim() == 1 and "norm" in name: normal(p, 0.0 if p.abs().max() == 0 else 1.0, 0.2)
        elif p.dim() == 1: normal(p, 0.0, 0.1)
    biases = [b for name, b in model.named_buffers() if "correction_bias" in name]
    for b in biases: normal(b, 0.0, 0.2)
    for p in list(model.parameters()) + biases: p.copy_(p.to(torch.bfloat16).to(torch.float32))


def main(out, names):
    for name in names or SHAPES:
        cls, shape = SHAPES[name]
        cls = getattr(transformers, cls)
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        seed = sum(map(ord, name))
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        config = cls.config_class(**shape)
        config._attn_implementation = "eager"
        model = cls(config).eval().to(torch.float32)
        randomize(model, generator)
        model.save_pretrained(folder)
        path = os.path.join(folder, "model.safetensors")
        weights = {k: v.to(torch.bfloat16) if v.dtype == torch.float32 else v for k, v in load_file(path).items()}
        if "qwen" in name:
            weights["mtp.norm.weight"] = torch.zeros(QWEN["hidden_size"], dtype=torch.bfloat16)
        save_file(weights, path, metadata={"format": "pt"})
        model = cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        expected = references(
            model, generator, TOKENS["vocab_size"], [1, 7, 33, 70, 200], 12, least_token=7, most_rounding=1e-4)
        save_file(expected, os.path.join(folder, "expected.safetensors"))
        margin = min(v.min().item() for k, v in expected.items() if k.startswith("greedy_margin"))
        print(name, len(weights), "tensors, logit deviation", round(expected["logits.4"].std().item(), 3),
              "smallest margin", round(margin, 4))


main(sys.argv[1], sys.argv[2:])
