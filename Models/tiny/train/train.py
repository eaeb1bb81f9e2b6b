"""Trains the tiny model on CPU, with checkpoints from which training resumes exactly.

SIGTERM ends the step under way, writes a checkpoint and exits.

usage: train.py --out FOLDER (--minutes M | --steps N) [--resume] [--threads 2] [--seed 0]
"""
import argparse
import signal
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from data import batches
from model import CONFIG, MoE, Model
from score import KINDS, score

PEAK, WARMUP, HOLD = 3e-3, 100, 0.4
TOKENIZER = Path(__file__).resolve().parent.parent / "tokenizer.json"


def rate(step, progress):
    """Linear warm-up, the peak until HOLD of the budget, then a linear way down to 1 %."""
    return PEAK * min(1, (step + 1) / WARMUP) * min(1, max(0.01, (1 - progress) / (1 - HOLD)))


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.98), fused=True)


def stream(tokenizer, seed, pool, cursor):
    """Batches from a position on, each with the position after it."""
    while True:
        ready = batches(tokenizer, seed, pool)
        for at in range(cursor, len(ready)):
            yield ready[at], (pool, at + 1)
        pool, cursor = pool + 1, 0


def train_step(model, optimizer, inputs, labels):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(inputs)
    loss = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100)
    layers = [mixer for mixer in model.mixers if isinstance(mixer, MoE)]
    balance = sum(layer.balance for layer in layers) / len(layers)
    (loss + 0.02 * balance).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item(), balance.item()


def evaluate(model, tokenizer, count):
    slow = {kind: score(model, tokenizer, kind, count)["right"] for kind in KINDS}
    fast = {kind: score(model, tokenizer, kind, count, thinking=False)["right"] for kind in KINDS[:-1]}
    model.train()
    show = lambda result: " ".join(f"{kind} {value:.3f}" for kind, value in result.items())
    print(f"  unseen, slow: {show(slow)} | fast: {show(fast)}", flush=True)


class Run:
    """The state of a training run, and its file."""

    def __init__(self, path, seed):
        self.path, self.seed = path, seed
        self.model = Model(CONFIG)
        self.optimizer = optimizer_of(self.model)
        self.step, self.elapsed, self.position = 0, 0.0, (0, 0)
        self.stopped = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, *_):
        self.stopped = True

    def save(self):
        state = {
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
            "elapsed": self.elapsed, "position": self.position, "seed": self.seed, "rng": torch.get_rng_state(),
        }
        temporary = self.path.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self.path)

    def resume(self):
        state = torch.load(self.path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed, self.seed = state["step"], state["elapsed"], state["seed"]
        self.position = tuple(state["position"])
        torch.set_rng_state(state["rng"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, outside the repository")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-every", type=int, default=500)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    run = Run(options.out / "checkpoint.pt", options.seed)
    if options.resume:
        run.resume()
    loop(run, Tokenizer.from_file(str(TOKENIZER)), options)


def loop(run, tokenizer, options):
    size = sum(p.numel() for p in run.model.parameters())
    print(f"{size} parameters, from step {run.step}", flush=True)
    before, start, tokens, since = run.elapsed, time.time(), 0, run.step
    total = 0.0
    for (inputs, labels), position in stream(tokenizer, run.seed, *run.position):
        run.elapsed = before + time.time() - start
        progress = run.step / options.steps if options.steps else run.elapsed / (60 * options.minutes)
        if progress >= 1 or run.stopped:
            break
        for group in run.optimizer.param_groups:
            group["lr"] = rate(run.step, progress)
        loss, balance = train_step(run.model, run.optimizer, inputs, labels)
        run.step, run.position = run.step + 1, position
        tokens, total = tokens + inputs.numel(), total + loss
        if run.step % 50 == 0:
            speed = tokens / (run.elapsed - before + 1e-9)
            print(
                f"{run.elapsed / 60:6.1f} min  step {run.step}  loss {total / (run.step - since):.4f}"
                f"  balance {balance:.3f}  rate {group['lr']:.2e}  {speed:.0f} tokens/s",
                flush=True,
            )
            total, since = 0.0, run.step
        if run.step % 250 == 0:
            run.save()
        if run.step % options.evaluate_every == 0:
            evaluate(run.model, tokenizer, 100)
    run.save()
    if not run.stopped:
        evaluate(run.model, tokenizer, 400)


if __name__ == "__main__":
    main()
