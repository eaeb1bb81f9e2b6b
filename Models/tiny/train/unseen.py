"""The problems that accuracy is measured on: drawn from what training never shows."""
import random

from problems import cage, chain, legs
from smalltalk import small_talk

KINDS = ("cage-en", "cage-zh", "legs", "chain", "talk")


def unseen(kind, count, seed=1):
    """(question, answer) pairs of a kind. Small talk has no numbers: it is what training shows."""
    r = random.Random(f"unseen/{kind}/{seed}")
    return [draw(kind, r) for _ in range(count)]


def draw(kind, r):
    if kind == "talk":
        return small_talk(r, r.choice(("en", "zh", "zh-hans")))
    if kind == "cage-en":
        question, _, answer = cage(r, "en", unseen=True)
    elif kind == "cage-zh":
        question, _, answer = cage(r, r.choice(("zh", "zh-hans")), unseen=True)
    else:
        language = r.choice(("en", "en", "zh", "zh-hans"))
        question, _, answer = {"legs": legs, "chain": chain}[kind](r, language, unseen=True)
    return question, answer
