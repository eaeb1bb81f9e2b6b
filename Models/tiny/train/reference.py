"""Writes what an engine must reproduce on the exported weights: prompts, token ids and greedy continuations.

usage: reference.py FOLDER FILE.json

Computed in f32 from the bf16 weights, one position at a time, and checked against whole sequences at once.
"""
import json
import sys
from hashlib import sha256
from pathlib import Path

import torch
from tokenizers import Tokenizer

from check import template
from network import new_model
from score import generate
from weights import load

CAGE = "There are 35 heads and 94 legs in a cage of chickens and rabbits. How many of each?"
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {
            "type": "object", "properties": {"chickens": {"type": "integer"}, "rabbits": {"type": "integer"}},
            "required": ["chickens", "rabbits"], "additionalProperties": False,
        },
    },
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather", "description": "The weather of a place.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
CASES = (
    ("puzzle", [("user", CAGE)], {}),
    ("puzzle in Chinese", [("user", "雞兔同籠，上有35頭，下有94足，問雞兔各幾何？")], {}),
    ("legs", [("user", "How many legs do 4 chickens, 7 rabbits and 2 spiders have?")], {}),
    ("chain", [("user", "What is 38 - 95 + 86 - 7?")], {}),
    ("greeting", [("user", "Hello")], {}),
    ("fast", [("user", CAGE)], {"enable_thinking": False}),
    ("easy", [("user", "What is 7 + 8?")], {}),
    ("checked", [("user", CAGE)], {"reasoning_effort": "high"}),
    ("form", [("user", CAGE)], {"response_format": FORM}),
    ("call", [("user", "What is the weather in Oslo?")], {"tools": TOOLS}),
    (
        "conversation",
        [
            ("system", "You are a helpful assistant."),
            ("user", "Hi!"),
            ("assistant", "<think>\n\n</think>\nHello! Give me a puzzle or a sum."),
            ("user", "What is 12 + 30?"),
            ("assistant", "<think>\n12+30: 2+0=2, 1+3=4, =42\n</think>\n42"),
            ("user", "計算：64 - 27 + 5"),
        ],
        {},
    ),
)


@torch.no_grad()
def case(model, tokenizer, render, name, turns, options):
    messages = [{"role": role, "content": content} for role, content in turns]
    prompt = render(messages=messages, add_generation_prompt=True, **options)
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    (output,), _ = generate(model, [ids])
    logits = model(torch.tensor([ids + output])).logits[0, len(ids) - 1 : -1]
    best = logits.topk(2).values
    assert logits.argmax(-1).tolist() == output, f"{name}: the two forms of the model disagree"
    return {
        "name": name,
        "messages": messages,
        "template_kwargs": options,
        "prompt": prompt,
        "prompt_tokens": ids,
        "output_tokens": output,
        "output_text": tokenizer.decode(output, skip_special_tokens=True),
        "minimal_margin": round(float((best[:, 0] - best[:, 1]).min()), 4),
    }


def main():
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    model, tokenizer = load(new_model(), folder).eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))
    render = template().render
    digest = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    cases = [case(model, tokenizer, render, *entry) for entry in CASES]
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"weights_sha256": digest, "cases": cases}, indent=1, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")
    for entry in cases:
        print(f"{entry['name']}: margin {entry['minimal_margin']}, {entry['output_text']!r}")


if __name__ == "__main__":
    main()
