"""Processes that share the batches of each update, as torchrun starts them; one process without it."""
import os

import torch
import torch.distributed


class Ranks:
    def __init__(self):
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        if self.count > 1:
            torch.distributed.init_process_group("gloo")

    def takes(self, step):
        return step % self.count == self.rank

    def share(self, model, elapsed, asked):
        """Adds up gradients. All go by the first process's clock, and stop where one is asked to: the seconds, and whether."""
        if self.count == 1:
            return elapsed, asked
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        told = torch.tensor([elapsed if self.rank == 0 else 0, float(asked)])
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), told])
        torch.distributed.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients] + [2])):
            gradient.copy_(part.view_as(gradient))
        return flat[-2].item(), flat[-1].item() > 0
