"""Attention that keys received: the sum over queries of the probability that each gave a key, head by head.

Written for few queries and many keys; what is large are the scores, (heads, queries, keys).
"""

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


def received_in_half(
    query: torch.Tensor, key: torch.Tensor, lse: torch.Tensor, hidden: torch.Tensor, scaling: float
) -> torch.Tensor:
    """The same in bfloat16 or float16, in as few passes over the scores as can be, each half as wide.

    The log-sum-exp is taken away within the product, by two further numbers of each head (it, and what rounding it left
    over), so that scores are rounded where they are small.

    hidden : bool (n or 1, m rounded up to a multiple of `WIDE`), which key a query does not see.
    """
    heads, n, size = query.shape[1:]
    m, dtype = key.shape[2], query.dtype
    less = -lse.to(torch.float32)
    high = less.to(dtype)
    low = (less - high).to(dtype)
    ours = query.new_zeros(heads, n, size + WIDE)
    ours[..., :size], ours[..., size], ours[..., size + 1] = query[0], high, low
    theirs = key.new_zeros(key.shape[1], hidden.shape[-1], size + WIDE)
    torch.mul(key[0], scaling, out=theirs[:, :m, :size])
    theirs[..., size : size + 2] = 1
    scores = ours.view(key.shape[1], -1, size + WIDE) @ theirs.mT
    # Not by adding: what is hidden may be beyond all numbers of the type.
    return scores.view(heads, n, -1).masked_fill_(hidden, -torch.inf).exp_().sum(1, dtype=torch.float32)[:, :m]
