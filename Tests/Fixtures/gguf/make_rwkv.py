"""Small random-weight models of RWKV in llama.cpp's GGUF, with logits of the package `rwkv`.

usage: make_rwkv.py LLAMA_CPP OUTPUT [ARCHITECTURE …]

As make_fixtures.py, for models that transformers does not have: weights, their names in checkpoints and what computes them
are those of ../parity/make_rwkv_fixtures.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent / "parity")
# It takes this place off the path.
sys.path.insert(0, sys.path[0])
# The package halves the stream behind every layer of RWKV 6, and weights on the way, as the converter does.
os.environ["RWKV_RESCALE_LAYER"] = "1"
import make_rwkv_fixtures as rwkv
import torch
from safetensors.torch import save_file

rwkv.LAYERS = 2
# RWKV 6 has the widths of bottlenecks that the converter takes for granted. Norms have the ε that llama.cpp has.
MODELS = {
    "rwkv6": (
        rwkv.config6 | dict(num_hidden_layers=2, rescale_every=1, time_mix_extra_dim=32, time_decay_extra_dim=64),
        lambda seed: rwkv.rwkv6(seed, 32, 64), rwkv.shapes["rwkv6"][2], rwkv.as_rwkv6),
    "rwkv7": (
        rwkv.config7 | dict(num_hidden_layers=2, norm_eps=1e-5, value_dim=None, head_norm_eps=64e-5), rwkv.rwkv7,
        rwkv.shapes["rwkv7"][2], lambda weights: rwkv.as_rwkv7(weights, scale=1)),
    "arwkv7": (rwkv.config_hybrid | dict(wkv_has_gate=True), *rwkv.shapes["rwkv_hybrid"][1:]),
    "arwkv7-bare": (rwkv.shapes["rwkv_hybrid_bare"]),
}


def make(source, output, architecture):
    config, weights, model, as_stored = MODELS[architecture]
    seed = sum(map(ord, architecture))
    numbers = weights(seed)
    tokens = torch.randint(3, rwkv.VOCABULARY, (1, 24), generator=torch.Generator().manual_seed(seed))
    logits = model(numbers)(input_ids=tokens).logits[0].float()
    save_file(
        {"input_ids": tokens[0].to(torch.int32).contiguous(), "logits": logits.contiguous()},
        output / f"{architecture}.safetensors")
    text = json.dumps(dict(sorted(config.items())), indent=2) + "\n"
    if not architecture.startswith("arwkv7"):
        (output / f"{architecture}.json").write_text(text)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(text)
        stored = {key: value.to(torch.bfloat16).contiguous() for key, value in as_stored(numbers).items()}
        save_file(stored, f"{folder}/model.safetensors", metadata={"format": "pt"})
        script = HERE.parents[2] / "Benchmarks" / "peer_convert.py"
        result = subprocess.run(
            [sys.executable, script, source, folder, output / f"{architecture}.gguf", "bf16"], capture_output=True,
            text=True)
        if result.returncode:
            sys.exit(f"{architecture}: {result.stderr[-2000:]}")
    print(architecture, (output / f"{architecture}.gguf").stat().st_size, "bytes, deviation", round(logits.std().item(), 3))


torch.set_grad_enabled(False)
for name in sys.argv[3:] or MODELS:
    make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), name)
