"""Append-only arrays that grow by doubling, so that adding is cheap and looking is free."""

from typing import Any

import numpy as np


class Growing:
    """A 1-D numpy array that rows are added to.

    Parameters
    ----------
    dtype : any numpy type, a structured one among them.
    """

    def __init__(self, dtype: Any):
        self._rows = np.empty(64, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> np.ndarray:
        """What was added, a view."""
        return self._rows[: self._count]

    def extend(self, rows: Any) -> None:
        """Add rows at the end."""
        new = np.asarray(rows, dtype=self._rows.dtype)
        end = self._count + len(new)
        if end > len(self._rows):
            grown = np.empty(max(end, 2 * len(self._rows)), self._rows.dtype)
            grown[: self._count] = self.rows
            self._rows = grown
        self._rows[self._count : end] = new
        self._count = end

    def keep_below(self, limit: float) -> None:
        """Drop the rows from the first that is not below `limit`; rows increase."""
        self._count = int(np.searchsorted(self.rows, limit))

    def copy(self) -> "Growing":
        """An independent copy."""
        twin = Growing(self._rows.dtype)
        twin._rows, twin._count = self.rows.copy(), self._count
        return twin
