"""The local window's keys and values: what every query sees at true distances."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from transformers import Cache

from emcog.errors import ModelError
from emcog.lm.rotary import Rotation

ROOM, LEAST_ROOM = 4, 64
"""Chunks, and tokens, that a buffer has room for behind the window; then it moves to the front, rotated anew."""


class Near(NamedTuple):
    """A chunk's queries, rotated, and the window's keys and values with the chunk's own behind them.

    query (1, heads, n, size); key (rotated), raw, value (1, kv_heads, past + n, size).
    among : int64 (2,), which of them are in sight, half-open, known to the device alone; None: by the window's rule.
    """

    query: torch.Tensor
    key: torch.Tensor
    raw: torch.Tensor
    value: torch.Tensor
    among: torch.Tensor | None = None


class Window:
    """One layer's last tokens, in buffers that a chunk is written behind: nothing is copied or rotated twice.

    A key's place in the buffer is the position that it is rotated at, so positions stay bounded.

    Parameters
    ----------
    reach : tokens that a query sees, itself among them. room : tokens that fit behind the window, at least a chunk.

    Attributes
    ----------
    start, stop : the window's places in the buffers, half-open; at most reach - 1.
    """

    def __init__(self, reach: int, room: int):
        self.reach, self.room = reach, room
        self.start = self.stop = 0
        self._raw, self._key, self._value = (torch.empty(0) for _ in range(3))
        self._turned = True  # the rotated keys are there
        self._shared = False  # a fork looks at the same buffers
        self._blank = False  # places that never held anything are zero

    @property
    def pair(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw keys and values of the window, (1, kv_heads, stop - start, size)."""
        return self._raw[:, :, self.start : self.stop], self._value[:, :, self.start : self.stop]

    def push(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, turn: Rotation | None) -> Near:
        """Write a chunk's raw keys and values behind the window, which is as it was until `commit`.

        turn : rotates queries and keys; None for layers without positions.
        """
        n = key.shape[2]
        if turn and not self._key.numel():
            # While the text fits the window its positions are those of a plain pass, and so is every rounding.
            self.start = self.stop = min(turn.origin, self.reach - 1 + self.room - n)
        self._make_room(n, key, value)
        self._turn(turn)
        end = self.stop + n
        new = slice(self.stop, end)
        self._raw[:, :, new], self._value[:, :, new] = key, value
        query, self._key[:, :, new] = turn.both(query, key, self.stop) if turn else (query, key)
        return Near(query, *(x[:, :, self.start : end] for x in (self._key, self._raw, self._value)))

    def prepare(self, turn: Rotation | None) -> tuple[torch.Tensor, ...]:
        """Make room for one more token behind a window that is not empty; returns the buffers, which are written to
        later (`push_at`)."""
        self._make_room(1, self._raw, self._value)
        self._turn(turn)
        if not self._blank:  # where the device alone knows what they hold, other places are looked at too
            for buffer in (self._raw, self._key, self._value):
                buffer[:, :, : self.start], buffer[:, :, self.stop :] = 0, 0
            self._blank = True
        return self._raw, self._key, self._value

    def push_at(
        self, spot: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, turn: Rotation | None
    ) -> Near:
        """`push` of one token where the device alone knows the places: int64 (3,), that of the token, and from which to
        before which there is something to be seen then."""
        place = spot[:1]
        self._raw.index_copy_(2, place, key)
        self._value.index_copy_(2, place, value)
        if turn:
            query, key = turn.both(query, key, place)
        self._key.index_copy_(2, place, key)
        return Near(query, self._key, self._raw, self._value, spot[1:])

    def _turn(self, turn: Rotation | None) -> None:
        if not self._turned:
            raw = self._raw[:, :, self.start : self.stop]
            self._key[:, :, self.start : self.stop] = turn(raw, self.start) if turn else raw
            self._turned = True

    def _make_room(self, n: int, key: torch.Tensor, value: torch.Tensor) -> None:
        end, capacity = self.stop + n, self._raw.shape[2] if self._raw.dim() == 4 else 0
        if end <= capacity and not self._shared:
            return
        old = (self._raw, self._key, self._value)
        held, moves = slice(self.start, self.stop), capacity > 0 and end > capacity
        capacity = self.reach - 1 + self.room
        self._raw, self._key = (key.new_empty(*key.shape[:2], capacity, key.shape[3]) for _ in range(2))
        self._value = value.new_empty(*value.shape[:2], capacity, value.shape[3])
        self._blank = False
        begin = 0 if moves else self.start
        if count := self.stop - self.start:
            for before, after in zip(old, (self._raw, self._key, self._value), strict=True):
                after[:, :, begin : begin + count] = before[:, :, held]
        self.start, self.stop = begin, begin + count
        self._turned, self._shared = self._turned and not moves, False

    def commit(self, n: int) -> None:
        """The chunk of n tokens that was pushed last is read: it belongs to the window."""
        self.stop += n
        self.start = max(self.start, self.stop - self.reach + 1)

    def fill(self, key: torch.Tensor, value: torch.Tensor, start: int) -> None:
        """Put raw keys and values back as they were saved, at the place where they lay."""
        self.start = self.stop = start
        self._make_room(key.shape[2], key, value)
        self.stop = start + key.shape[2]
        self._raw[:, :, start : self.stop], self._value[:, :, start : self.stop] = key, value
        self._turned = False

    def fork(self) -> "Window":
        """An independent window; its buffers are shared until one of the two is written to."""
        self._shared = True
        return copy.copy(self)


class LocalCache(Cache):
    """The last tokens of every layer; a chunk becomes part of it when its whole forward pass has gone well.

    Parameters
    ----------
    reach : tokens that a query of each layer sees, itself among them.
    chunk : the longest chunk that will be read.

    Attributes
    ----------
    seen : tokens read. windows : of every layer.
    fresh : per layer, raw keys and values of the chunk that is being read.
    """

    def __init__(self, reach: Mapping[int, int], chunk: int):
        super().__init__(layers=[])
        self.seen = self.base = 0
        self.windows = {layer: Window(far, max(ROOM * chunk, LEAST_ROOM)) for layer, far in reach.items()}
        self.fresh: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def places(self) -> int:
        """Positions that a window ever uses."""
        return max(window.reach - 1 + window.room for window in self.windows.values())

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take in a chunk's keys and values of one layer, and hand them on: the attention function adds the window."""
        if key_states.shape[0] != 1:
            raise ModelError(
                f"a memory reads one text at a time, got {key_states.shape[0]} at once: "
                "generate without beams and with one sequence; for more, use one fork() each"
            )
        self.fresh[layer_idx] = (key_states, value_states)
        return key_states, value_states

    def commit(self, n: int) -> None:
        """The chunk of n tokens was read by all layers."""
        for layer in self.fresh:
            self.windows[layer].commit(n)
        self.seen += n
        self.rollback()

    def rollback(self) -> None:
        """Forget the chunk that is being read."""
        self.fresh = {}

    def fork(self) -> "LocalCache":
        """An independent cache with the same content."""
        twin = LocalCache({}, 0)
        twin.seen, twin.base = self.seen, self.base
        twin.windows = {layer: window.fork() for layer, window in self.windows.items()}
        return twin

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens read since the present text began, as `generate` counts them."""
        return self.seen - self.base

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Keys given to the attention function, and the position of the first (no mask is made from it)."""
        return query_length, 0

    def crop(self, max_length: int) -> None:
        """A memory does not forget what it has read."""
        raise ModelError("a memory cannot take back tokens: generate without an assistant model, or on a fork()")

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """A memory has one line of text."""
        raise ModelError("a memory reads one text at a time: generate without beams")
