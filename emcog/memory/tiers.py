"""Where rows of the log lie: on the accelerator, in host memory, or in a memory-mapped file.

A tier holds rows of one width and hands back any of them in one indexed copy. Rows are opaque here: what they mean is
`emcog.memory.rows`'s business. A tier with a capacity is a ring that keeps the newest rows.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from emcog.errors import StorageError
from emcog.memory.mapped import MappedFile


class Tier(Protocol):
    """What every tier can do."""

    capacity: int | None

    def write(self, start: int, rows: torch.Tensor) -> None:
        """Put rows (n, width) at positions start, start + 1, ...; those behind them are forgotten."""

    def gather(self, index: np.ndarray) -> torch.Tensor:
        """The rows at these positions, (len(index), width), on the tier's own device."""

    def look(self, start: int, stop: int) -> torch.Tensor:
        """The rows from `start` to before `stop` where they lie, not to be written to; for tiers without capacity."""


class ArenaTier:
    """Rows in one tensor, on a device or in host memory.

    Parameters
    ----------
    width, dtype : of a row.
    device : where the rows lie.
    capacity : rows that are kept, the newest ones; None: all, in a tensor that grows by doubling.
    stream : of an accelerator that copies to and from host memory on it, which is pinned then: without a detour, and
        nobody waits for what it writes until somebody reads.
    """

    def __init__(
        self, width: int, dtype: torch.dtype, device: torch.device, capacity: int | None = None,
        stream: "torch.cuda.Stream | None" = None,
    ):  # fmt: skip
        self.device, self.capacity, self.stream = device, capacity, stream
        self._written: Any = None  # an event: what was written is there
        self._rows = self._empty(256 if capacity is None else capacity, width, dtype)

    def _empty(self, count: int, width: int, dtype: torch.dtype) -> torch.Tensor:
        # On a CPU, memory that was never written to costs nothing yet.
        return torch.empty(count, width, dtype=dtype, device=self.device, pin_memory=self.stream is not None)

    def write(self, start: int, rows: torch.Tensor) -> None:
        """See `Tier.write`."""
        if self.stream is None or rows.device.type != "cuda":
            self._write(start, rows.to(self.device, non_blocking=True))
            return
        self.stream.wait_stream(torch.cuda.current_stream(rows.device))
        with torch.cuda.stream(self.stream):
            self._write(start, rows)
        rows.record_stream(self.stream)
        self._written = self.stream.record_event()

    def _write(self, start: int, rows: torch.Tensor) -> None:
        if self.capacity is None:
            self.make_room(start, len(rows))
            self._rows[start : start + len(rows)].copy_(rows, non_blocking=True)
            return
        skip = max(0, len(rows) - self.capacity)
        rows, start = rows[skip:], (start + skip) % self.capacity
        first = min(len(rows), self.capacity - start)
        self._rows[start : start + first].copy_(rows[:first], non_blocking=True)
        self._rows[: len(rows) - first].copy_(rows[first:], non_blocking=True)

    def make_room(self, start: int, n: int) -> None:
        """See to it that there is room for n rows at `start`, up to which there are some; without capacity only."""
        if start + n > len(self._rows):
            self._settle()
            grown = self._empty(max(start + n, 2 * len(self._rows)), self._rows.shape[1], self._rows.dtype)
            grown[:start] = self._rows[:start]
            self._rows = grown

    @property
    def rows(self) -> torch.Tensor:
        """The tensor that all rows lie in."""
        return self._rows

    def _settle(self) -> None:
        if self._written is not None:
            self._written.synchronize()
            self._written = None

    def gather(self, index: np.ndarray) -> torch.Tensor:
        """See `Tier.gather`."""
        places = torch.from_numpy(index if self.capacity is None else index % self.capacity)
        if self.stream is None:
            return self.pick(places.to(self.device, non_blocking=True))
        self._settle()
        out = torch.empty(len(index), self._rows.shape[1], dtype=self._rows.dtype, pin_memory=True)
        return torch.index_select(self._rows, 0, places, out=out)

    def pick(self, places: torch.Tensor) -> torch.Tensor:
        """The rows at these places, known to the tier's own device."""
        return self._rows.index_select(0, places)

    def put(self, places: torch.Tensor, rows: torch.Tensor) -> None:
        """Put rows at places that the tier's own device knows, where there is room."""
        self._rows.index_copy_(0, places, rows)

    def look(self, start: int, stop: int) -> torch.Tensor:
        """See `Tier.look`."""
        self._settle()
        return self._rows[start:stop]


class FileTier:
    """Rows in a file, written at its end and read through a memory map: they take no anonymous memory.

    Parameters
    ----------
    width, dtype : of a row.
    path : of a file that is there, only to be read. None: a temporary one.
    limit : bytes that the file may grow to; None: no limit.
    """

    capacity: int | None = None

    def __init__(self, width: int, dtype: torch.dtype, path: Path | None = None, limit: int | None = None):
        self.width, self.dtype, self.limit = width, dtype, limit
        self.row_bytes = width * dtype.itemsize
        self.file = MappedFile(path)
        self._view = np.empty((0, self.row_bytes), np.uint8)

    def write(self, start: int, rows: torch.Tensor) -> None:
        """See `Tier.write`."""
        data = rows.detach().cpu().contiguous().view(torch.uint8).numpy()
        place = start * self.row_bytes
        if self.limit is not None and place + data.size > self.limit:
            raise StorageError(
                f"the memory's budget of {self.limit:,} bytes a layer in the file tier is used up: give more"
            )
        self.file.write(place, data)

    def gather(self, index: np.ndarray) -> torch.Tensor:
        """See `Tier.gather`."""
        if len(index) and int(index.max()) >= len(self._view):
            self._remap()
        # Opaque bytes: numpy has no bfloat16, and moves a row at once either way.
        found = np.take(self._view, index, axis=0)
        return torch.from_numpy(found).view(self.dtype)

    def look(self, start: int, stop: int) -> torch.Tensor:
        """See `Tier.look`."""
        if stop > len(self._view):
            self._remap()
        return torch.from_numpy(self._view[start:stop]).view(self.dtype)

    def _remap(self) -> None:
        found = self.file.map()
        if len(found) < self.row_bytes:
            raise StorageError(
                f"{self.file.place} is shorter than it was: it was cut while it was in use; save elsewhere"
            )
        count = len(found) // self.row_bytes
        self._view = found[: count * self.row_bytes].reshape(count, self.row_bytes)
