"""Weights from a model's folder, into a model that may have more tokens or modules."""
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
    """Weights of a smaller model of the same trunk. A new token begins as the mean of what it was merged from."""
    tensors = {name: tensor.float() for name, tensor in load_file(Path(folder) / "model.safetensors").items()}
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
    assert not unexpected and all(n == name or n.startswith("model.mtp.") for n in missing), (missing, unexpected)
