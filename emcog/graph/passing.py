"""The graph of the last tokens of a text that goes by: any window of it can be had, and what is behind is let go."""

import sys
from typing import Any

import numpy as np

from emcog.graph.similarity import is_tensor, to_numpy

LEAST = 64
"""Tokens that a buffer has room for at least."""


class PassingGraph:
    """Keys of tokens start, start + 1, ..., stop - 1, one row a token, in a buffer that rows are written behind.

    Where the keys are on an accelerator, what windows will need is formed there as they come, for all tokens of a chunk
    at once, and comes over to the host meanwhile. Elsewhere each window is formed when it is asked for.

    Parameters
    ----------
    longest : tokens of the longest window on an accelerator.
    """

    def __init__(self, longest: int):
        self.longest = longest
        self.start = self.stop = 0
        self._buffer: Any = None
        self._first = 0  # position of the buffer's first row
        self._bands: list[_Band] = []

    @property
    def rows(self) -> Any:
        """The keys that are held, (stop - start, features); a view. None before the first."""
        if self._buffer is None:
            return None
        return self._buffer[self.start - self._first : self.stop - self._first]

    def append(self, rows: Any) -> None:
        """Add the keys of the tokens that come next, (n, features)."""
        count = int(rows.shape[0])
        self._make_room(rows, count)
        at = self.stop - self._first
        self._buffer[at : at + count] = rows
        self.stop += count
        if forms_as_they_come(rows):
            low = max(self.start, self.stop - count - self.longest + 1)
            self._bands.append(
                _Band(self._buffer[low - self._first : at + count], self.stop - count, low, self.longest)
            )

    def _make_room(self, like: Any, count: int) -> None:
        at = self.stop - self._first
        if self._buffer is not None and at + count <= self._buffer.shape[0]:
            return
        held = self.rows
        kept = 0 if held is None else int(held.shape[0])
        shape = (max(2 * (kept + count), LEAST), like.shape[1])
        self._buffer = like.new_empty(shape) if is_tensor(like) else np.empty(shape, like.dtype)
        if kept:
            self._buffer[:kept] = held
        self._first = self.start

    def window(self, start: int, stop: int) -> np.ndarray:
        """A[start:stop, start:stop], an array."""
        if self._bands:
            return self._from_bands(start, stop)
        rows = self._buffer[start - self._first : stop - self._first]
        return to_numpy(rows @ rows.T)

    def _from_bands(self, start: int, stop: int) -> np.ndarray:
        parts = [band.lower(max(start, band.start), min(stop, band.stop)) for band in self._bands if band.stop > start]
        lower = np.concatenate(parts)[: stop - start]
        place = np.arange(stop - start)
        later = np.maximum(place[:, None], place)
        return lower[later, np.abs(place[:, None] - place)]

    def let_go(self, keep: int) -> None:
        """Let go of the tokens before position `keep`."""
        self.start = max(self.start, min(keep, self.stop))
        self._bands = [band for band in self._bands if band.stop > self.start]

    def restore(self, rows: Any, start: int) -> None:
        """Hold these keys, which begin at position `start`, and nothing else."""
        self._buffer, self._bands = None, []
        self.start = self.stop = self._first = start
        if rows is not None:
            self.append(rows)


def forms_as_they_come(rows: Any) -> bool:
    """Whether products are formed as soon as keys are there."""
    return is_tensor(rows) and rows.device.type == "cuda"


class _Band:
    """Products of the keys of tokens start to stop with those before them, on their way to the host.

    rows : keys of tokens `low` to `stop`, on an accelerator.
    """

    def __init__(self, rows: Any, start: int, low: int, longest: int):
        torch = sys.modules["torch"]
        count = int(rows.shape[0]) - (start - low)
        self.start, self.stop = start, start + count
        parts = []
        for first in range(0, count, longest):
            last = min(first + longest, count)
            block = rows[start - low + first : start - low + last]
            begin = max(0, start - low + first - longest + 1)
            seen = rows[begin : start - low + last]
            column = torch.arange(block.shape[0], device=rows.device)[:, None] + (start - low + first - begin)
            column = column - torch.arange(longest, device=rows.device)
            parts.append((block @ seen.T).gather(1, column.clamp(min=0)))
        self._host = torch.cat(parts).to("cpu", non_blocking=True)
        self._event = torch.cuda.Event() if rows.device.type == "cuda" else None
        if self._event is not None:
            self._event.record()

    def __deepcopy__(self, memo: Any) -> "_Band":
        return self  # it never changes

    def lower(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, longest): A[i, i - o] for tokens i, which waits until they are there."""
        if self._event is not None:
            self._event.synchronize()
        return to_numpy(self._host)[start - self.start : stop - self.start]
