"""Writes a training checkpoint as a model folder, and reads a model folder back.

usage: export.py CHECKPOINT FOLDER

Weights are rounded to bf16, the router stays in f32, experts are written one by one. Next to the weights go the
tokenizer, the template and the configuration from this repository, unless FOLDER is where they already are.
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model import CONFIG, Model

HOME = Path(__file__).resolve().parent.parent
COMPANIONS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
)


def split_experts(state):
    """Tensors under the names of the checkpoint format, from stacked experts."""
    result = {}
    for name, tensor in state.items():
        stem, _, last = name.rpartition(".")
        if last == "gate_up_proj":
            for expert, both in enumerate(tensor):
                gate, up = both.chunk(2)
                result[f"{stem}.{expert}.gate_proj.weight"], result[f"{stem}.{expert}.up_proj.weight"] = gate, up
        elif last == "down_proj":
            result.update({f"{stem}.{expert}.down_proj.weight": down for expert, down in enumerate(tensor)})
        else:
            result[name] = tensor
    return result


def stack_experts(tensors, config):
    """The inverse of `split_experts`, in f32."""
    state = {name: tensor.float() for name, tensor in tensors.items() if ".experts." not in name}
    for layer in (i for i, kind in enumerate(config["layer_pattern"]) if kind == "F"):
        stem = f"model.layers.{layer}.mlp.experts"
        part = lambda name: torch.stack(
            [tensors[f"{stem}.{e}.{name}.weight"].float() for e in range(config["num_experts"])]
        )
        state[f"{stem}.gate_up_proj"] = torch.cat([part("gate_proj"), part("up_proj")], 1)
        state[f"{stem}.down_proj"] = part("down_proj")
    return state


def load(folder):
    """The model of a folder in f32, for evaluation."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model = Model(config).eval()
    model.load_state_dict(stack_experts(load_file(Path(folder) / "model.safetensors"), config))
    return model


def main():
    checkpoint, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor if name.endswith("gate.wg.weight") else tensor.to(torch.bfloat16)).contiguous()
        for name, tensor in split_experts(torch.load(checkpoint)["model"]).items()
    }
    assert all(tensor.isfinite().all() for tensor in tensors.values()), "a weight is not finite"
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    if folder.resolve() != HOME:
        for name in COMPANIONS:
            shutil.copyfile(HOME / name, folder / name)
    print(f"{len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} parameters")


if __name__ == "__main__":
    main()
