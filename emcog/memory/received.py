"""Attention that keys received: the sum over queries of the probability that each gave a key, head by head.

Written for few queries and many keys; what is large are the scores, (heads, queries, keys).
"""

from collections.abc import Iterable

import torch

WIDE = 8
"""Multiples in which tensor cores take their numbers."""


def received(
    query: torch.Tensor, key: torch.Tensor, lse: torch.Tensor, mask: torch.Tensor, scaling: float, softcap: float | None
) -> torch.Tensor:
    """Exactly as the attention's softmax has it.

    Parameters
    ----------
    query : (1, heads, n, size). key : (1, kv_heads, m, size). lse : (heads, n), log-sum-exp of each query's scores.
    mask : float (n, m) or (1, m), 0 where a query sees a key, -inf elsewhere.

    Returns
    -------
    float32 (heads, m)
    """
    heads, n = query.shape[1:3]
    scores = (query.reshape(1, key.shape[1], -1, query.shape[-1]) @ key.mT).float().mul_(scaling)
    if softcap is not None:
        scores = scores.div_(softcap).tanh_().mul_(softcap)
    return scores.view(heads, n, -1).sub_(lse.float()[..., None]).add_(mask).exp_().sum(1)


def received_in_bfloat16(
    query: torch.Tensor, key: torch.Tensor, lse: torch.Tensor, mask: torch.Tensor, scaling: float,
    spans: Iterable[tuple[slice, slice]],
) -> torch.Tensor:  # fmt: skip
    """The same where all is in bfloat16, in as few passes over the scores as can be, each half as wide.

    The log-sum-exp is taken away within the product, by two further numbers of each head (it, and what rounding it left
    over), so that scores are rounded where they are small. (Scores beyond all numbers of float16 would spoil the sum.)

    Parameters
    ----------
    mask : bfloat16 (n or 1, m rounded up to a multiple of `WIDE`).
    spans : rows and columns of it, columns from and to a multiple of `WIDE`, outside of which nothing is seen; each row
        in one of them.
    """
    heads, n, size = query.shape[1:]
    kv_heads, m = key.shape[1:3]
    less = -lse.float()
    high = less.to(query.dtype)
    ours = query.new_zeros(heads, n, size + WIDE)
    ours[..., :size], ours[..., size], ours[..., size + 1] = query[0] * scaling, high, less - high
    theirs = key.new_empty(kv_heads, mask.shape[-1], size + WIDE)
    theirs[:, :m, :size], theirs[..., size : size + 2], theirs[..., size + 2 :] = key[0], 1, 0
    total = torch.zeros(heads, mask.shape[-1], device=query.device)
    for rows, columns in spans:
        some = ours[:, rows]
        scores = (some.reshape(kv_heads, -1, size + WIDE) @ theirs[:, columns].mT).view(heads, some.shape[1], -1)
        total[:, columns] += scores.add_(mask[rows, columns]).exp_().sum(1, dtype=torch.float32)
    return total[:, :m]
