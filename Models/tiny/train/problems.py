"""Problems with computed answers and worked solutions, in English and Chinese (traditional and simplified).

Each generator returns a `Problem`.
"""
from dataclasses import dataclass

from split import cage_is_unseen, chain_is_unseen, legs_are_unseen

CAGE = {
    "en": (
        "A cage holds chickens and rabbits: {h} heads and {l} legs. How many of each?",
        "There are {h} heads and {l} legs in a cage of chickens and rabbits. How many of each?",
        "A farmer has chickens and rabbits. Together they have {h} heads and {l} legs. How many of each are there?",
        "A farmer counts {h} heads and {l} legs among his chickens and rabbits. "
        "How many chickens and how many rabbits?",
        "Chickens and rabbits share a cage. There are {h} heads and {l} legs. "
        "How many chickens and how many rabbits are there?",
        "In a farmyard there are chickens and rabbits, {h} heads and {l} legs in all. How many of each animal?",
        "A cage of chickens and rabbits has {h} heads and {l} legs. Find the number of chickens and rabbits.",
        "I have {h} animals, all chickens or rabbits, with {l} legs in total. How many of each do I have?",
        "Some chickens and rabbits have {l} legs and {h} heads altogether. How many of each?",
        "Chickens and rabbits: {h} heads, {l} legs. How many of each?",
        "{h} heads, {l} legs, chickens and rabbits. How many of each?",
    ),
    "zh": (
        "雞兔同籠，上有{h}頭，下有{l}足，問雞兔各幾何？",
        "籠中雞兔共{h}隻，腳共{l}隻，雞兔各幾隻？",
        "今有雞兔同籠，上有{h}頭，下有{l}足，問雞兔各幾何？",
        "雞兔同籠，共有{h}個頭，{l}隻腳，雞和兔各有幾隻？",
        "一個籠子裡有雞和兔，共{h}個頭、{l}隻腳。雞和兔各有多少隻？",
        "農夫養了雞和兔共{h}隻，一共{l}條腿，雞兔各幾隻？",
        "雞兔同籠：{h}頭，{l}足。雞兔各幾隻？",
    ),
    "zh-hans": (
        "鸡兔同笼，上有{h}头，下有{l}足，问鸡兔各几何？",
        "笼中鸡兔共{h}只，脚共{l}只，鸡兔各几只？",
        "今有鸡兔同笼，上有{h}头，下有{l}足，问鸡兔各几何？",
        "鸡兔同笼，共有{h}个头，{l}只脚，鸡和兔各有几只？",
        "一个笼子里有鸡和兔，共{h}个头、{l}只脚。鸡和兔各有多少只？",
        "农夫养了鸡和兔共{h}只，一共{l}条腿，鸡兔各几只？",
        "鸡兔同笼：{h}头，{l}足。鸡兔各几只？",
    ),
}
CAGE_STEPS = {
    "en": "All chickens: {h}*2={h2}\nExtra: {extra}\nRabbits: {x}/2={b}\nChickens: {rest}",
    "zh": "全是雞：{h}×2={h2}\n多出：{extra}\n兔：{x}÷2={b}\n雞：{rest}",
    "zh-hans": "全是鸡：{h}×2={h2}\n多出：{extra}\n兔：{x}÷2={b}\n鸡：{rest}",
}
CAGE_ANSWER = {"en": "{c} chickens and {b} rabbits.", "zh": "雞{c}隻，兔{b}隻。", "zh-hans": "鸡{c}只，兔{b}只。"}

CAGE_CONCLUSION = {
    "en": "{b} rabbits, {c} chickens.", "zh": "兔{b}隻，雞{c}隻。", "zh-hans": "兔{b}只，鸡{c}只。"
}
CAGE_SHORT = {"en": "{c} and {b}", "zh": "{c}和{b}", "zh-hans": "{c}和{b}"}

