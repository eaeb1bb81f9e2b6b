#!/usr/bin/env python3
"""Measures a running server on unseen problems, through the official `openai` client.

usage: evaluate.py [--base-url http://127.0.0.1:8080/v1] [--count 1000] [--concurrency 16] [--json FILE]

An answer counts when the text of `content` is the expected answer to the letter. In slow mode the reasoning must
arrive in `reasoning_content`; in fast mode (thinking switched off by the template) there must be none.
Needs `pip install openai`; the problems come from `train/unseen.py`, which does not need torch.
"""
import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import OpenAI

sys.path.insert(0, str(Path(__file__).resolve().parent / "train"))
from unseen import KINDS, unseen  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base-url", default="http://127.0.0.1:8080/v1")
    parser.add_argument("--model", help="default: the first model that the server lists")
    parser.add_argument("--count", type=int, default=1000, help="problems of each kind (default 1000)")
    parser.add_argument("--concurrency", type=int, default=16, help="requests in flight (default 16)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--modes", nargs="+", choices=("slow", "fast"), default=["slow", "fast"])
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="another draw of problems (default 1)")
    parser.add_argument("--json", type=Path, help="write the results and every wrong answer to this file")
    return parser.parse_args()


def ask(client, options, question, mode):
    """One request: what came back, as the two texts, the reason to stop and the number of tokens."""
    completion = client.chat.completions.create(
        model=options.model,
        messages=[{"role": "user", "content": question}],
        max_tokens=options.max_tokens,
        extra_body={} if mode == "slow" else {"chat_template_kwargs": {"enable_thinking": False}},
    )
    choice = completion.choices[0]
    return {
        "content": choice.message.content or "",
        "reasoning": getattr(choice.message, "reasoning_content", None) or "",
        "finish_reason": choice.finish_reason,
        "tokens": completion.usage.completion_tokens,
    }


def measure(client, options, kind, mode):
    cases = unseen(kind, options.count, options.seed)
    start = time.monotonic()
    with ThreadPoolExecutor(options.concurrency) as pool:
        replies = list(pool.map(lambda case: ask(client, options, case[0], mode), cases))
    seconds = time.monotonic() - start
    wrong = [
        {"question": question, "expected": answer, **reply}
        for (question, answer), reply in zip(cases, replies)
        if reply["content"] != answer or reply["finish_reason"] != "stop"
    ]
    due = mode == "slow" and kind != "talk"  # the model thinks about every problem, and about no small talk
    misplaced = sum(bool(reply["reasoning"].strip()) != due for reply in replies)
    tokens = sum(reply["tokens"] for reply in replies)
    return {
        "kind": kind,
        "mode": mode,
        "count": len(cases),
        "right": 1 - len(wrong) / len(cases),
        "reasoning_as_expected": 1 - misplaced / len(cases),
        "mean_tokens": tokens / len(cases),
        "tokens_per_second": tokens / seconds,
        "wrong": wrong,
    }


def main():
    options = parse()
    client = OpenAI(base_url=options.base_url, api_key="none", timeout=600, max_retries=5)
    options.model = options.model or client.models.list().data[0].id
    print(f"{options.model} at {options.base_url}: {options.count} unseen problems of each kind")
    print(f"{'kind':8} {'mode':4} {'right':>7} {'reasoning as expected':>22} {'mean tokens':>12} {'tokens/s':>9}")
    results = []
    for mode in options.modes:
        for kind in options.kinds:
            row = measure(client, options, kind, mode)
            results.append(row)
            print(
                f"{kind:8} {mode:4} {row['right']:7.1%} {row['reasoning_as_expected']:22.1%} "
                f"{row['mean_tokens']:12.1f} {row['tokens_per_second']:9.0f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
