"""The expected values of a parity fixture, by a model of transformers.

usage: references.py NAME…      (checks fixtures beside this, and mends those that are not as is said here)

References are computed in 64-bit floats and kept in 32. Two things make a fixture worthless, since then rounding decides
what a model computes, and so the processor: a choice (of experts, groups or keys) whose last member is hardly better than
the best that is left out, and a model that makes much of small errors. Prompts of the first kind are drawn anew, and models
of the second are refused.
"""
import copy
import json
import sys
from pathlib import Path

# Folders beside this file have names that transformers takes for packages.
if __name__ == "__main__":
    sys.path.pop(0)

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# The least distance of what is chosen from what is not, as a part of the values' spread.
LEAST_MARGIN = 1e-4
# The most that 32-bit floats may be away from 64-bit ones, as a part of the logits' spread or of one. Where activations have
# sixteen bits, as on tiles, it is twelve times that.
MOST_ROUNDING = 4e-5


class Doubles(TorchDispatchMode):
    """Everything in 64-bit floats, also what a model asks to have in 32."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        keywords = dict(keywords or {})
        if keywords.get("dtype") == torch.float32:
            keywords["dtype"] = torch.float64
        arguments = [torch.float64 if each is torch.float32 else each for each in arguments]
        return function(*arguments, **keywords)


class Choices(TorchDispatchMode):
    """The least margin of all choices of the largest numbers, by `topk` and `argmax`."""

    def __init__(self):
        super().__init__()
        self.margin = float("inf")

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        if arguments and isinstance(arguments[0], torch.Tensor) and arguments[0].is_floating_point():
            options = dict(zip([each.name for each in function._schema.arguments], arguments)) | (keywords or {})
            if name in ("topk", "argmax"):
                assert options.get("largest", True), "choices of the smallest are not watched"
                self.see(arguments[0], options.get("k", 1), options.get("dim", -1))
            assert name not in ("sort", "argsort", "argmin", "kthvalue"), f"choices by {name} are not watched"
        return function(*arguments, **(keywords or {}))

    def see(self, values, count, dim):
        if count < 1:
            return
        ordered = values.double().movedim(dim, -1).sort(-1, descending=True).values
        chosen, left = ordered[..., count - 1], ordered[..., count:count + 1]
        if left.numel() == 0:
            return
        # What is masked is no choice, be it by an infinity, the least number or zeros; and neither is one among equals, as
        # experts are for a row of zeros, which the embedding of padding is.
        left = left[..., 0]
        is_real = ordered.abs() < 1e30
        is_open = (chosen.abs() < 1e30) & (left.abs() < 1e30) & ((chosen != 0) | (left != 0))
        spread = ordered.where(is_real, -torch.inf).amax(-1) - ordered.where(is_real, torch.inf).amin(-1)
        margins = ((chosen - left) / spread)[is_open & (spread > 0)]
        self.margin = min([self.margin, *margins.flatten().tolist()])


def doubled(model):
    """The model in 64-bit floats."""
    result = copy.deepcopy(model).double()
    # Grouped products are there for fewer bits alone.
    if hasattr(result, "set_experts_implementation"):
        result.set_experts_implementation("eager")
    return result


def reference(model, tokens, greedy_tokens):
    """The logits of a prompt, the greedy tokens behind it, each by full recomputation, their margins, and the least margin of
    all choices."""
    choices = Choices()

    def logits(tokens):
        with choices, Doubles():
            return model(input_ids=tokens, use_cache=False).logits[0]

    first = logits(tokens)
    assert first.dtype == torch.float64
    greedy, margins = [], []
    for _ in range(greedy_tokens):
        last = logits(tokens)[-1]
        best = torch.topk(last, 2).values
        margins.append((best[0] - best[1]).item())
        greedy.append(int(last.argmax()))
        tokens = torch.cat([tokens, torch.tensor([[greedy[-1]]])], 1)
    return dict(logits=first.float().contiguous(), greedy=torch.tensor(greedy, dtype=torch.int32),
                greedy_margin=torch.tensor(margins)), choices.margin


def settled(model, tokens, index, vocabulary, greedy_tokens, most_rounding=MOST_ROUNDING):
    """A prompt whose choices rounding does not decide, this one if it is, and its references."""
    exact = doubled(model)
    length, first = tokens.shape[1], None
    for attempt in range(500):
        if attempt > 0:
            # Others stay what they are.
            generator = torch.Generator().manual_seed(1000 * (index + 1) + attempt)
            tokens = torch.randint(3, vocabulary, (1, length), generator=generator)
        values, margin = reference(exact, tokens, greedy_tokens)
        first = margin if first is None else first
        if margin >= LEAST_MARGIN:
            break
    else:
        raise SystemExit(f"prompt {index}: no choices with a margin of {LEAST_MARGIN} in {attempt + 1} prompts")
    if attempt > 0:
        print(f"  prompt {index}: a margin of {first:.1e}; after {attempt} others {margin:.1e}", flush=True)
    rounded = model(input_ids=tokens, use_cache=False).logits[0]
    rounding = (rounded - values["logits"]).abs().max().item() / max(1, values["logits"].std().item())
    if rounding > most_rounding:
        raise SystemExit(f"prompt {index}: 32-bit floats are {rounding:.1e} away from 64-bit ones")
    return tokens, values


def references(model, generator, vocabulary, lengths, greedy_tokens, least_token=3, most_rounding=MOST_ROUNDING):
    """Prompts of these lengths at random, the logits of each, and the greedy tokens behind it."""
    result = {}
    for index, length in enumerate(lengths):
        tokens = torch.randint(least_token, vocabulary, (1, length), generator=generator)
        tokens, values = settled(model, tokens, index, vocabulary, greedy_tokens, most_rounding)
        result[f"input_ids.{index}"] = tokens[0].to(torch.int32).contiguous()
        result |= {f"{key}.{index}": value for key, value in values.items()}
    return result


def mend(folder):
    """Replaces prompts of a fixture whose choices rounding may decide, and references of few bits; all else stays."""
    import transformers
    from safetensors.torch import load_file, save_file
    config = json.loads((folder / "config.json").read_text())
    kind = getattr(transformers, config["architectures"][0])
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    for module in model.modules():
        # Steps of time are clamped on one of the library's two paths only; the reference does not clamp.
        if hasattr(module, "time_step_limit"):
            module.time_step_limit = (0.0, float("inf"))
    exact, expected = doubled(model), load_file(folder / "expected.safetensors")
    mended, index, least = dict(expected), 0, float("inf")
    while f"input_ids.{index}" in expected:
        tokens, logits = expected[f"input_ids.{index}"][None].long(), expected[f"logits.{index}"]
        values, margin = reference(exact, tokens, len(expected[f"greedy.{index}"]))
        off = (values["logits"] - logits).abs().max().item() / max(1, logits.std().item() if logits.numel() > 1 else 1)
        assert off < 1e-3, f"{folder.name}, prompt {index}: this is another model, {off:.1e} away"
        if margin < LEAST_MARGIN or off > MOST_ROUNDING:
            tokens, values = settled(model, tokens, index, logits.shape[1], len(values["greedy"]), most_rounding=1e-3)
            mended[f"input_ids.{index}"] = tokens[0].to(torch.int32).contiguous()
            mended |= {f"{key}.{index}": value for key, value in values.items()}
        print(f"{folder.name}, prompt {index}: least margin {margin:.1e}, {off:.1e} from 64-bit floats", flush=True)
        index += 1
    if any(mended[key] is not expected[key] for key in expected):
        save_file(mended, folder / "expected.safetensors")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for name in sys.argv[1:]:
        mend(Path(__file__).resolve().parent / name)
