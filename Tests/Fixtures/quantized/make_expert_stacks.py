"""Quantises the experts of a small model of Inkling 2 as published files have them, and takes the weights back by transformers.

usage: make_expert_stacks.py OUT      (pip install "torch==2.13.0" transformers==5.24.0 safetensors)

OUT has `config.json` and `model.safetensors`, with the stacks of one layer in MXFP8 and those of the others in NVFP4, and in
`expected.safetensors` what these stand for, in F32.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers.core_model_loading import Inkling2LoopDequantizeExperts

SOURCE = Path(__file__).resolve().parent.parent / "parity" / "inkling2_loop_text"
NUMBERS = torch.tensor(Inkling2LoopDequantizeExperts.E2M1_VALUES[:8])


def mxfp8(weight):
    """Values in E4M3, and exponents of 32 columns, or of as many as there are."""
    blocks = weight.float().unflatten(-1, (-1, 32))
    exponents = torch.floor(torch.log2(blocks.abs().amax(-1))).clamp(min=-120) - 7
    values = (blocks / torch.exp2(exponents)[..., None]).to(torch.float8_e4m3fn)
    return {"": values.flatten(-2), "_scale": (exponents + 127).to(torch.uint8)}


def nvfp4(weight):
    """Codes of two numbers a byte, scales of 16 columns, and what they are multiplied with and divided by, of each expert."""
    most = weight.float().abs().amax((1, 2))
    denominator = torch.full_like(most, 6 * 448.0)
    blocks = weight.float().unflatten(-1, (-1, 16))
    factor = (most / denominator)[:, None, None]
    scales = (blocks.abs().amax(-1) / 6 / factor).to(torch.float8_e4m3fn)
    values = blocks / (scales.float() * factor)[..., None].clamp(min=1e-12)
    codes = (values.abs()[..., None] - NUMBERS).abs().argmin(-1) + 8 * (values < 0)
    codes = codes.flatten(-2).to(torch.uint8)
    return {"": codes[..., 0::2] | codes[..., 1::2] << 4, "_scale": scales, "_amax": most,
            "_outer_scale_denominator": denominator}


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    weights, expected = load_file(SOURCE / "model.safetensors"), {}
    for name in [name for name in weights if name.endswith(("w13_weight", "w2_weight"))]:
        weight = weights.pop(name)
        # Experts' inner width is half a block of MXFP8.
        is_eight = ".layers.1." in name and name.endswith("w13_weight")
        parts = {name + end: tensor for end, tensor in (mxfp8 if is_eight else nvfp4)(weight).items()}
        patterns = [name + end for end in ("", "_scale", "_amax", "_outer_scale_denominator")]
        model = torch.nn.Module()
        model.get_parameter = lambda _: torch.zeros(())
        back = Inkling2LoopDequantizeExperts().convert(parts, patterns, [name], model=model, full_layer_name=name)[name]
        error = (back - weight.float()).norm() / weight.float().norm()
        assert error < (0.05 if is_eight else 0.15), (name, error)
        expected[name] = back
        weights |= parts
    (out / "config.json").write_text((SOURCE / "config.json").read_text())
    save_file({key: value.contiguous() for key, value in weights.items()}, out / "model.safetensors")
    save_file(expected, out / "expected.safetensors")
    print(len(expected), "stacks")


main(Path(sys.argv[1]))
