"""Small random-weight models as llama.cpp's tools quantise them, with logits of Hugging Face transformers.

usage: make_quantized.py LLAMA_CPP LLAMA_QUANTIZE OUTPUT [ARCHITECTURE …]

LLAMA_CPP is llama.cpp's source folder, LLAMA_QUANTIZE its program. Writes OUTPUT/ARCHITECTURE.gguf, whose matrices are
in formats that change from one to the next, and OUTPUT/ARCHITECTURE.safetensors: `input_ids` [prompts × tokens], and two
kinds of logits [prompts × tokens × vocabulary], both of transformers in 32-bit floats with the weights that gguf-py makes
of the file: `dequantized`, and `rounded`, for which what a quantised matrix is multiplied with was rounded to 8 bits
first, as dot products of integers need it: in blocks of 32, to multiples of the 127th part of the block's largest
magnitude.

Where the converter puts a number is found by converting numbers that tell where they come from.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from make_fixtures import COMMON, LLAMA, MODELS, VOCABULARY, convert, perturb

# By architecture: what is different from the models of make_fixtures.py, so that rows are whole blocks.
CHANGES: dict[str, dict[str, Any]] = {
    "llama": LLAMA | {
        "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1, "head_dim": 16,
        "initializer_range": 0.06},
    "granitehybrid": {"intermediate_size": 32, "shared_intermediate_size": 32},
    "nemotron_h_moe": {
        "intermediate_size": 64, "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 32,
        "moe_latent_size": 32},
    "jamba": {},
    "lfm2moe": {"intermediate_size": 64, "moe_intermediate_size": 32},
    "qwen3next": {"shared_expert_intermediate_size": 32},
    "deepseek2": {
        "moe_intermediate_size": 32, "kv_lora_rank": 32, "q_lora_rank": 32, "qk_nope_head_dim": 32, "v_head_dim": 32},
}
# Few tokens each: a number on the border between two codes may be rounded either way, and moves all that follows it.
PROMPTS = (10, 4)
# By the elements of a block.
FORMATS = {256: ["Q4_K", "Q6_K", "Q5_K"], 32: ["Q8_0", "Q4_0", "Q5_1", "Q4_1", "Q5_0"]}


class RoundedInputs(TorchFunctionMode):
    """Rounds what some matrices are multiplied with."""

    def __init__(self, matrices: dict[int, str]) -> None:
        super().__init__()
        self.matrices = matrices
        self.used: set[int] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is linear:
            address = args[1].untyped_storage().data_ptr()
            if address in self.matrices:
                self.used.add(address)
                args = (rounded(args[0]), *args[1:])
        return function(*args, **(kwargs or {}))


def rounded(x: torch.Tensor) -> torch.Tensor:
    blocks = x.reshape(*x.shape[:-1], -1, 32)
    scale = blocks.abs().amax(-1, keepdim=True) / 127
    return (torch.round(blocks * torch.where(scale > 0, 1 / scale, 0)) * scale).reshape(x.shape)


def formats(reader: Any) -> dict[str, str]:
    """A format for every matrix whose rows are whole blocks, each in turn. Those that expand keys and values of latent
    attention stay as they are: how they are multiplied with is no part of the format."""
    chosen: dict[str, str] = {}
    turns = {size: 0 for size in FORMATS}
    for tensor in reader.tensors:
        size = next((size for size in FORMATS if tensor.shape[0] % size == 0), None)
        if len(tensor.shape) < 2 or size is None:
            continue
        if re.search("attn_[kv]_b", tensor.name):
            chosen[tensor.name] = "BF16"
            continue
        chosen[tensor.name] = FORMATS[size][turns[size] % len(FORMATS[size])]
        turns[size] += 1
    return chosen


def quantize(program: Path, gguf: Any, plain: Path, output: Path) -> None:
    kinds = formats(gguf.GGUFReader(plain))
    names = [f"{re.escape(name)}={kind.lower()}" for name, kind in kinds.items()]
    options = [option for name in names for option in ("--tensor-type", name)]
    options += ["--token-embedding-type", kinds["token_embd.weight"].lower()]
    if "output.weight" in kinds:
        options += ["--output-tensor-type", kinds["output.weight"].lower()]
    subprocess.run([program, *options, plain, output, "Q8_0", "1"], check=True, capture_output=True, text=True)


def numbered(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The checkpoint with every number replaced by its place in it."""
    count = sum(tensor.numel() for tensor in state.values())
    assert count < 1 << 24, f"{count} places are more than 32-bit floats tell apart"
    parts = torch.arange(count, dtype=torch.float32).split([tensor.numel() for tensor in state.values()])
    return {name: part.reshape(tensor.shape).clone() for (name, tensor), part in zip(state.items(), parts)}


