"""Training samples and batches: problems, small talk and conversations, rendered as the chat template renders them.

A sample is (prompt, target): the loss is on the target alone. Everything is drawn from a seeded generator, and the
batches of a pool are a function of (seed, pool) only, so that training resumes exactly from two integers.
"""
import random

import torch

from problems import cage, chain, legs
from smalltalk import SYSTEM, small_talk

KINDS = {"cage": 0.25, "legs": 0.12, "chain": 0.43, "talk": 0.2}
LANGUAGES = {"en": 0.55, "zh": 0.25, "zh-hans": 0.20}
TURNS = {1: 0.85, 2: 0.06, 3: 0.04, 4: 0.04, "more": 0.01}
FAST = 0.35  # share of problems that are answered with thinking switched off
BATCH_TOKENS = 8192
BATCH_ROWS = 96  # short samples, which are of few kinds, come in more and smaller batches
POOL = 4096
LONGEST = 768
NO_THOUGHT = "<think>\n\n</think>\n"


def pick(r, shares):
    return r.choices(list(shares), shares.values())[0]


def vary(r, question):
    """The same question as people type it: lower case, no final mark, a word of politeness."""
    chance = r.random()
    if chance < 0.06:
        return question.lower()
    if chance < 0.12:
        return question.rstrip("?.!？。！ ")
    if chance < 0.14:
        return question.lower().rstrip("?.!？。！ ")
    return question


def polite(r, question, language):
    if r.random() < 0.95:
        return question
    if language == "en":
        forms = ("Hello! {}", "Hi, {}", "Please help me. {}", "Please solve this: {}", "{} Thanks!", "{} Please.")
    else:
        forms = ("你好！{}", "請問：{}", "{}謝謝！", "请问：{}")
    return r.choice(forms).format(question)


def turn(r, kind, language):
    """One exchange with thinking on: (question, steps, answer)."""
    if kind == "talk":
        question, answer = small_talk(r, language)
        return vary(r, question), "", answer
    if kind == "cage":
        question, steps, answer = cage(r, language)
    elif kind == "legs":
        question, steps, answer = legs(r, language)
    else:
        limit = pick(r, {99: 0.7, 20: 0.2, 9: 0.1})
        question, steps, answer = chain(r, language, lengths=(2, 3, 3, 4, 4), limit=limit)
    return polite(r, vary(r, question), language), steps, answer


def fast_turn(r, language):
    """One problem with thinking off: easy sums above all, so that it learns what it can do, and some puzzles."""
    kind = pick(r, {"chain": 0.9, "legs": 0.05, "cage": 0.05})
    if kind == "chain":
        question, _, answer = chain(r, language, lengths=(2,), limit=r.choice((9, 20)))
    else:
        question, _, answer = (legs if kind == "legs" else cage)(r, language)
    return vary(r, question), answer


def sample(r):
    """(prompt, target) of one conversation, rarely of more than four turns; earlier turns have lost their reasoning."""
    prompt = "<|bos|>"
    if r.random() < 0.1:
        prompt += "<|system|>" + r.choice(SYSTEM)
    language = pick(r, LANGUAGES)
    turns = pick(r, TURNS)
    turns = r.randint(5, 12) if turns == "more" else turns
    for _ in range(turns - 1):
        kind = pick(r, {"cage": 0.25, "legs": 0.2, "chain": 0.25, "talk": 0.3})
        question, _, answer = turn(r, kind, language)
        prompt += f"<|user|>{question}<|assistant|>{answer}<|eos|>"
        if r.random() < 0.1:
            language = pick(r, LANGUAGES)
    kind = pick(r, KINDS)
    if kind != "talk" and r.random() < FAST:
        question, answer = fast_turn(r, language)
        return f"{prompt}<|user|>{question}<|assistant|>{NO_THOUGHT}", f"{answer}<|eos|>"
    question, steps, answer = turn(r, kind, language)
    thought = f"<think>\n{steps}\n</think>\n" if steps else NO_THOUGHT
    return f"{prompt}<|user|>{question}<|assistant|>", f"{thought}{answer}<|eos|>"


def batches(tokenizer, seed, pool):
    """The batches of one pool of samples, as (inputs, labels) of one of few shapes; labels are -100 off target."""
    r = random.Random(f"{seed}/{pool}")
    pairs = [sample(r) for _ in range(POOL)]
    prompts, targets = (tokenizer.encode_batch(list(side), add_special_tokens=False) for side in zip(*pairs))
    rows = sorted(((p.ids, t.ids) for p, t in zip(prompts, targets)), key=lambda row: -len(row[0]) - len(row[1]))
    rows = [row for row in rows if len(row[0]) + len(row[1]) <= LONGEST]
    result, start = [], 0
    while start < len(rows):
        length = -(-(len(rows[start][0]) + len(rows[start][1])) // 16) * 16
        count = min(BATCH_ROWS, BATCH_TOKENS // length)
        result.append(pack(rows[start : start + count], count, length))
        start += count
    r.shuffle(result)
    return result


def pack(rows, count, length):
    inputs = torch.zeros(count, length, dtype=torch.long)
    labels = torch.full((count, length), -100)
    for i, (prompt, target) in enumerate(rows):
        ids = torch.tensor(prompt + target)
        inputs[i, : len(ids)] = ids
        labels[i, len(prompt) - 1 : len(ids) - 1] = ids[len(prompt) :]
    return inputs, labels
