"""Checks what the training data promises: the split, agreement with the chat template, and the tokens at its seams.

usage: check.py [SAMPLES]
"""
import random
import re
import sys
from collections import Counter
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from conversations import draw, segments
from split import cage_is_unseen, chain_is_unseen, legs_are_unseen, word_is_unseen

HOME = Path(__file__).resolve().parent.parent


def template():
    """The chat template, rendered as transformers renders it."""
    import json

    def fail(message):
        raise ValueError(message)

    def tojson(value, indent=None):
        return json.dumps(value, ensure_ascii=False, indent=indent)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = fail
    environment.filters["tojson"] = tojson
    return environment.from_string((HOME / "chat_template.jinja").read_text(encoding="utf-8"))


def options_of(c):
    """What a request says beside its messages, as the template's variables."""
    variables = {"tools": c.tools}
    if c.response_format:
        variables["response_format"] = c.response_format
    if c.effort:
        variables["reasoning_effort"] = c.effort
    if c.fast:
        variables["enable_thinking"] = False
    return variables


def seen(question):
    """Whether a question's numbers belong to training, read from its text and not from its generator."""
    numbers = [int(n) for n in re.findall(r"\d+", question)]
    if re.search("spider|蜘蛛", question, re.IGNORECASE):
        return len(numbers) != 3 or not legs_are_unseen(*numbers) and not cage_is_unseen(*numbers[:2])
    if re.search("rabbit|兔", question, re.IGNORECASE) and len(numbers) == 2:
        heads, legs = min(numbers), max(numbers)
        rabbits = (legs - 2 * heads) // 2
        return not cage_is_unseen(heads - rabbits, rabbits)
    chain = re.search(r"\d+(?: ?[+-] ?\d+)+", question)
    if not chain or not all(1 <= n <= 99 for n in numbers) or re.search(r"-\d", question[: chain.start() + 1]):
        return True
    terms = [int(sign + n) for sign, n in re.findall(r"(\+|-|) ?(\d+)", chain.group())]
    return not chain_is_unseen(terms)


def check(c, render, tokenizer):
    *messages, last = c.messages
    text = "".join(part for part, _ in segments(c))
    options = options_of(c)
    prompt = render(messages=messages, add_generation_prompt=True, **options)
    assert text.startswith(prompt), f"the template renders {prompt!r}, the data has {text!r}"
    if not c.effort and not c.response_format:  # what holds for one answer alone is not told of again
        whole = render(messages=c.messages, add_generation_prompt=False, tools=c.tools)
        assert whole == text, f"the template renders {whole!r}, the data has {text!r}"
    for message in messages:
        operands = c.tools and re.search(r"\d+ [-+×] \d+", message["content"])
        free = message["role"] != "user" or operands or c.kind == "drill"
        assert free or seen(message["content"]), message["content"]
    for tool in c.tools or ():
        name = tool["function"]["name"]
        assert not word_is_unseen(name) or "integer" in str(tool), f"held back, but in training: {name}"
    pieces = [tokenizer.encode(part, add_special_tokens=False).ids for part, _ in segments(c)]
    assert sum(pieces, []) == tokenizer.encode(text, add_special_tokens=False).ids, f"tokens cross a seam of {text!r}"
    return sum(map(len, pieces)), sum(len(ids) for ids, (_, learnt) in zip(pieces, segments(c)) if learnt)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    r, render = random.Random("check"), template().render
    tokenizer = Tokenizer.from_file(str(HOME / "tokenizer.json"))
    kinds, tokens, learnt, longest = Counter(), Counter(), Counter(), 0
    for _ in range(count):
        c = draw(r)
        size, taught = check(c, render, tokenizer)
        kinds[c.kind] += 1
        tokens[c.kind] += size
        learnt[c.kind] += taught
        longest = max(longest, size)
    for kind, number in sorted(kinds.items()):
        share = tokens[kind] / tokens.total()
        size, taught = tokens[kind] / number, learnt[kind] / number
        print(f"{kind:10} {number:6}  {size:6.0f} tokens, {taught:5.0f} learnt, {share:5.1%} of all")
    print(f"{count} samples agree with the split and the template; the longest has {longest} tokens")


if __name__ == "__main__":
    main()
