"""Attention that keys received: the sum over queries of the probability that each gave a key, head by head.

Written for few queries and many keys; what is large are the scores, (heads, queries, keys).
"""

from collections.abc import Iterable

import torch

from emcog.memory.local import Near

WIDE = 8
"""Multiples in which tensor cores take their numbers."""
BLOCK = 128
"""Queries looked at together."""
SPAN = 64
"""The same in bfloat16, where hidden scores cost more than launches."""
KEPT = 8
"""Masks that are kept: chunks are alike."""


class Received:
    """What the keys of a window and of a chunk received from some of the chunk's queries.

    Parameters
    ----------
    n_local : tokens that a query sees, itself among them.
    """

    def __init__(self, n_local: int):
        self.n_local = n_local
        self._masks: dict[tuple, torch.Tensor] = {}

    def __call__(
        self, asked: range, near: Near, lse: torch.Tensor, scaling: float, softcap: float | None
    ) -> torch.Tensor:
        """Float32 (heads, past + n), by the places of `near.key`.

        Parameters
        ----------
        asked : which of the n queries. near : these, rotated, and all keys. lse : (1, heads, n), of all that they saw.
        """
        query, key, among = near.query, near.key, near.among
        heads, m, past = query.shape[1], key.shape[2], key.shape[2] - query.shape[2]
        if softcap is None and query.dtype == torch.bfloat16 and query.device.type != "cpu":
            rows, width = slice(asked.start, asked.stop, asked.step), _wide(m)
            if among is None:
                mask, spans = self._band(asked, past, width, query), self._spans(asked, past)
            else:
                mask, spans = _only(among, width, query.dtype), [(slice(None), slice(None))]
            return received_in_bfloat16(query[:, :, rows], key, lse[0][:, rows], mask, scaling, spans)
        total = torch.zeros(heads, m, device=query.device)
        for start in range(0, len(asked), BLOCK):
            some = asked[start : start + BLOCK]
            rows = slice(some.start, some.stop, some.step)
            mask = self._band(some, past, m, lse) if among is None else _only(among, m, torch.float32)
            total += received(query[:, :, rows], key, lse[0][:, rows], mask, scaling, softcap)
        return total

    def _band(self, asked: range, past: int, width: int, like: torch.Tensor) -> torch.Tensor:
        """Mask for some rows of the window's band, (len(asked), width)."""
        name = (asked, past, width, like.dtype, like.device)
        if name not in self._masks:
            rows = torch.arange(asked.start, asked.stop, asked.step, device=like.device)
            distance = (past + rows)[:, None] - torch.arange(width, device=like.device)[None]
            hidden = (distance < 0) | (distance >= self.n_local)
            if len(self._masks) >= KEPT:
                self._masks.clear()
            self._masks[name] = like.new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)
        return self._masks[name]

    def _spans(self, asked: range, past: int) -> list[tuple[slice, slice]]:
        """Where stretches of rows see something; see `received_in_bfloat16`."""
        found = []
        for start in range(0, len(asked), SPAN):
            some = asked[start : start + SPAN]
            low, high = max(0, past + some[0] - self.n_local + 1), past + some[-1] + 1
            found.append((slice(start, start + len(some)), slice(low // WIDE * WIDE, _wide(high))))
        return found


def _only(among: torch.Tensor, width: int, dtype: torch.dtype) -> torch.Tensor:
    """Mask that lets a range of the keys through, (1, width)."""
    place = torch.arange(width, device=among.device)[None]
    hidden = (place < among[0]) | (place >= among[1])
    return torch.zeros(hidden.shape, dtype=dtype, device=among.device).masked_fill_(hidden, -torch.inf)


def _wide(n: int) -> int:
    return -(-n // WIDE) * WIDE


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
    over), so that scores are rounded where they are small. (float16 will not do: a
    score that is hidden may be beyond all its numbers, and would spoil the sum.)

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
