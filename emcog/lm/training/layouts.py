"""Who sees whom, and from how far, in training rows: documents apart, and far context as memory shows it.

A query sees the keys of its own document that are not later. Where a row has a distance `far`, query i sees key j at
its true distance while i - j < far, and at the distance `far` beyond that; some of what lies beyond can be out of
sight, as events are that were not recalled. A model that never saw such a layout makes little of what memory brings
back.

Two ways to the same numbers: dense on the CPU, and on a GPU one fused attention over two copies of the keys, one to be
seen at the true distance and one from afar.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

Turn = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Layout:
    """The layout of n_rows rows of n tokens.

    Attributes
    ----------
    turn : cos and sin (n_rows, 1, n, head_dim) that rotate queries and keys to their positions.
    far_turn : cos and sin (n_rows, 1, 1, head_dim) that rotate queries to the distance `far`; None if no row has one.
    near : bool (n_rows, 1, n, n); query i sees key j at its true distance. None: every row is one document, seen whole.
    beyond : bool (n_rows, 1, n, n); query i sees key j from afar. None if no row has a distance `far`.
    blocks : near and beyond side by side (n_rows, 1, n, 2 n), for the fused attention; None on a CPU.
    """

    turn: Turn
    far_turn: Turn | None = None
    near: torch.Tensor | None = None
    beyond: torch.Tensor | None = None
    blocks: BlockMask | None = None


def dense_layout(
    rotary: nn.Module, position: torch.Tensor, document: torch.Tensor, far: torch.Tensor, unseen: torch.Tensor
) -> Layout:
    """The layout of rows on a CPU.

    Parameters
    ----------
    rotary : the model's rotary embedding.
    position, document : int64 (n_rows, n), as in `Rows`.
    far : int64 (n_rows,); the distance, 0 for rows without one.
    unseen : bool (n_rows, n); keys out of sight beyond that distance.
    """
    turn = _turn(rotary, position)
    if not document.any() and not far.any():
        return Layout(turn)
    reach = _reach(far, position.shape[1])
    distance = position[:, :, None] - position[:, None, :]
    seen = (document[:, :, None] == document[:, None, :]) & (distance >= 0)
    inside = distance < reach[:, None, None]
    if not far.any():
        return Layout(turn, near=seen[:, None])
    beyond = seen & ~inside & ~unseen[:, None, :]
    return Layout(turn, _turn(rotary, reach[:, None]), (seen & inside)[:, None], beyond[:, None])


def fused_layout(
    rotary: nn.Module, position: torch.Tensor, document: torch.Tensor, far: torch.Tensor, unseen: torch.Tensor
) -> Layout:
    """The same layout for the fused attention, with `blocks` in place of the dense masks; to be called compiled."""
    n_rows, n = position.shape
    reach = _reach(far, n)

    def seen(row: torch.Tensor, head: torch.Tensor, query: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Whether a query sees the key at a place."""
        key = place % n
        distance = query - key  # within a document as between their positions
        inside = distance < reach[row]
        own = (document[row, query] == document[row, key]) & (distance >= 0)
        return own & torch.where(place < n, inside, ~inside & ~unseen[row, key])

    blocks = create_block_mask(seen, n_rows, None, n, 2 * n, device=position.device)
    return Layout(_turn(rotary, position), _turn(rotary, reach[:, None]), blocks=blocks)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Attention in a layout: queries (n_rows, heads, n, head_dim) and keys not rotated yet; gives the same shape."""
    near = rotate(query, layout.turn), rotate(key, layout.turn)
    if layout.blocks is not None and layout.far_turn is not None:
        return _fused(near, (rotate(query, layout.far_turn), key), value, layout.blocks)
    if layout.beyond is None or layout.far_turn is None:
        causal = layout.near is None
        return functional.scaled_dot_product_attention(
            *near, value, attn_mask=layout.near, is_causal=causal, enable_gqa=True
        )
    shape = query.shape
    stacked = (shape[0], key.shape[1], shape[1] // key.shape[1] * shape[2], shape[3])
    # Query heads that share a key head are stacked, so no key is copied for them.
    scores, afar = (
        (q.reshape(stacked) @ k.mT).view(*shape[:3], -1) for q, k in (near, (rotate(query, layout.far_turn), key))
    )
    mixed = torch.where(layout.near, scores, afar).float() * shape[-1] ** -0.5
    weights = mixed.masked_fill(~(layout.near | layout.beyond), -torch.inf).softmax(-1)
    return (weights.to(value.dtype).reshape(*stacked[:3], shape[2]) @ value).view(shape)


def _fused(
    near: tuple[torch.Tensor, torch.Tensor], afar: tuple[torch.Tensor, torch.Tensor], value: torch.Tensor,
    blocks: BlockMask,
) -> torch.Tensor:  # fmt: skip
    # A query holds what it is near and what it is from afar side by side; a copy of the keys has zeros for the other.
    # Without rotation a key stands at position 0, and the query afar of it.
    (near_query, near_key), (far_query, far_key) = near, afar
    query = torch.cat([near_query, far_query], -1)
    zeros = torch.zeros_like(near_key)
    key = torch.cat([torch.cat([near_key, zeros], -1), torch.cat([zeros, far_key], -1)], -2)
    twice = torch.cat([value, value], -2)
    return flex_attention(query, key, twice, block_mask=blocks, scale=value.shape[-1] ** -0.5, enable_gqa=True)


def rotate(states: torch.Tensor, turn: Turn) -> torch.Tensor:
    """Rotate queries or keys (n_rows, heads, n, head_dim) by the angles of `turn`."""
    first, second = states.chunk(2, -1)
    return (states * turn[0] + torch.cat([-second, first], -1) * turn[1]).to(states.dtype)


def _turn(rotary: nn.Module, position: torch.Tensor) -> Turn:
    cos, sin = rotary(torch.empty(1, 1, 1, device=position.device), position)
    return cos[:, None], sin[:, None]


def _reach(far: torch.Tensor, n: int) -> torch.Tensor:
    return torch.where(far > 0, far, n)
