"""Trains the tiny model on CPU, with checkpoints from which training resumes exactly.

SIGTERM ends the step under way, writes a checkpoint and exits. While the file that `--pause` names exists, training
waits.

usage: train.py --out FOLDER (--minutes M | --steps N) [--resume | --start FOLDER] [--threads 1] [--seed 0]
       torchrun --nproc-per-node 2 train.py …, which has each process take its share of the batches of an update
"""
import argparse
import json
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from data import batches
from half import multiply_in_half
from muon import Muon
from network import MoE, modeling, new_model
from ranks import Ranks
from weights import warm

WARMUP = 100
TOKENIZER = Path(__file__).resolve().parent.parent / "tokenizer.json"


def rate(peak, step, progress, hold):
    """Linear warm-up, the peak until `hold` of the budget, then a linear way down to 2 %."""
    return peak * min(1, (step + 1) / WARMUP) * min(1, max(0.02, (1 - progress) / (1 - hold)))


def optimizers_of(model, peak, half):
    """Muon for what multiplies states, AdamW for embeddings, routers, convolutions and vectors."""
    named = list(model.named_parameters())
    inner = {name for name, p in named if p.dim() == 2 and "embed" not in name and ".wg." not in name}
    tables = [p for name, p in named if p.dim() > 1 and name not in inner]
    vectors = [p for name, p in named if p.dim() <= 1]
    groups = [{"params": tables, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    rest = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), fused=True)
    dtype = torch.bfloat16 if half else torch.float32
    return [Muon([p for name, p in named if name in inner], peak, 0.05, dtype), rest]


def stream(tokenizer, seed, pool, cursor, longest, early):
    """Batches from a position on, each with the position after it."""
    while True:
        ready = batches(tokenizer, seed, pool, longest, early)
        for at in range(cursor, len(ready)):
            yield ready[at], (pool, at + 1)
        pool, cursor = pool + 1, 0


def losses(model, inputs, labels, mtp):
    """The loss on learnt tokens, that of the next-next token, and whether each learnt token was the likeliest."""
    rows, columns = (labels >= 0).nonzero(as_tuple=True)
    states = model.model(inputs)
    logits = model.head(states[rows, columns])
    targets = labels[rows, columns]
    loss, right = F.cross_entropy(logits, targets), logits.detach().argmax(-1) == targets
    if not mtp:
        return loss, torch.zeros(()), right, rows
    next_labels = labels[:, 1:]
    rows2, columns2 = ((next_labels >= 0) & (labels[:, :-1] >= 0)).nonzero(as_tuple=True)
    ahead = model.model.mtp(states[:, :-1], model.model.embed_tokens(inputs[:, 1:]))
    after = F.cross_entropy(model.head(ahead[rows2, columns2]), next_labels[rows2, columns2])
    return loss, after, right, rows


def gradients(model, inputs, labels, mtp, share):
    """Adds a share of a batch's gradients: its losses, and whether each row was wholly right."""
    loss, after, right, rows = losses(model, inputs, labels, mtp)
    layers = [mixer for _, mixer in model.model.pairs() if isinstance(mixer, MoE)]
    balance = sum(layer.balance for layer in layers) / len(layers)
    (share * (loss + mtp * after + 0.02 * balance)).backward()
    wrong = torch.zeros(len(inputs)).index_add_(0, rows, (~right).float())
    return loss.item(), after.item(), balance.item(), (wrong == 0).tolist()


class Run:
    """The state of a training run, and its file."""

    def __init__(self, path, options):
        self.path, self.seed = path, options.seed
        self.model = new_model()
        self.optimizers = optimizers_of(self.model, options.peak, options.half)
        self.step, self.tokens, self.elapsed, self.position = 0, 0, 0.0, (0, 0)
        self.asked, self.stopped = False, False  # to stop
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, *_):
        self.asked = True

    def update(self, rate):
        """Changes the weights by what the gradients of a few batches say."""
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()

    def save(self):
        state = {
            "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers], "step": self.step,
            "tokens": self.tokens, "elapsed": self.elapsed, "position": self.position, "seed": self.seed,
            "rng": torch.get_rng_state(),
        }
        temporary = self.path.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self.path)

    def resume(self):
        state = torch.load(self.path)
        self.model.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        self.step, self.tokens, self.elapsed = state["step"], state["tokens"], state["elapsed"]
        self.position, self.seed = tuple(state["position"]), state["seed"]
        torch.set_rng_state(state["rng"])


