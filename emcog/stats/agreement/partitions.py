"""Partitions: many segmentations of one story at once, so that thousands of null ones are scored without a loop."""

from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from emcog.errors import DataError


class Partitions:
    """A batch of segmentations of one row of units.

    Boundary 0 never counts: column 0 of the mask is False, whatever was given.

    Attributes
    ----------
    mask : bool array (n_partitions, n_units), True at the first unit of each event but the first.

    Examples
    --------
    >>> Partitions.of([[0, 2, 4], [3]], n_units=5).counts.tolist()
    [2, 1]
    """

    def __init__(self, mask: np.ndarray) -> None:
        mask = np.atleast_2d(np.asarray(mask, dtype=bool))
        if mask.ndim != 2 or mask.shape[1] == 0:
            raise DataError("partitions are a bool array of shape (n_partitions, n_units) with one unit or more")
        if mask[:, 0].any():
            mask = mask.copy()
            mask[:, 0] = False
        self.mask = mask
        self._last: Any = None
        self._known: dict[Hashable, np.ndarray] = {}

    @classmethod
    def of(cls, starts: "Iterable[Iterable[int]] | np.ndarray", n_units: int) -> "Partitions":
        """Make a batch of lists of starts, or of one padded int matrix (n_partitions, k): units outside are padding.

        Raises
        ------
        DataError : a list (not a matrix) that names a unit outside the story.
        """
        if isinstance(starts, np.ndarray) and starts.ndim == 2:
            rows = np.repeat(np.arange(len(starts)), starts.shape[1])
            columns = starts.ravel().astype(np.int64)
            inside = (columns >= 0) & (columns < n_units)
            rows, columns, count = rows[inside], columns[inside], len(starts)
        else:
            lists = [np.asarray(list(one), dtype=np.int64) for one in starts]
            count = len(lists)
            rows = np.repeat(np.arange(count), [len(one) for one in lists])
            columns = np.concatenate(lists) if lists else np.array([], dtype=np.int64)
            wrong = columns[(columns < 0) | (columns >= n_units)]
            if len(wrong):
                raise DataError(f"boundary {wrong[0]} lies outside the {n_units} units of the story")
        mask = np.zeros((count, n_units), dtype=bool)
        mask[rows, columns] = True
        return cls(mask)

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def n_units(self) -> int:
        """Units of the story."""
        return int(self.mask.shape[1])

    @cached_property
    def counts(self) -> np.ndarray:
        """Boundaries of each partition, int64 array (n_partitions,)."""
        return self.cumulative[:, -1].astype(np.int64)

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """(partition, unit) of every boundary, in order: two int64 arrays."""
        flat = np.flatnonzero(self.mask)  # twice as fast as nonzero, which splits as it goes
        rows = np.repeat(np.arange(len(self)), self.counts)
        return rows, flat - rows * self.n_units

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Boundaries at units below i, int32 array (n_partitions, n_units + 1)."""
        out = np.zeros((len(self), self.n_units + 1), dtype=np.int32)
        np.cumsum(self.mask, axis=1, dtype=np.int32, out=out[:, 1:])
        return out

    def once(self, crowd: Any, what: Hashable, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """`compute()`, or what it gave the last time it was asked for with this crowd: measures share parts."""
        if self._last is not crowd:
            self._last, self._known = crowd, {}
        if what not in self._known:
            self._known[what] = compute()
        return self._known[what]

    def total_at(self, values: np.ndarray) -> np.ndarray:
        """Sum of `values` (n_units,) over each partition's boundaries, float64 array (n_partitions,)."""
        rows, units = self.places
        return np.bincount(rows, weights=values[units], minlength=len(self))
