"""Weights from a model's folder, into a model that may have more tokens, layers or modules."""
import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file

from tokenizer import parts

MARKS_LIKE = {"<|tool|>": "<|user|>", "<tool_call>": "<think>", "</tool_call>": "</think>"}


def load(model, folder):
    """The weights of an exported model, in f32."""
    tensors = {name: tensor.float() for name, tensor in load_file(Path(folder) / "model.safetensors").items()}
    model.load_state_dict(tensors)
    return model


@torch.no_grad()
def warm(model, tokenizer, folder):
    """Weights of a smaller model of the same trunk. A new token begins as the mean of what it was merged from, and a new
    layer of attention adds nothing at first."""
    tensors = {name: tensor.float() for name, tensor in load_file(Path(folder) / "model.safetensors").items()}
    pattern = json.loads((Path(folder) / "config.json").read_text())["layer_pattern"]
    kept, added = places(pattern, model.config.layer_pattern)
    tensors = {
        re.sub(r"(?<=^model\.layers\.)\d+", lambda layer: str(kept[int(layer[0])]), name): tensor
        for name, tensor in tensors.items()
    }
    for layer in added:
        model.model.layers[layer]["self_attn"].o_proj.weight.zero_()
    name = "model.embed_tokens.weight"
    known, embedding = tensors.pop(name), model.model.embed_tokens.weight
    embedding[: len(known)] = known
    for id, old in parts(tokenizer, len(known)).items():
        like = tokenizer.token_to_id(MARKS_LIKE.get(tokenizer.id_to_token(id), ""))
        if old:
            embedding[id] = known[old].mean(0)
        elif like is not None:
            embedding[id] = known[like] + 0.02 * torch.randn_like(known[like])
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    new = (name, "model.mtp.", *(f"model.layers.{layer}." for layer in added))
    assert not unexpected and all(n.startswith(new) for n in missing), (missing, unexpected)


def places(old, new):
    """Where each layer of a pattern stands in one with more layers, and where the others do."""
    kept, at = [], 0
    for kind in old:
        at = new.index(kind, at)
        kept.append(at)
        at += 1
    return kept, [layer for layer in range(len(new)) if layer not in kept]
