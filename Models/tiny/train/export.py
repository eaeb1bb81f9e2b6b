"""Writes a training checkpoint as a model folder.

usage: export.py CHECKPOINT FOLDER

Weights are rounded to bf16, the router stays in f32. Next to the weights go the tokenizer, the template, the
configuration and the network from this repository, unless FOLDER is where they already are.
"""
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HOME = Path(__file__).resolve().parent.parent
COMPANIONS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
    "configuration_hunyuan_t1.py", "modeling_hunyuan_t1.py",
)


def main():
    checkpoint, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor if name.endswith("gate.wg.weight") else tensor.to(torch.bfloat16)).contiguous()
        for name, tensor in torch.load(checkpoint)["model"].items()
    }
    assert all(tensor.isfinite().all() for tensor in tensors.values()), "a weight is not finite"
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    if folder.resolve() != HOME:
        for name in COMPANIONS:
            shutil.copyfile(HOME / name, folder / name)
    print(f"{len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} parameters")


if __name__ == "__main__":
    main()
