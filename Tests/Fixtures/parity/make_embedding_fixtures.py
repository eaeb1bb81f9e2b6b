"""Pooled hidden states of the checkpoints beside this, from Hugging Face transformers.

usage: make_embedding_fixtures.py [NAME…]      (pip install "torch==2.15.0" transformers==5.24.0 safetensors)

Reads a checkpoint and the prompts of its `expected.safetensors`, and writes `embeddings.safetensors`: for each prompt the
mean of the hidden states after the last norm (`mean.0`) and the last of them (`last.0`).
"""
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).resolve().parent
# Attention alone, and layers of both kinds; a residual stream that goes beside embedded tokens.
NAMES = ["llama", "qwen3", "granitemoehybrid", "falcon_h1", "zamba2", "mamba2", "lfm2"]


def make(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompts = {key: value for key, value in load_file(folder / "expected.safetensors").items() if key.startswith("input_ids.")}
    result = {}
    for key, tokens in prompts.items():
        hidden = model.base_model(input_ids=tokens[None].long(), use_cache=False).last_hidden_state[0].double()
        index = key.removeprefix("input_ids.")
        result[f"mean.{index}"] = hidden.mean(0).float()
        result[f"last.{index}"] = hidden[-1].float().clone()
    save_file(result, folder / "embeddings.safetensors")


with torch.no_grad():
    for name in sys.argv[1:] or NAMES:
        make(FOLDER / name)
