#!/usr/bin/env python3
"""Measures a running server on unseen conversations, through the official `openai` client.

usage: evaluate.py [--base-url http://127.0.0.1:8080/v1] [--count 200] [--concurrency 16] [--json FILE]

An answer counts when its text is the expected answer to the letter; one that is an object, when it is the expected
object; calls, when they are the expected functions with the expected arguments, in order. Where thought is expected it
must arrive in `reasoning_content`, and otherwise there must be none. Of several rounds of calls every one is asked for
by itself, after those before it as they should have been.
Needs `pip install openai`; the conversations come from `train/unseen.py`, which does not need torch.
"""
import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import OpenAI

sys.path.insert(0, str(Path(__file__).resolve().parent / "train"))
from unseen import MODES, unseen  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base-url", default="http://127.0.0.1:8080/v1")
    parser.add_argument("--model", help="default: the first model that the server lists")
    parser.add_argument("--count", type=int, default=200, help="conversations of each kind and mode (default 200)")
    parser.add_argument("--concurrency", type=int, default=16, help="requests in flight (default 16)")
    parser.add_argument("--kinds", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--modes", nargs="+", help="adaptive, fast, low, medium, high; default: all that a kind has")
    parser.add_argument("--max-tokens", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1, help="another draw of conversations (default 1)")
    parser.add_argument("--json", type=Path, help="write the results and every wrong answer to this file")
    return parser.parse_args()


def request(c, options):
    """The fields of a request for a case's last message."""
    own = ("learn", "reasoning_content")
    fields = {"messages": [{k: v for k, v in m.items() if k not in own} for m in c.messages[:-1]]}
    if c.tools:
        fields["tools"] = c.tools
    if c.response_format:
        fields["response_format"] = c.response_format
    if c.effort:
        fields["reasoning_effort"] = c.effort
    if c.fast:
        fields["extra_body"] = {"chat_template_kwargs": {"enable_thinking": False}}
    return {"model": options.model, "max_tokens": options.max_tokens, "temperature": 0, **fields}


def calls_of(calls):
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls or ()]


def ask(client, options, c):
    """One request: whether the answer is right, whether its thought is as expected, and what came back."""
    choice = client.chat.completions.create(**request(c, options)).choices[0]
    reply, expected = choice.message.model_dump(), c.messages[-1]
    content, thought = reply.get("content") or "", (reply.get("reasoning_content") or "").strip()
    try:
        if expected.get("tool_calls"):
            good = content == expected["content"] and calls_of(reply.get("tool_calls")) == calls_of(expected["tool_calls"])
            good = good and choice.finish_reason == "tool_calls"
        elif c.response_format:
            good = json.loads(content) == json.loads(expected["content"])
        else:
            good = content == expected["content"] and not reply.get("tool_calls") and choice.finish_reason == "stop"
    except ValueError:
        good = False
    due = bool(expected.get("reasoning_content"))
    return {"right": good, "thought": bool(thought) == due, "expected": expected, "reply": reply}


def measure(client, options, kind, mode):
    cases = unseen(kind, mode, options.count, options.seed)
    start = time.monotonic()
    with ThreadPoolExecutor(options.concurrency) as pool:
        replies = list(pool.map(lambda c: ask(client, options, c), cases))
    wrong = [
        {"messages": c.messages[:-1], **reply}
        for c, reply in zip(cases, replies)
        if not (reply["right"] and reply["thought"])
    ]
    return {
        "kind": kind,
        "mode": mode,
        "count": len(cases),
        "right": sum(reply["right"] for reply in replies) / len(cases),
        "thought": sum(reply["thought"] for reply in replies) / len(cases),
        "seconds": time.monotonic() - start,
        "wrong": wrong,
    }


def main():
    options = parse()
    client = OpenAI(base_url=options.base_url, api_key="none", timeout=600, max_retries=5)
    options.model = options.model or client.models.list().data[0].id
    print(f"{options.model} at {options.base_url}: {options.count} unseen conversations of each kind and mode")
    print(f"{'kind':9} {'mode':8} {'right':>7} {'thought as expected':>20} {'seconds':>8}")
    results = []
    for kind in options.kinds:
        for mode in MODES[kind]:
            if options.modes and mode not in options.modes:
                continue
            row = measure(client, options, kind, mode)
            results.append(row)
            print(f"{kind:9} {mode:8} {row['right']:7.1%} {row['thought']:20.1%} {row['seconds']:8.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
