"""Accuracy on unseen conversations: whether a greedy continuation is the expected answer, to the letter.

usage: score.py (FOLDER | CHECKPOINT.pt) [--count 200] [--kinds KIND …] [--show 2] [--json FILE]

An answer counts when every token of it is the likeliest after those before it, which is when greedy generation writes
it. One pass over a case tells that. `--show` generates, token by token, what the model says instead.
"""
import argparse
import json
from collections import Counter
from pathlib import Path

import torch
from tokenizers import Tokenizer

from conversations import segments
from network import MoE, new_model
from unseen import MODES, unseen
from weights import load

EOS = 2
TOKENIZER = Path(__file__).resolve().parent.parent / "tokenizer.json"


@torch.no_grad()
def generate(model, prompts, limit=300):
    """Greedy continuations (ids up to and with the end token) and, per row, the least margin of first over second.

    Rows advance together one position at a time, each still reading its prompt or already writing.
    """
    rows, live, caches = [list(p) for p in prompts], list(range(len(prompts))), [{} for _ in model.model.layers]
    margins = [float("inf")] * len(prompts)
    for at in range(max(map(len, prompts)) + limit):
        logits = model.head(model.model.step(torch.tensor([rows[i][at] for i in live]), caches))
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


def ends(c, tokenizer):
    """The ids of a case's prompt and of its answer."""
    parts = segments(c)
    assert parts[-1][1]
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    return encode("".join(text for text, _ in parts[:-1])), encode(parts[-1][0])


class Tally:
    """What is counted over all cases: how evenly experts are used, and how often the next-next token was guessed."""

    def __init__(self, model):
        self.layers = [mixer for _, mixer in model.model.pairs() if isinstance(mixer, MoE)]
        self.counts = [torch.zeros(len(layer.experts)) for layer in self.layers]
        self.guessed, self.guesses = Counter(), Counter()

    def experts(self):
        for count, layer in zip(self.counts, self.layers):
            count += layer.counts

    def least_share(self):
        return min(float(count.min() / count.mean()) for count in self.counts)


@torch.no_grad()
def right(model, pairs, tally, kind, tokens=8192):
    """Whether each answer is what greedy generation writes."""
    order, result = sorted(range(len(pairs)), key=lambda i: sum(map(len, pairs[i]))), [None] * len(pairs)
    while order:
        length = sum(map(len, pairs[order[-1]]))
        batch = [order.pop() for _ in range(min(len(order), max(1, tokens // length)))]
        ids = torch.zeros(len(batch), length, dtype=torch.long)
        for row, i in enumerate(batch):
            ids[row, : sum(map(len, pairs[i]))] = torch.tensor(sum(pairs[i], []))
        states = model.model(ids)
        tally.experts()
        ahead = model.model.mtp(states[:, :-1], model.model.embed_tokens(ids[:, 1:]))
        for row, i in enumerate(batch):
            prompt, answer = pairs[i]
            at = slice(len(prompt) - 1, len(prompt) + len(answer) - 1)
            likely = model.head(states[row, at]).argmax(-1)
            result[i] = likely.tolist() == answer
            guess = model.head(ahead[row, at.start : at.stop - 1]).argmax(-1)
            tally.guessed[kind] += int((guess == likely[1:]).sum())
            tally.guesses[kind] += len(guess)
    return result


def score(model, tokenizer, kind, mode, count, tally, show=0):
    """Share of answers that are right, and the prompts, answers and outputs of some that are not."""
    pairs = [ends(c, tokenizer) for c in unseen(kind, mode, count)]
    exact = right(model, pairs, tally, kind)
    wrong = [pair for pair, good in zip(pairs, exact) if not good][:show]
    outputs = generate(model, [prompt for prompt, _ in wrong])[0] if wrong else []
    decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
    shown = [tuple(map(decode, (p, a, o))) for (p, a), o in zip(wrong, outputs)]
    tokens = sum(len(p) + len(a) for p, a in pairs) / len(pairs)
    return {"right": sum(exact) / len(exact), "tokens": tokens, "wrong": shown}


def read(path):
    if path.is_dir():
        return load(new_model(), path).eval()
    model = new_model()
    model.load_state_dict(torch.load(path)["model"])
    return model.eval()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = read(options.path), Tokenizer.from_file(str(TOKENIZER))
    tally, results = Tally(model), {}
    for kind in options.kinds:
        shares = []
        for mode in MODES[kind]:
            result = results[f"{kind}/{mode}"] = score(model, tokenizer, kind, mode, options.count, tally, options.show)
            shares.append(f"{mode} {result['right']:.3f}")
            for prompt, answer, output in result["wrong"]:
                print(f"--- {prompt}\n    expected {answer!r}\n    got      {output!r}")
        guessed = tally.guessed[kind] / max(1, tally.guesses[kind])
        print(f"{kind:8} {'  '.join(shares)}   {result['tokens']:.0f} tokens, next-next {guessed:.2f}", flush=True)
    acceptance = tally.guessed.total() / tally.guesses.total()
    print(f"least used expert {tally.least_share():.2f} of the mean; next-next token {acceptance:.3f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