LEGS = {
    "en": (
        "How many legs do {c} chickens, {b} rabbits and {s} spiders have?",
        "How many legs do {c} chickens, {b} rabbits and {s} spiders have in total?",
        "How many legs have {c} chickens, {b} rabbits and {s} spiders together?",
        "Count the legs of {c} chickens, {b} rabbits and {s} spiders.",
        "There are {c} chickens, {b} rabbits and {s} spiders. How many legs are there?",
    ),
    "zh": (
        "{c}隻雞、{b}隻兔和{s}隻蜘蛛共有幾條腿？",
        "有{c}隻雞、{b}隻兔、{s}隻蜘蛛，一共有多少條腿？",
    ),
    "zh-hans": (
        "{c}只鸡、{b}只兔和{s}只蜘蛛共有几条腿？",
        "有{c}只鸡、{b}只兔、{s}只蜘蛛，一共有多少条腿？",
    ),
}
LEGS_ANSWER = {"en": "{n} legs.", "zh": "{n}條腿。", "zh-hans": "{n}条腿。"}

CHAIN = {
    "en": (
        "What is {e}?",
        "Calculate {e}.",
        "What's {e}?",
        "How much is {e}?",
        "Compute {e}.",
        "Work out {e}.",
        "Evaluate {e}",
        "{e} = ?",
        "{e} =",
        "{e}",
    ),
    "zh": ("計算：{e}", "計算{e}。", "{e}等於多少？", "{e}是多少？"),
    "zh-hans": ("计算：{e}", "计算{e}。", "{e}等于多少？", "请计算{e}。"),
}


@dataclass
class Problem:
    """A question, and its answer worked out in three ways: briefly, in columns, and checked after that. Chains are worked
    out both ways, so that what was found comes out again."""

    question: str
    brief: list  # equations, what fast answers and low effort have
    steps: str  # columns, what thinking has
    check: str  # what high effort adds
    answer: str
    conclusion: str  # how a fast answer ends behind its equations; empty where the last equation says it all
    short: str  # the answer to somebody who wants it brief
    values: dict  # what a form can ask for
    easy: bool  # whether it is answered without thinking unless asked for

    def fast(self, language, brief=False):
        comma, colon = (", ", ": ") if language == "en" else ("，", "：")
        end = self.short if brief else self.conclusion
        return comma.join(self.brief) + (colon + end if end else "")


def cage(r, language, unseen=False, answer=None):
    """Heads and legs of chickens and rabbits; `answer` is the language of the answer, if it is another."""
    limit = 40 if unseen or r.random() < 0.85 else 50
    limit = limit if unseen or r.random() < 0.85 else 8
    while True:
        c, b = r.randint(1, limit), r.randint(1, limit)
        if cage_is_unseen(c, b) == unseen:
            break
    heads, legs = c + b, 2 * c + 4 * b
    extra = legs - 2 * heads
    values = {"c": c, "b": b, "h": heads, "l": legs, "h2": 2 * heads, "x": extra}
    values |= {"extra": worked(legs, -2 * heads), "rest": worked(heads, -b)}
    spoken = answer or language
    return Problem(
        question=r.choice(CAGE[language]).format(**values),
        brief=[f"{heads}×2={2 * heads}", f"{legs}-{2 * heads}={extra}", f"{extra}÷2={b}", f"{heads}-{b}={c}"],
        steps=CAGE_STEPS[spoken].format(**values),
        check=f"{c}*2={2 * c}\n{b}*4={4 * b}\n{worked(2 * c, 4 * b)}",
        answer=CAGE_ANSWER[spoken].format(**values),
        conclusion=CAGE_CONCLUSION[spoken].format(**values),
        short=CAGE_SHORT[spoken].format(**values),
        values={"chickens": c, "rabbits": b, "heads": heads, "legs": legs},
        easy=heads <= 12,
    )


def legs(r, language, unseen=False, answer=None):
    """Training leaves out pairs that the cage problems hold back as well."""
    small = not unseen and r.random() < 0.15
    while True:
        c, b, s = r.randint(0, 5 if small else 20), r.randint(0, 5 if small else 20), r.randint(0, 2 if small else 5)
        if legs_are_unseen(c, b, s) if unseen else not (legs_are_unseen(c, b, s) or cage_is_unseen(c, b)):
            break
    x, y, z = 2 * c, 4 * b, 8 * s
    total, spoken = x + y + z, answer or language
    return Problem(
        question=r.choice(LEGS[language]).format(c=c, b=b, s=s),
        brief=[f"{c}×2={x}", f"{b}×4={y}", f"{s}×8={z}", f"{x}+{y}={x + y}", f"{x + y}+{z}={total}"],
        steps=f"{c}*2={x}\n{b}*4={y}\n{s}*8={z}\n{worked(x, y)}\n{worked(x + y, z)}",
        check=f"{worked(total, -z)}\n{worked(x + y, -y)}",
        answer=LEGS_ANSWER[spoken].format(n=total),
        conclusion=LEGS_ANSWER[spoken].format(n=total),
        short=str(total),
        values={"legs": total},
        easy=max(c, b) <= 5 and s <= 2,
    )


