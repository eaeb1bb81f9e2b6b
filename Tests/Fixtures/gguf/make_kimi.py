"""A small random-weight model of Kimi K3 in llama.cpp's GGUF, with logits of plain torch.

usage: make_kimi.py LLAMA_CPP OUTPUT

As make_fixtures.py, for a model that transformers does not have: its weights and what computes them are those of
../parity/make_kimi_fixture.py.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent / "parity")
import make_kimi_fixture as kimi
import torch
from safetensors.torch import save_file


def make(source, output):
    generator = torch.Generator().manual_seed(7)
    weights = kimi.make_weights(generator)
    tokens = torch.randint(3, kimi.VOCABULARY, (1, 24), generator=generator)
    logits = kimi.Model(weights).double()(input_ids=tokens).logits[0].float()
    save_file(
        {"input_ids": tokens[0].to(torch.int32).contiguous(), "logits": logits.contiguous()},
        output / "kimi-k3.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(kimi.config))
        save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
        script = HERE.parents[2] / "Benchmarks" / "peer_convert.py"
        result = subprocess.run(
            [sys.executable, script, source, folder, output / "kimi-k3.gguf", "bf16"], capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"kimi-k3: {result.stderr[-2000:]}")
    print((output / "kimi-k3.gguf").stat().st_size, "bytes, deviation", round(logits.std().item(), 3))


torch.set_grad_enabled(False)
torch.set_num_threads(1)
make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
