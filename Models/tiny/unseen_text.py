#!/usr/bin/env python3
"""Prints solved problems that training never shows, as the chat template renders them, for measuring perplexity.

usage: unseen_text.py [--count 400] [--seed 1] > unseen.txt
       infer-serve perplexity --model Models/tiny --file unseen.txt --parse-special

Every third is a cage, a count of legs, and a chain of sums, with its steps; in the languages that the model knows.
"""
import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "train"))
from problems import cage, chain, legs  # noqa: E402


def conversation(r, kind):
    p = kind(r, r.choice(("en", "en", "zh", "zh-hans")), unseen=True)
    return f"<|bos|><|user|>{p.question}<|assistant|><think>\n{p.steps}\n</think>\n{p.answer}<|eos|>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=400, help="problems (default 400)")
    parser.add_argument("--seed", type=int, default=1, help="another draw of problems (default 1)")
    options = parser.parse_args()
    r = random.Random(f"unseen text/{options.seed}")
    sys.stdout.write("".join(conversation(r, (cage, legs, chain)[index % 3]) for index in range(options.count)))


if __name__ == "__main__":
    main()
