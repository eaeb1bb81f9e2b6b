"""Accuracy on unseen problems with real greedy generation in torch.

usage: score.py FOLDER [--count 1000] [--json FILE]     (FOLDER holds an exported model)
"""
import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer

from data import NO_THOUGHT
from unseen import KINDS, unseen

EOS = 2


@torch.no_grad()
def generate(model, prompts, limit=200):
    """Greedy continuations (ids up to and with the end token) and, per row, the least margin of first over second.

    Rows advance together one position at a time, each still reading its prompt or already writing.
    """
    rows, live, caches = [list(p) for p in prompts], list(range(len(prompts))), [{} for _ in model.mixers]
    margins = [float("inf")] * len(prompts)
    for at in range(max(map(len, prompts)) + limit):
        logits = model.step(torch.tensor([rows[i][at] for i in live]), caches)
        best = logits.topk(2)
        for row, i in enumerate(live):
            if at == len(rows[i]) - 1:
                rows[i].append(int(best.indices[row, 0]))
                margins[i] = min(margins[i], float(best.values[row, 0] - best.values[row, 1]))
        keep = [row for row, i in enumerate(live) if not finished(rows[i], at, len(prompts[i]), limit)]
        if not keep:
            break
        if len(keep) < len(live):
            live, index = [live[row] for row in keep], torch.tensor(keep)
            caches = [{name: t[index] for name, t in cache.items()} for cache in caches]
    return [row[len(p) :] for row, p in zip(rows, prompts)], margins


def finished(row, at, prompt, limit):
    """Whether a row, of which position `at` has been read, has nothing more to write."""
    return at + 1 >= prompt and len(row) > prompt and (row[-1] == EOS or len(row) - prompt >= limit)


def score(model, tokenizer, kind, count, thinking=True, batch=250):
    """Share of exact answers, share of answers that came with reasoning, and the longest output in tokens."""
    model.eval()
    right = reasoned = longest = 0
    wrong = []
    cases = unseen(kind, count)
    for start in range(0, count, batch):
        part = cases[start : start + batch]
        texts = [f"<|bos|><|user|>{q}<|assistant|>" + ("" if thinking else NO_THOUGHT) for q, _ in part]
        outputs, _ = generate(model, [tokenizer.encode(t, add_special_tokens=False).ids for t in texts])
        for (question, answer), ids in zip(part, outputs):
            text = tokenizer.decode(ids, skip_special_tokens=True)
            thought, _, said = text.rpartition("</think>\n")
            right += said == answer and ids[-1] == EOS
            reasoned += bool(thought.removeprefix("<think>").strip())
            longest = max(longest, len(ids))
            if said != answer:
                wrong.append((question, answer, text))
    return {"right": right / count, "reasoned": reasoned / count, "longest": longest, "wrong": wrong}


def main():
    from export import load

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model, tokenizer = load(options.folder), Tokenizer.from_file(str(options.folder / "tokenizer.json"))
    results = {}
    print("kind       mode   right  reasoned  longest")
    for kind in KINDS:
        for mode in ("slow", "fast"):
            result = results[f"{kind}/{mode}"] = score(model, tokenizer, kind, options.count, mode == "slow")
            numbers = f"{result['right']:6.3f}  {result['reasoned']:8.3f}  {result['longest']:7d}"
            print(f"{kind:10} {mode}  {numbers}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
