"""Small random-weight models in llama.cpp's GGUF that transformers does not have, with logits of plain torch.

usage: make_plain.py LLAMA_CPP OUTPUT [ARCHITECTURE …]

As make_fixtures.py; weights, and what computes them, are those of ../parity/make_plamo_fixture.py and make_kimi_fixture.py.
llama.cpp knows nothing of PLaMo 2's windows.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent / "parity")
import make_kimi_fixture as kimi
import make_plamo_fixture as plamo
import torch
from safetensors.torch import save_file

# By architecture: the module, its configuration, and the model of weights.
MODELS = {
    "plamo2": (
        plamo, plamo.config | dict(attention_window_size=2048), lambda weights: plamo.Model(weights, window=None)),
    "kimi-k3": (kimi, kimi.config, kimi.Model),
}


def make(source, output, architecture):
    module, config, model = MODELS[architecture]
    generator = torch.Generator().manual_seed(7)
    weights = module.make_weights(generator)
    tokens = torch.randint(3, module.VOCABULARY, (1, 24), generator=generator)
    logits = model(weights).double()(input_ids=tokens).logits[0].float()
    save_file(
        {"input_ids": tokens[0].to(torch.int32).contiguous(), "logits": logits.contiguous()},
        output / f"{architecture}.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
        script = HERE.parents[2] / "Benchmarks" / "peer_convert.py"
        result = subprocess.run(
            [sys.executable, script, source, folder, output / f"{architecture}.gguf", "bf16"], capture_output=True,
            text=True)
        if result.returncode:
            sys.exit(f"{architecture}: {result.stderr[-2000:]}")
    print(architecture, (output / f"{architecture}.gguf").stat().st_size, "bytes, deviation", round(logits.std().item(), 3))


torch.set_grad_enabled(False)
torch.set_num_threads(1)
for name in sys.argv[3:] or MODELS:
    make(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), name)
