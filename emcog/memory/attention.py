"""Attention with memory: the local window at true distances, and what is remembered at one fixed distance, in one
softmax (two kernels, merged by their log-sum-exp)."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import nn

from emcog.lm.attention import attend, attend_part, merge_far, merge_parts
from emcog.lm.rotary import Rotation
from emcog.memory.local import Near
from emcog.memory.received import Received

BLOCK = 128
"""Queries attended at once: blocks narrower than the window keep the masked-out part of the products small."""
OPEN = 16
"""Keys that all queries see which go along with those that only some see."""
SAMPLE = 16
"""Every so-manieth token of a text is asked which tokens it attends to; all of them in the reference mode."""


class Remembered(Protocol):
    """Keys and values on their way from the log.

    Attributes
    ----------
    spare : int (1,), how many in front stand for nothing, known to their device alone; None: none of them.
    stop : int (1,), likewise, where the last end that stand for something; None: at the end.
    """

    spare: torch.Tensor | None
    stop: torch.Tensor | None

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Un-rotated keys and values (1, kv_heads, n, size), which every query of the chunk sees."""


class LocalWindow(Protocol):
    """A window that a chunk is written behind; see `local.Window`."""

    def push(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, turn: Rotation | None) -> Near:
        """See `local.Window.push`."""


class Host(Protocol):
    """Who holds the memory that the attention function asks."""

    leaving: bool
    sample: int

    @property
    def seen(self) -> int:
        """Tokens read before this chunk."""

    def window(self, layer: int) -> LocalWindow:
        """The local window of a layer."""

    def holds(self, layer: int) -> bool:
        """Whether a layer has a memory."""

    def recall(self, layer: int, query: Callable[[], torch.Tensor], n: int) -> Remembered | None:
        """What a chunk of n tokens remembers; `query` gives its mean query (heads, size), at the far distance."""

    def note(self, layer: int, received: torch.Tensor) -> None:
        """Attention that the window's and the chunk's tokens received, (heads, past + n)."""


class _Part(NamedTuple):
    out: torch.Tensor
    lse: torch.Tensor