def dequantize(
    gguf: Any, quantized: Path, places: Path, state: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The checkpoint with the file's weights, and one with ones where they are quantised and zeros elsewhere."""
    names = list(state)
    starts = np.cumsum([0] + [state[name].numel() for name in names])
    values = np.concatenate([state[name].float().numpy().ravel() for name in names])
    mask = np.zeros_like(values)
    where = {tensor.name: tensor for tensor in gguf.GGUFReader(places).tensors}
    for tensor in gguf.GGUFReader(quantized).tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.F32:
            continue
        index = where[tensor.name].data.ravel().astype(np.int64)
        values[index] = gguf.quants.dequantize(tensor.data, tensor.tensor_type).ravel()
        mask[index] = gguf.GGML_QUANT_SIZES[tensor.tensor_type][0] > 1

    def split(numbers: np.ndarray) -> dict[str, torch.Tensor]:
        parts = zip(names, starts, starts[1:])
        return {name: torch.from_numpy(numbers[a:b].copy()).reshape(state[name].shape) for name, a, b in parts}

    return split(values), split(mask)


def load(kind: Any, folder: Path, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    model = kind.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
    for module in model.modules():
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    return model


def quantized_matrices(mask: torch.nn.Module, model: torch.nn.Module) -> dict[int, str]:
    """By address, the model's matrices that the file holds quantised."""
    marks = dict(mask.named_parameters())
    found: dict[int, str] = {}
    for name, parameter in model.named_parameters():
        share = marks[name].float().mean().item()
        assert share in (0, 1), f"{share} of {name} is quantised"
        if share:
            found[parameter.untyped_storage().data_ptr()] = name
    return found


def make(source: Path, program: Path, output: Path, architecture: str) -> None:
    import gguf
    import gguf.quants

    name, settings, spelling = MODELS[architecture]
    seed = sum(map(ord, architecture)) + 1
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    kind = getattr(transformers, name)
    config = kind.config_class(**(COMMON | settings | CHANGES[architecture]))
    result = output / f"{architecture}.gguf"
    with torch.no_grad(), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = kind(config).eval().to(torch.float32)
        perturb(model, generator)
        model.save_pretrained(folder)
        weights = folder / "model.safetensors"
        settings_text = (folder / "config.json").read_text()
        state = {name: tensor.clone() for name, tensor in load_file(weights).items()}
        convert(source, folder, folder / "plain.gguf", architecture, spelling, "bf16")
        quantize(program, gguf, folder / "plain.gguf", result)
        save_file(numbered(state), weights, metadata={"format": "pt"})
        convert(source, folder, folder / "places.gguf", architecture, spelling, "f32")
        (folder / "config.json").write_text(settings_text)
        values, mask = dequantize(gguf, result, folder / "places.gguf", state)
        model = load(kind, folder, values)
        tokens = torch.randint(3, VOCABULARY, PROMPTS, generator=generator)
        exact = model(input_ids=tokens, use_cache=False).logits.float()
        mode = RoundedInputs(quantized_matrices(load(kind, folder, mask), model))
        with mode:
            logits = model(input_ids=tokens, use_cache=False).logits.float()
        missed = [name for address, name in mode.matrices.items() if address not in mode.used and "embed" not in name]
        assert not missed, f"not multiplied with: {missed}"
        save_file(
            {"input_ids": tokens.to(torch.int32).contiguous(), "dequantized": exact.contiguous(),
             "rounded": logits.contiguous()}, output / f"{architecture}.safetensors")
    kinds = sorted({tensor.tensor_type.name for tensor in gguf.GGUFReader(result).tensors})
    print(architecture, result.stat().st_size, "bytes,", " ".join(kinds), "deviation", round(exact.std().item(), 3),
          "rounding moves", round((logits - exact).std().item(), 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "program", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("architectures", nargs="*", default=list(CHANGES))
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.source / "gguf-py"))
    for architecture in arguments.architectures:
        try:
            make(arguments.source.resolve(), arguments.program, arguments.output, architecture)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{architecture}: {error.stderr[-2000:]}")


if __name__ == "__main__":
    main()
