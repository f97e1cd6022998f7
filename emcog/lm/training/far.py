"""Training rows whose far context stands at one distance, as memory shows what it recalls.

Query i sees key j of its document at its true distance where i - j < far, and at the distance `far` beyond that. Some
of what lies beyond can be out of sight, as events are that were not recalled. A model that never saw such a layout
makes little of what memory brings back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import rotate_half

NAME = "emcog_far"
Turn = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class FarContext:
    """What the layers need to know of the layout of a batch; n_rows rows of n tokens.

    Attributes
    ----------
    query_turn, key_turn : cos and sin (n_rows, 1, n, head_dim) that turn rotated queries on to the position `far`, and
        rotated keys back to position 0.
    near : bool (n_rows, 1, n, n); where the true distance counts.
    bias : float (n_rows, 1, n, n); 0 where query i sees key j, else -inf.
    """

    query_turn: Turn
    key_turn: Turn
    near: torch.Tensor
    bias: torch.Tensor


def far_context(
    rotary: nn.Module, position: torch.Tensor, document: torch.Tensor, far: torch.Tensor, unseen: torch.Tensor
) -> FarContext:
    """The layout of a batch.

    Parameters
    ----------
    rotary : the model's rotary embedding.
    position, document : int64 (n_rows, n), as in `Rows`.
    far : int64 (n_rows,); the distance, 0 for rows without one.
    unseen : bool (n_rows, n); keys out of sight beyond that distance.
    """
    n = position.shape[1]
    reach = torch.where(far > 0, far, n)[:, None]
    like = torch.empty(1, 1, 1, device=position.device)
    query_turn, key_turn = ([t[:, None] for t in rotary(like, p)] for p in (reach - position, -position))
    distance = position[:, :, None] - position[:, None, :]
    near = distance < reach[:, :, None]
    seen = (document[:, :, None] == document[:, None, :]) & (distance >= 0) & (near | ~unseen[:, None, :])
    bias = torch.zeros(seen.shape, device=position.device).masked_fill_(~seen, -torch.inf)
    return FarContext((query_turn[0], query_turn[1]), (key_turn[0], key_turn[1]), near[:, None], bias[:, None])


def far_attention(
    module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: torch.Tensor | None, scaling: float, far: FarContext | None = None, **kwargs: object,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Attention of rotated queries (n_rows, heads, n, head_dim) in the layout `far`; without one the library's own."""
    if far is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    shape = query.shape
    stacked = (shape[0], key.shape[1], shape[1] // key.shape[1] * shape[2], shape[3])
    # Query heads that share a key head are stacked, so no key is copied for them.
    scores, beyond = (
        (q.reshape(stacked) @ k.mT).view(*shape[:3], -1)
        for q, k in ((query, key), (_turn(query, far.query_turn), _turn(key, far.key_turn)))
    )
    weights = (torch.where(far.near, scores, beyond).float() * scaling + far.bias).softmax(-1)
    out = weights.to(value.dtype).reshape(*stacked[:3], shape[2]) @ value
    return out.view(shape).transpose(1, 2), None


def _turn(states: torch.Tensor, turn: Turn) -> torch.Tensor:
    return states * turn[0] + rotate_half(states) * turn[1]


@contextmanager
def far_layouts(model: nn.Module) -> Iterator[None]:
    """Within this context the model's forward takes `far=FarContext(...)`; afterwards it is as it was before."""
    before = model.config._attn_implementation
    try:
        ALL_ATTENTION_FUNCTIONS[NAME] = far_attention
        model.set_attn_implementation(NAME)
        yield
    finally:
        model.set_attn_implementation(before)
        del ALL_ATTENTION_FUNCTIONS[NAME]
