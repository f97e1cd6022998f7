"""Muon: momentum whose matrix updates are orthogonalised (Jordan et al. 2024), batched over layers.

torch.optim.Muon works matrix by matrix in bfloat16, which a CPU without bfloat16 arithmetic runs a hundred times
slower than float32; here all matrices of one shape go through the iteration together, in a type of our choosing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

Job = tuple[dict[str, Any], list[torch.Tensor]]
TOGETHER = 8

# Coefficients of the quintic iteration that drives all singular values towards 1 (Jordan 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Bring the singular values of each matrix of a batch (n, rows, columns) near 1, by Newton-Schulz iteration."""
    x = matrices.mT if matrices.shape[-2] > matrices.shape[-1] else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.mT if matrices.shape[-2] > matrices.shape[-1] else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; for matrices only (norms and embeddings belong to AdamW).

    Parameters
    ----------
    params : 2-D parameters.
    lr : step size; an update of a tall matrix is scaled by sqrt(rows / columns).
    momentum, weight_decay : as usual; decay is decoupled.
    apply : a `map` that may work on several jobs at once (a thread pool's).
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        apply: Callable[[Callable[[Job], None], Iterable[Job]], Iterable[None]] = map,
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.apply = apply

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update every parameter that has a gradient."""
        jobs: list[Job] = []
        for group in self.param_groups:
            shapes = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for same in shapes.values():
                jobs += [(group, same[k : k + TOGETHER]) for k in range(0, len(same), TOGETHER)]
        list(self.apply(self._update, jobs))

    @torch.no_grad()
    def _update(self, job: Job) -> None:
        group, parameters = job
        rows, columns = parameters[0].shape
        gradients = torch.stack([p.grad for p in parameters])
        buffers = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in parameters]
        momentum = torch.stack(buffers).lerp_(gradients, 1 - group["momentum"])
        update = gradients.lerp_(momentum, group["momentum"])
        half = update.bfloat16() if update.is_cuda else update
        update = orthogonalise(half).to(update.dtype) * max(1, rows / columns) ** 0.5
        for p, buffer, new, change in zip(parameters, buffers, momentum, update, strict=True):
            buffer.copy_(new)
            p.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-group["lr"])
