"""The conversations that accuracy is measured on: drawn from what training never shows.

A case is a conversation whose last message is the answer that is expected. Small talk, whose wordings are all that
there is, is what training shows; so are the numbers of calls to operations, which have a rule of their own.
"""
import random

from conversations import EFFORTS, Conversation, forms, long, memory, obey, problem, talk, tools

PROBLEMS = ("cage-en", "cage-zh", "legs", "chain", "sum")
CALLS = ("call", "calls", "topics", "sequence", "result", "nocall")
OTHERS = ("solve", "extract", "talk", "beyond", "echo", "memory", "long", "speak", "brief", "called")
# Each kind with the modes that it is measured in: adaptive by default, fast with thinking disabled, or an effort.
MODES = {kind: ("adaptive", "fast", *EFFORTS) for kind in PROBLEMS}
MODES |= {kind: ("adaptive", "fast") for kind in ("call", "extract", "memory", "talk")}
MODES |= {kind: ("adaptive",) for kind in CALLS + OTHERS if kind not in MODES}


def unseen(kind, mode, count, seed=1):
    """Cases of a kind in a mode, the same ones for the same seed."""
    r = random.Random(f"unseen/{kind}/{seed}")
    return [draw(kind, mode, r) for _ in range(count)]


def draw(kind, mode, r):
    if kind in PROBLEMS:
        languages = {"cage-en": ("en",), "cage-zh": ("zh", "zh-hans")}.get(kind, ("en", "en", "zh", "zh-hans"))
        language = r.choice(languages)
        stem = "cage" if kind.startswith("cage") else "legs" if kind == "legs" else "chain"
        more = {"chain": {"lengths": (2, 3, 4)}, "sum": {"lengths": (2,), "limit": 20}}.get(kind, {})
        return problem(r, stem, mode, True, language, **more)
    if kind in CALLS:
        stem = kind if kind != "result" else r.choice(("call", "call", "calls", "topics", "sequence"))
        c = tools(r, stem, unseen=True)
        return c if kind == "nocall" else told(c, mode, kind, r)
    if kind in ("solve", "extract"):
        return in_mode(forms(r, kind, unseen=True), mode)
    if kind == "memory":
        return in_mode(memory(r, r.randint(2, 12), unseen=True), mode)
    if kind == "long":
        return long(r, 12, unseen=True)
    if kind in ("talk", "beyond", "echo"):
        return in_mode(talk(r, kind, unseen=True), mode)
    return obey(r, kind, unseen=True)


def told(c, mode, kind, r):
    """The conversation up to a call, or up to what is said about results."""
    at = [i for i, message in enumerate(c.messages) if message["role"] == "assistant"]
    calls = [i for i in at if c.messages[i].get("tool_calls")]
    end = at[-1] if kind == "result" else r.choice(calls)
    cut = Conversation(c.messages[: end + 1], c.tools, kind=kind)
    return in_mode(cut, mode)


def in_mode(c, mode):
    """The same answer, which takes no thought in either mode, or as much as it has. What is thought before calls is not
    sent back, and is said in fast mode."""
    for message in c.messages if c.tools else ():
        plan = message.get("reasoning_content") if message.get("tool_calls") else None
        if plan and (mode == "fast" or message is not c.messages[-1]):
            del message["reasoning_content"]
            message["content"] = plan if mode == "fast" else ""
    if mode == "fast" or not c.messages[-1].get("reasoning_content"):
        c.fast = mode == "fast"
        c.messages[-1]["learn"] = "answer" if c.fast else "all"
    return c