def column(a, b):
    """a + b in two columns, ones and the rest: 47+86 -> '7+6=13, 4+8+1=13'."""
    ones = a % 10 + b % 10
    carry, tens = ("+1", 1) if ones > 9 else ("", 0)
    return f"{a % 10}+{b % 10}={ones}, {a // 10}+{b // 10}{carry}={a // 10 + b // 10 + tens}"


def column_minus(a, b):
    """a - b for a >= b, borrowing where needed: 133-95 -> '13-5=8, 13-9-1=3'."""
    ones = a % 10 - b % 10
    top, borrow, tens = (a % 10 + 10, "-1", 1) if ones < 0 else (a % 10, "", 0)
    return f"{top}-{b % 10}={top - b % 10}, {a // 10}-{b // 10}{borrow}={a // 10 - b // 10 - tens}"


def worked(current, term):
    """One worked line. A negative side is first rewritten as a sum or difference of two numbers that are not.

    A term of zero is worked as subtracted, whatever sign it was written with.
    """
    head, size, after = f"{current}{term:+d}", abs(term), current + term
    if current >= 0 and term > 0:
        return f"{head}: {column(current, size)}, ={after}"
    if current >= size:
        return f"{head}: {column_minus(current, size)}, ={after}"
    if current >= 0:
        return f"{head}=-({size}-{current}): {column_minus(size, current)}, ={after}"
    if term < 0:
        return f"{head}=-({-current}+{size}): {column(-current, size)}, ={after}"
    if after < 0:
        return f"{head}=-({-current}-{size}): {column_minus(-current, size)}, ={after}"
    return f"{head}={size}-{-current}: {column_minus(size, -current)}, ={after}"


def chain(r, language, unseen=False, lengths=(2, 3, 4), limit=99):
    while True:
        count = r.choice(lengths)
        terms = [r.randint(1, limit)] + [r.choice((1, -1)) * r.randint(1, limit) for _ in range(count - 1)]
        if chain_is_unseen(terms) == unseen:
            break
    lines, brief, current = [], [], terms[0]
    for term in terms[1:]:
        lines.append(worked(current, term))
        brief.append(f"{current}{term:+d}={current + term}")
        current += term
    space = "" if not unseen and r.random() < 0.2 else " "
    signs = (f"{space}{'+' if term > 0 else '-'}{space}{abs(term)}" for term in terms[1:])
    return Problem(
        question=r.choice(CHAIN[language]).format(e=str(terms[0]) + "".join(signs)),
        brief=brief,
        steps="\n".join(lines),
        check="\n".join(brief),
        answer=str(current),
        conclusion=str(current) if count > 2 else "",
        short=str(current) if count > 2 else "",
        values={"result": current},
        easy=count == 2 and max(map(abs, terms)) <= 20,
    )


def drill(r):
    """One equation as fast answers need it, of numbers that no problem of two terms has; the answer is exact."""
    kind = r.choice(("sum", "sum", "sum", "times", "half"))
    if kind == "times":
        a, b = r.choice(((r.randint(1, 100), 2), (r.randint(0, 50), 4), (r.randint(0, 12), 8)))
        return f"{a}×{b}", a * b
    if kind == "half":
        b = r.randint(1, 100)
        return f"{2 * b}÷2", b
    while True:
        most = r.choice((50, 100, 100, 200, 300))
        a, b = r.randint(-most, most), r.choice((1, -1)) * r.randint(1, r.choice((99, 99, 99, 200)))
        if not chain_is_unseen((a, b)) or not 1 <= a <= 99 or abs(b) > 99:
            return f"{a}{b:+d}", a + b