class MemoryAttention:
    """The attention function of a model with memory.

    Parameters
    ----------
    host : holds the memory. leaving: whether tokens that leave the window of the chunk's later queries stay in sight
        of these. sample: one in so many tokens is asked what it attends to; 0: none.
    n_local : tokens of the window.
    rotation : of the first device, prepared for the far distance; other devices get copies.
    """

    def __init__(self, host: Host, n_local: int, rotation: Rotation):
        self.host, self.n_local = host, n_local
        self._rotations = {rotation.cos.device: rotation}
        self._masks: dict[tuple, torch.Tensor] = {}
        self._received = Received(n_local)

    def __call__(
        self, module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        attention_mask: torch.Tensor | None = None, scaling: float | None = None, dropout: float = 0.0,
        sliding_window: int | None = None, softcap: float | None = None, **kwargs: object,
    ) -> tuple[torch.Tensor, None]:  # fmt: skip
        """Attention of a chunk's raw queries (1, heads, n, size) on its own raw keys and all that it has in sight."""
        layer, n = int(module.layer_idx), query.shape[2]
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        turn = self.rotation(query.device) if getattr(module, "use_rope", True) else None
        near = self.host.window(layer).push(query, key, value, turn)
        _, k, raw, value, among = near
        past, at_once = k.shape[2] - n, query.device.type != "cpu" or among is not None
        if not self.host.holds(layer):
            part = self._attend_window(near, sliding_window or self.n_local, scaling, softcap)
            return part.out.transpose(1, 2), None

        # A single query asks and attends from afar as the same vector.
        alone = turn.from_afar(query) if turn and n == 1 else None

        def mean_query() -> torch.Tensor:
            if alone is not None:
                return alone[0, :, 0]
            mean = query if n == 1 else _mean(query)
            return (turn.from_afar(mean) if turn else mean)[0, :, 0]

        remembered = self.host.recall(layer, mean_query, n)
        part = self._attend_window(near, self.n_local, scaling, softcap)
        leaving = max(0, past + n - self.n_local) if self.host.leaving else 0
        if remembered is not None or leaving:
            leave = (raw[:, :, :leaving], value[:, :, :leaving])
            if at_once:
                part = self._far_at_once(part, query, alone, remembered, leave, turn, scaling, softcap)
            else:
                part = self._far(part, query, alone, remembered, leave, past - self.n_local, turn, scaling, softcap)
        step = self.host.sample
        if step and (asked := range(-self.host.seen % step, n, step)):
            self.host.note(layer, self._received(asked, near, part.lse, scaling, softcap))
        return part.out.transpose(1, 2), None

    def _attend_window(self, near: Near, window: int, scaling: float, softcap: float | None) -> _Part:
        q, k, value = near.query, near.key, near.value
        if near.among is not None:
            return _Part(*attend_part(q, k, value, scaling, softcap, among=near.among))
        if q.device.type != "cpu":  # whose kernels know what a window is
            return _Part(*attend_part(q, k, value, scaling, softcap, causal=True, window=window))
        return self._local(q, k, value, window, scaling, softcap)

    def _local(
        self, q: torch.Tensor, k: torch.Tensor, value: torch.Tensor, window: int, scaling: float, softcap: float | None
    ) -> _Part:
        n, past = q.shape[2], k.shape[2] - q.shape[2]
        outs, lses = [], []
        for start in range(0, n, BLOCK):
            stop = min(n, start + BLOCK)
            low = max(0, past + start - window + 1)
            mask = self._band(stop - start, past + stop - low, window, q, k.shape[1])
            out, lse = attend(
                q[:, :, start:stop], k[:, :, low : past + stop], value[:, :, low : past + stop], mask, scaling, softcap
            )
            outs.append(out)
            lses.append(lse)
        return _Part(*outs, *lses) if len(outs) == 1 else _Part(torch.cat(outs, 2), torch.cat(lses, 2))

    def _far(
        self, part: _Part, query: torch.Tensor, alone: torch.Tensor | None, remembered: Remembered | None,
        leave: tuple[torch.Tensor, torch.Tensor], first: int, turn: Rotation | None, scaling: float,
        softcap: float | None,
    ) -> _Part:  # fmt: skip
        """Join what is remembered, which all queries see, and what leaves: query i sees key j of it where j <= first+i.

        All of it is seen at the one far distance, by raw queries; `alone` is a single query turned to see raw keys so.
        """
        key, value = leave
        leave_key = turn.far(key) if turn and key.shape[2] else key
        tail: tuple[torch.Tensor, torch.Tensor] | None = None
        if remembered is not None:
            far_key, far_value = remembered.get()
            if remembered.spare is not None:
                far_key, far_value = (x[:, :, int(remembered.spare) :] for x in (far_key, far_value))
            if alone is not None:
                query = alone
            elif turn and not key.shape[2] and query.shape[1] * query.shape[2] < far_key.shape[1] * far_key.shape[2]:
                query = turn.from_afar(query)  # the queries turn, or the keys: whichever are fewer
            elif turn:
                far_key = turn.far(far_key)
            # What leaves is masked row by row; a few keys that all queries see keep each of its rows from being empty.
            cut = max(0, far_key.shape[2] - OPEN) if key.shape[2] else far_key.shape[2]
            if cut:
                seen = attend(query, far_key[:, :, :cut], far_value[:, :, :cut], None, scaling, softcap)
                part = _Part(*merge_parts(*part, *seen))
            tail = (far_key[:, :, cut:], far_value[:, :, cut:])
        if not key.shape[2]:
            return part
        outs, lses = [], []
        for start in range(0, query.shape[2], BLOCK):
            stop = min(query.shape[2], start + BLOCK)
            block, out, lse = query[:, :, start:stop], part.out[:, :, start:stop], part.lse[:, :, start:stop]
            width = max(0, min(key.shape[2], first + stop))
            if tail is not None:
                k = torch.cat([tail[0], leave_key[:, :, :width]], 2)
                v = torch.cat([tail[1], value[:, :, :width]], 2)
                mask = self._stairs(stop - start, tail[0].shape[2], width, first + start, block, k.shape[1])
                out, lse = merge_parts(out, lse, *attend(block, k, v, mask, scaling, softcap))
            elif width:
                out, lse = merge_far(
                    out, lse, block, leave_key[:, :, :width], value[:, :, :width], first + start, scaling, softcap
                )
            outs.append(out)
            lses.append(lse)
        return _Part(torch.cat(outs, 2), torch.cat(lses, 2))

    def _far_at_once(
        self, part: _Part, query: torch.Tensor, alone: torch.Tensor | None, remembered: Remembered | None,
        leave: tuple[torch.Tensor, torch.Tensor], turn: Rotation | None, scaling: float, softcap: float | None,
    ) -> _Part:  # fmt: skip
        """`_far` for an accelerator, in one kernel: what leaves stands behind what is remembered; the last query sees
        all of it, each query before that one key less."""
        (key, value), among = leave, None
        leaving = key.shape[2] > 0
        if remembered is not None:
            far_key, far_value = remembered.get()
            if leaving:
                far_key, far_value = torch.cat([far_key, key], 2), torch.cat([far_value, value], 2)
            key, value = far_key, far_value
            if remembered.spare is not None and remembered.stop is not None:
                among = torch.cat([remembered.spare, remembered.stop])
            elif remembered.spare is not None:
                among = torch.nn.functional.pad(remembered.spare, (0, 1), value=key.shape[2])
        if alone is not None:
            query = alone
        elif turn and query.shape[1] * query.shape[2] < key.shape[1] * key.shape[2]:
            query = turn.from_afar(query)
        elif turn:
            key = turn.far(key)
        other = attend_part(query, key, value, scaling, softcap, causal=leaving, among=among)
        return _Part(*merge_parts(*part, *other))

    def _band(self, n: int, n_keys: int, window: int, like: torch.Tensor, kv_heads: int) -> torch.Tensor:
        def make() -> torch.Tensor:
            distance = torch.arange(n_keys - n, n_keys)[:, None] - torch.arange(n_keys)[None]
            return (distance >= 0) & (distance < window)

        return self._mask((n, n_keys, window), make, like, kv_heads)

    def _stairs(
        self, n: int, n_open: int, width: int, first: int, like: torch.Tensor, kv_heads: int
    ) -> torch.Tensor | None:
        if not width:
            return None

        def make() -> torch.Tensor:
            seen = torch.arange(width)[None] <= first + torch.arange(n)[:, None]
            return torch.cat([torch.ones(n, n_open, dtype=torch.bool), seen], 1)

        return self._mask((n, n_open, width, first), make, like, kv_heads)

    def _mask(self, name: tuple, make: Callable[[], torch.Tensor], like: torch.Tensor, kv_heads: int) -> torch.Tensor:
        """0 where a key is seen, -inf elsewhere, repeated for the query heads that share a key head."""
        name = (*name, like.device, like.dtype)
        found = self._masks.get(name)
        if found is None:
            seen = make().to(like.device)
            found = torch.zeros(seen.shape, dtype=like.dtype, device=like.device).masked_fill_(~seen, -torch.inf)
            found = found.repeat(like.shape[1] // kv_heads, 1)
            if len(self._masks) >= 32:
                self._masks.clear()
            self._masks[name] = found
        return found

    def rotation(self, device: torch.device) -> Rotation:
        """The rotation with its tables on a device."""
        if device not in self._rotations:
            self._rotations[device] = next(iter(self._rotations.values())).to(device)
        return self._rotations[device]


def _mean(query: torch.Tensor) -> torch.Tensor:
    """Of (1, heads, n, size) over the n."""
    if query.device.type != "cpu" and query.dtype == torch.bfloat16:  # a product: one pass, in full precision within
        return query.new_ones(1, query.shape[2]) @ query / query.shape[2]
    return query.mean(2, keepdim=True, dtype=torch.float32).to(query.dtype)
