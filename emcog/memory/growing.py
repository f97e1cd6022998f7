"""Append-only arrays that grow, so that adding is cheap and looking is free."""

from typing import Any

import numpy as np

from emcog.memory.mapped import MappedFile


class Growing:
    """A 1-D numpy array that rows are added to.

    Parameters
    ----------
    dtype : any numpy type, a structured one among them.
    in_file : the rows lie in a temporary file and take no anonymous memory.
    """

    def __init__(self, dtype: Any, in_file: bool = False):
        self._rows = np.empty(0 if in_file else 64, dtype)
        self._count = 0
        self._file = MappedFile() if in_file else None

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> np.ndarray:
        """What was added, a view, not to be written to."""
        if self._file is not None and self._count > len(self._rows):
            self._rows = self._file.map().view(self._rows.dtype)
        return self._rows[: self._count]

    def extend(self, rows: Any) -> None:
        """Add rows at the end."""
        new = np.asarray(rows, dtype=self._rows.dtype)
        end = self._count + len(new)
        if self._file is not None:
            self._file.write(self._count * new.itemsize, new)
        else:
            if end > len(self._rows):
                grown = np.empty(max(end, 2 * len(self._rows)), self._rows.dtype)
                grown[: self._count] = self.rows
                self._rows = grown
            self._rows[self._count : end] = new
        self._count = end

    def make_room(self, n: int) -> None:
        """See to it that n more rows do not fail for want of space on the disk: better now than half-way."""
        need = (self._count + n) * self._rows.itemsize
        if self._file is not None and (lacking := need - self._file.size) > 0:
            self._file.write(self._file.size, np.zeros(lacking, np.uint8))

    def keep(self, count: int) -> None:
        """Drop the rows behind the first `count`."""
        self._count = min(self._count, count)

    def keep_below(self, limit: float) -> None:
        """Drop the rows from the first that is not below `limit`; rows increase."""
        self.keep(int(np.searchsorted(self.rows, limit)))

    def copy(self) -> "Growing":
        """An independent copy."""
        twin = Growing(self._rows.dtype, in_file=self._file is not None)
        twin.extend(self.rows)
        return twin
