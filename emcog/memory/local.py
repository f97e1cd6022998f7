"""The local window's keys and values, un-rotated: what every query sees at true distances."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import Cache

from emcog.errors import ModelError
from emcog.lm.window import Pair


class LocalCache(Cache):
    """The last tokens of every layer; a chunk becomes part of it when its whole forward pass has gone well.

    Parameters
    ----------
    reach : tokens that a query of each layer sees, itself among them.

    Attributes
    ----------
    seen : tokens read. local : per layer, keys and values of the last reach - 1 of them.
    fresh : per layer, keys and values of the chunk that is being read.
    """

    def __init__(self, reach: Mapping[int, int]):
        super().__init__(layers=[])
        self.reach = dict(reach)
        self.seen = self.base = 0
        self.local: dict[int, Pair] = {}
        self.fresh: dict[int, Pair] = {}
        self._joined: dict[int, Pair] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in a chunk's keys and values of one layer; returns those of the window with the chunk behind them."""
        if key_states.shape[0] != 1:
            raise ModelError(
                f"a memory reads one text at a time, got {key_states.shape[0]} at once: "
                "generate without beams and with one sequence; for more, use one fork() each"
            )
        new = (key_states, value_states)
        old = self.local.get(layer_idx)
        joined = new if old is None else tuple(torch.cat(pair, dim=2) for pair in zip(old, new, strict=True))
        self.fresh[layer_idx], self._joined[layer_idx] = new, joined
        return joined[0], joined[1]

    def commit(self, n: int) -> None:
        """The chunk of n tokens was read by all layers."""
        for layer, pair in self._joined.items():
            keep = self.reach[layer] - 1
            self.local[layer] = tuple(x[:, :, max(0, x.shape[2] - keep) :] for x in pair)
        self.seen += n
        self.rollback()

    def rollback(self) -> None:
        """Forget the chunk that is being read."""
        self.fresh, self._joined = {}, {}

    def fork(self) -> "LocalCache":
        """An independent cache with the same content; tensors are shared, as none is ever written to."""
        twin = LocalCache(self.reach)
        twin.seen, twin.base, twin.local = self.seen, self.base, dict(self.local)
        return twin

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens read since the present text began, as `generate` counts them."""
        return self.seen - self.base

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Keys given to the attention function, and the position of the first (no mask is made from it)."""
        return min(self.seen, self.reach[layer_idx] - 1) + query_length, 0

    def crop(self, max_length: int) -> None:
        """A memory does not forget what it has read."""
        raise ModelError("a memory cannot take back tokens: generate without an assistant model, or on a fork()")

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """A memory has one line of text."""
        raise ModelError("a memory reads one text at a time: generate without beams")