def compile_elementwise():
    """A third more tokens a second, for what goes through memory once and not in every operation."""
    modeling.convolve = torch.compile(modeling.convolve, dynamic=True)
    for norm in (modeling.RMSNorm, modeling.GatedGroupNorm):
        norm.forward = torch.compile(norm.forward, dynamic=True)


class Log:
    """What is told of the steps since it was told last: losses, speed, and by kind the share of rows wholly right."""

    def __init__(self, run):
        self.run, self.reset = run, self.clear
        self.clear()

    def clear(self):
        self.since, self.tokens, self.steps = time.time(), self.run.tokens, 0
        self.loss = self.after = 0.0
        self.kinds = defaultdict(lambda: [0, 0])

    def add(self, kinds, loss, after, balance, exact):
        self.steps, self.balance = self.steps + 1, balance
        self.loss, self.after = self.loss + loss, self.after + after
        for kind, whole in zip(kinds, exact):
            self.kinds[kind][0] += whole
            self.kinds[kind][1] += 1

    def tell(self, rate):
        run, speed = self.run, (self.run.tokens - self.tokens) / (time.time() - self.since + 1e-9)
        kinds = " ".join(f"{kind} {right / count:.2f}" for kind, (right, count) in sorted(self.kinds.items()))
        print(
            f"{run.elapsed / 60:7.1f} min  step {run.step}  {run.tokens / 1e6:.2f} M tokens"
            f"  loss {self.loss / self.steps:.4f}  mtp {self.after / self.steps:.3f}  balance {self.balance:.3f}"
            f"  rate {rate:.2e}  {speed:.0f} tokens/s\n    {kinds}",
            flush=True,
        )
        self.clear()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, outside the repository")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=Path, help="a model's folder whose weights training begins with")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak", type=float, default=1e-3)
    parser.add_argument("--hold", type=float, default=0.6, help="share of the budget at the peak rate")
    parser.add_argument("--mtp", type=float, default=0.2, help="weight of the loss on the next-next token")
    parser.add_argument("--early", type=int, default=40, help="pools of samples in which nearly all is to be repeated")
    parser.add_argument("--batches", type=int, default=2, help="batches of an update")
    parser.add_argument("--longest", type=int, default=1024, help="tokens of a sample at most")
    parser.add_argument("--save-every", type=float, default=10, help="minutes")
    parser.add_argument("--compile", action="store_true", help="compile what is not products; needs a C++ compiler")
    parser.add_argument("--half", action="store_true", help="multiply in bfloat16, for processors that can")
    parser.add_argument("--pause", type=Path, help="a file that makes training wait")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)
    run = Run(options.out / "checkpoint.pt", options)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    if options.resume:
        run.resume()
    elif options.start:
        warm(run.model, tokenizer, options.start)
    loop(run, tokenizer, options)


def loop(run, tokenizer, options):
    size = sum(p.numel() for p in run.model.parameters())
    print(f"{size} parameters, from step {run.step}, {json.dumps(vars(options), default=str)}", flush=True)
    run.model.train()
    if options.compile:
        compile_elementwise()
    if options.half:
        multiply_in_half()
    ranks, log, saved, last = Ranks(), Log(run), time.time(), time.time()
    for (inputs, labels, kinds), position in stream(tokenizer, run.seed, *run.position, options.longest, options.early):
        while options.pause and options.pause.exists() and not run.asked:
            time.sleep(2)
            last = log.since = time.time()
        progress = run.step / options.steps if options.steps else run.elapsed / (60 * options.minutes)
        if (progress >= 1 or run.stopped) and run.step % options.batches == 0:
            break
        if ranks.takes(run.step):
            log.add(kinds, *gradients(run.model, inputs, labels, options.mtp, 1 / options.batches))
        run.elapsed, last = run.elapsed + time.time() - last, time.time()
        run.step, run.position, run.tokens = run.step + 1, position, run.tokens + inputs.numel()
        if run.step % options.batches:
            continue
        run.elapsed, run.stopped = ranks.share(run.model, run.elapsed, run.asked)
        run.update(rate(options.peak, run.step, progress, options.hold))
        if ranks.rank == 0 and (log.steps >= 100 or time.time() - log.since > 300):
            log.tell(run.optimizers[0].param_groups[0]["lr"])
        if ranks.rank == 0 and time.time() - saved > 60 * options.save_every:
            run.save()
            saved = time.time()
    if ranks.rank == 0:
        run.save()
    if run.stopped:
        sys.exit(0)


if __name__ == "__main__":
    main()
