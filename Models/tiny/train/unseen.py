"""The problems that accuracy is measured on: drawn from what training never shows."""
import random

from problems import cage, chain, legs
from smalltalk import small_talk

KINDS = ("cage-en", "cage-zh", "legs", "chain", "sum", "talk")


def unseen(kind, count, seed=1):
    """(question, answer) pairs of a kind. `sum` is what fast mode is for: two numbers up to 20.

    Small talk has no numbers: it is what training shows.
    """
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
        if kind == "legs":
            question, _, answer = legs(r, language, unseen=True)
        elif kind == "chain":
            question, _, answer = chain(r, language, unseen=True)
        else:
            question, _, answer = chain(r, language, unseen=True, lengths=(2,), limit=20)
    return question, answer
