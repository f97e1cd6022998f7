"""Boundaries in every form that they are given in, as flat arrays of event starts and ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.graph.similarity import to_numpy

FORMS = "increasing starts with 0 first, or a bool array with one flag a token"


@dataclass(frozen=True, eq=False)
class Partitions:
    """One or many segmentations of n tokens, end to end.

    starts, ends : int64 (n_events,), of all segmentations one after the other; events are [start, end).
    first : int64 (n_partitions,), where each segmentation begins in `starts`.
    single : True if one segmentation was given, not a batch of one.
    """

    starts: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    single: bool

    @property
    def counts(self) -> np.ndarray:
        """Events of each segmentation."""
        return np.diff(np.append(self.first, len(self.starts)))


def as_starts(boundaries: Any, n: int, implied: bool = False) -> np.ndarray:
    """One segmentation as int64 starts; with `implied`, a missing 0 is put in front."""
    array = to_numpy(boundaries)
    if array.ndim != 1:
        raise DataError(f"boundaries have shape {array.shape}: give one segmentation, {FORMS}")
    array = _flags_to_starts(array, n) if array.dtype == bool else _whole(array)
    if implied and (len(array) == 0 or array[0] != 0):
        array = np.concatenate([[0], array])
    return _partitions(array, np.zeros(1, np.int64), n, True).starts


def as_partitions(boundaries: Any, n: int) -> Partitions:
    """Segmentations of n tokens from any of their forms.

    Parameters
    ----------
    boundaries : one segmentation: increasing starts with 0 first, or bool flags (n,). Many at once: a bool matrix
        (n_partitions, n); an int matrix (n_partitions, k), shorter ones filled up with -1; or a list of arrays of
        starts.

    Raises DataError that names the segmentation and the position at fault.
    """
    if isinstance(boundaries, (list, tuple)) and len(boundaries) and np.ndim(_peek(boundaries[0])) > 0:
        each = [to_numpy(row).ravel() for row in boundaries]
        each = [_flags_to_starts(row, n) if row.dtype == bool else row for row in each]
        first = np.concatenate([[0], np.cumsum([len(row) for row in each])[:-1]])
        return _partitions(_whole(np.concatenate(each)), first, n, False)
    array = to_numpy(boundaries)
    if array.ndim == 1:
        return _partitions(as_starts(array, n), np.zeros(1, np.int64), n, True)
    if array.ndim != 2:
        raise DataError(
            f"boundaries have shape {array.shape}: give {FORMS}; many as a matrix with one row each, or a list"
        )
    if array.dtype == bool:
        if array.shape[1] != n:
            raise DataError(f"bool boundaries have {array.shape[1]} flags a row, but the graph has {n} tokens")
        rows, starts = np.nonzero(array)
    else:
        used = _whole(array.ravel()).reshape(array.shape)
        rows, columns = np.nonzero(used >= 0)
        starts = used[rows, columns]
    counts = np.bincount(rows, minlength=array.shape[0])
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return _partitions(starts, first, n, False)


def _peek(item: Any) -> Any:
    return to_numpy(item) if hasattr(item, "__len__") else item


def _flags_to_starts(flags: np.ndarray, n: int) -> np.ndarray:
    if len(flags) != n:
        raise DataError(f"bool boundaries have {len(flags)} flags, but the graph has {n} tokens")
    return np.flatnonzero(flags)


def _whole(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iu":
        whole = array.astype(np.int64) if array.dtype.kind == "f" and np.isfinite(array).all() else None
        if array.size and (whole is None or (whole != array).any()):
            raise DataError(f"boundaries must be whole token positions, got {array.dtype} values")
    return array.astype(np.int64)


def _partitions(starts: np.ndarray, first: np.ndarray, n: int, single: bool) -> Partitions:
    counts = np.diff(np.append(first, len(starts)))
    if len(counts) == 0 or counts.min() == 0 or (starts[first] != 0).any():
        empty = counts == 0
        row = int(np.argmax(empty)) if empty.any() else int(np.argmax(starts[first] != 0)) if len(counts) else 0
        which = "" if single else f" of segmentation {row}"
        raise DataError(f"the boundaries{which} do not begin with 0: token 0 always starts an event")
    ends = np.append(starts[1:], n)
    ends[first[1:] - 1] = n
    if starts.max() >= n or (ends <= starts).any():
        event = int(np.argmax((starts >= n) | (ends <= starts)))
        row = int(np.searchsorted(first, event, side="right")) - 1
        which = "" if single else f" of segmentation {row}"
        hint = "; flags need dtype bool" if not single and starts.max() <= 1 else ""
        inside = 0 <= starts[event] < n
        fault = f"is not below the next one, {int(ends[event])}" if inside else f"lies outside the {n} tokens"
        raise DataError(
            f"boundary {int(starts[event])}{which} {fault}: boundaries must increase and lie in 0 to {n - 1}{hint}"
        )
    return Partitions(starts, ends, first.astype(np.int64), single)
