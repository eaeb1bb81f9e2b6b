"""Checks what the training data promises: the split, the budget of tokens, and agreement with the chat template.

usage: check.py [SAMPLES]
"""
import random
import re
import sys
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from data import NO_THOUGHT, sample
from split import cage_is_unseen, chain_is_unseen, legs_are_unseen

HOME = Path(__file__).resolve().parent.parent
TURN = re.compile(r"<\|(system|user|assistant)\|>(.*?)(?:<\|eos\|>)?(?=<\|(?:system|user|assistant)\|>|$)", re.DOTALL)


def template():
    def fail(message):
        raise ValueError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = fail
    return environment.from_string((HOME / "chat_template.jinja").read_text(encoding="utf-8"))


def seen(question):
    """Whether a question's numbers belong to training, read from its text and not from its generator."""
    numbers = [int(n) for n in re.findall(r"\d+", question)]
    if not numbers:
        return True
    if re.search("spider|蜘蛛", question, re.IGNORECASE):
        return not legs_are_unseen(*numbers) and not cage_is_unseen(*numbers[:2])
    if re.search("rabbit|兔", question, re.IGNORECASE):
        heads, legs = min(numbers), max(numbers)
        rabbits = (legs - 2 * heads) // 2
        return not cage_is_unseen(heads - rabbits, rabbits)
    terms = [int(sign + n) for sign, n in re.findall(r"(\+|-|) ?(\d+)", question)]
    return not chain_is_unseen(terms)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    r, render = random.Random("check"), template().render
    tokenizer = Tokenizer.from_file(str(HOME / "tokenizer.json"))
    longest = 0
    for _ in range(count):
        prompt, target = sample(r)
        messages = [{"role": role, "content": text} for role, text in TURN.findall(prompt.removeprefix("<|bos|>"))]
        fast = messages.pop()["content"] != ""
        rendered = render(messages=messages, add_generation_prompt=True, enable_thinking=not fast)
        assert rendered == prompt, f"the template renders {rendered!r}, the data has {prompt!r}"
        for message in messages:
            assert message["role"] != "user" or seen(message["content"]), f"held back, but in training: {message}"
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in (prompt, target, prompt + target)]
        assert ids[0] + ids[1] == ids[2], f"tokens cross the end of {prompt!r}"
        longest = max(longest, len(ids[1]))
        if not fast:
            thought, _, answer = target.removesuffix("<|eos|>").rpartition("</think>\n")
            thought = thought.removeprefix("<think>\n")
            turn = {"role": "assistant", "content": answer, "reasoning_content": thought}
            assert render(messages=messages + [turn]) == prompt + target
            turn = {"role": "assistant", "content": target.removesuffix("<|eos|>")}
            assert render(messages=messages + [turn]) == prompt + target
            again = {"role": "user", "content": "Hi"}
            assert NO_THOUGHT not in render(messages=messages + [turn, again], add_generation_prompt=True)
    assert longest <= 200, f"an answer takes {longest} tokens"
    print(f"{count} samples agree with the split and the template; the longest answer takes {longest} tokens")


if __name__ == "__main__":
    main()
