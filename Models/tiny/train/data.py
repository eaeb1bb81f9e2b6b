"""Training samples and batches: conversations of all kinds, rendered as the chat template renders them.

A sample is a list of (text, learnt): the loss is on the learnt parts. Everything is drawn from a seeded generator, and
the batches of a pool are a function of (seed, pool), so that training resumes exactly from two integers.
"""
import random

import torch

from conversations import EARLY, KINDS, sample

BATCH_TOKENS = 2048
BATCH_ROWS = 32  # short samples, which are of few kinds, come in more and smaller batches
POOL = 1024


def batches(tokenizer, seed, pool, longest, early):
    """The batches of one pool of samples, as (inputs, labels, kinds); labels are -100 off what is learnt."""
    r = random.Random(f"{seed}/{pool}")
    shares = EARLY if pool < early else KINDS
    drawn = [sample(r, shares) for _ in range(POOL)]
    parts = tokenizer.encode_batch([text for _, s in drawn for text, _ in s], add_special_tokens=False)
    rows, at = [], 0
    for kind, segments in drawn:
        ids, labels = [], []
        for _, learnt in segments:
            ids += parts[at].ids
            labels += parts[at].ids if learnt else [-100] * len(parts[at].ids)
            at += 1
        if len(ids) <= longest:
            rows.append((ids, labels, kind))
    rows.sort(key=lambda row: (len(row[0]), r.random()), reverse=True)
    result, start = [], 0
    while start < len(rows):
        length = max(64, -(-len(rows[start][0]) // 32) * 32)
        count = max(1, min(BATCH_ROWS, BATCH_TOKENS // length))
        result.append(pack(rows[start : start + count], length))
        start += count
    r.shuffle(result)
    return result


def pack(rows, length):
    """Inputs, the labels of the token after each, and the kind of every row."""
    inputs = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), -100)
    for i, (ids, learnt, _) in enumerate(rows):
        inputs[i, : len(ids)] = torch.tensor(ids)
        labels[i, : len(ids) - 1] = torch.tensor(learnt[1:])
    return inputs, labels, [kind for _, _, kind in rows]
