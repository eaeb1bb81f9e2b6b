"""Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon): momentum whose singular values are all made about 1."""
from collections import defaultdict

import torch

MOMENTUM = 0.95


def orthogonal(x, dtype):
    """Matrices [N, R, C], R <= C, with their singular values brought to about 1 by five Newton-Schulz steps."""
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(dtype)
    for _ in range(5):
        squares = x @ x.mT
        polynomial = torch.baddbmm(squares, squares, squares, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, polynomial, x, beta=3.4445)
    return x.float()


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are updated together. The scale of Liu et al. (arXiv 2502.16982) gives an update the size that
    one of AdamW has, so that both take the same learning rate."""

    def __init__(self, matrices, lr, weight_decay, dtype=torch.float32):
        shapes = defaultdict(list)
        for matrix in matrices:
            shapes[tuple(sorted(matrix.shape))].append(matrix)
        self.dtype = dtype  # of the Newton-Schulz steps
        super().__init__([{"params": group} for group in shapes.values()], {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            directions = []
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - MOMENTUM)
                directions.append(self.wide(p.grad.lerp(momentum, MOMENTUM)))
            updates = orthogonal(torch.stack(directions), self.dtype)
            for p, update in zip(group["params"], updates):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.mT if p.shape[0] > p.shape[1] else update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)

    @staticmethod
    def wide(matrix):
        return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
