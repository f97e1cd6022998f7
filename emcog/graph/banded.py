"""The banded graph: A_ij for |i-j| < band only, grown chunk by chunk, for texts too long for an n x n matrix."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from emcog.errors import DataError
from emcog.graph.similarity import KINDS, is_tensor, join, key_rows, to_numpy
from emcog.options import check_choice, check_number


class BandedGraph:
    """Similarity graph of a long text that keeps A_ij for \\|i-j\\| < `band`.

    Kept as `lower`, shape (n, band): lower[i, o] = A[i, i - o], zero where i < o. So a new token appends a row and no
    older row changes. Memory is n x band numbers; to refine a text without keeping its graph at all, see
    `emcog.boundaries.streaming.StreamingRefiner`.

    Parameters
    ----------
    band : tokens. How far apart two tokens may be and still be joined by an edge.
    layers, heads, kind : as in `similarity`.

    >>> graph = BandedGraph(band=2)
    >>> for chunk in np.split(np.eye(4) + 1, 2):
    ...     graph.append(chunk)
    >>> graph.lower
    array([[7., 0.],
           [7., 6.],
           [7., 6.],
           [7., 6.]])
    """

    def __init__(self, band: int, layers: Any = None, heads: Any = None, kind: str = "dot"):
        self.band = int(check_number("band", band, low=1, integer=True))
        self._choice = (layers, heads, check_choice("kind", kind, KINDS))
        self._pieces: list[np.ndarray] = []
        self._tail: Any = None
        self.n = 0

    @classmethod
    def from_keys(cls, keys: Any, band: int, layers: Any = None, heads: Any = None, kind: str = "dot") -> "BandedGraph":
        """The graph of keys that are all at hand."""
        graph = cls(band, layers, heads, kind)
        graph.append(keys)
        return graph

    @classmethod
    def from_lower(cls, lower: Any) -> "BandedGraph":
        """A graph from its own lower form, shape (n, band): lower[i, o] = A[i, i - o], zero where i < o."""
        rows = to_numpy(lower)
        if rows.ndim != 2 or rows.shape[1] == 0:
            raise DataError(f"the lower form of a banded graph has shape (n, band), got {rows.shape}")
        graph = cls(rows.shape[1])
        graph._pieces, graph.n = [rows], rows.shape[0]
        return graph

    @classmethod
    def from_dense(cls, adjacency: Any, band: int) -> "BandedGraph":
        """The band of a dense (n, n) graph."""
        dense = to_numpy(adjacency)
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise DataError(f"adjacency has shape {dense.shape}: give a square (n, n) matrix")
        band = int(check_number("band", band, low=1, integer=True))
        return cls.from_lower(_lower_of(dense, 0, band))

    def append(self, keys: Any) -> None:
        """Add the keys of the tokens that come next; shapes as in `similarity`, the tokens of this chunk only."""
        if self.n and self._tail is None:
            raise DataError("this graph was not built from keys: no more can be appended to it")
        rows = key_rows(keys, *self._choice)
        if self._tail is not None and rows.shape[1] != self._tail.shape[1]:
            raise DataError(
                f"this chunk's keys have {rows.shape[1]} features a token, earlier ones {self._tail.shape[1]}"
            )
        step = max(self.band, 256)  # long chunks are cut, so that the block formed below stays as narrow as the band
        for start in range(0, rows.shape[0], step):
            self._append_block(rows[start : start + step])

    def _append_block(self, block: Any) -> None:
        seen = block if self._tail is None else join([self._tail, block], 0)
        carried = seen.shape[0] - block.shape[0]
        self._pieces.append(_lower_of(to_numpy(block @ seen.T), carried, self.band))
        self.n += block.shape[0]
        keep = min(self.band - 1, seen.shape[0])
        tail = seen[seen.shape[0] - keep :]
        self._tail = tail.clone() if is_tensor(tail) else tail.copy()  # a view would keep the whole chunk alive

    @property
    def lower(self) -> np.ndarray:
        """(n, band): lower[i, o] = A[i, i - o]."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else np.zeros((0, self.band))

    @property
    def shape(self) -> tuple[int, int]:
        return (self.n, self.n)

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        return f"BandedGraph(n={self.n}, band={self.band})"

    def window(self, start: int, end: int) -> np.ndarray:
        """The dense block A[start:end, start:end], zero outside the band."""
        rows = self.lower[start:end]
        size = rows.shape[0]
        back = np.arange(size)[:, None] - np.arange(size)
        inside = (back >= 0) & (back < self.band)
        half = np.where(inside, np.take_along_axis(rows, np.clip(back, 0, self.band - 1), 1), 0)
        full = half + half.T
        full[np.diag_indices(size)] = rows[:, 0]
        return full

    def to_dense(self) -> np.ndarray:
        """(n, n), zero outside the band."""
        return self.window(0, self.n)


def _lower_of(block: np.ndarray, carried: int, band: int) -> np.ndarray:
    """Rows (m, band) of the lower form from a block (m, carried + m) whose row i belongs to column carried + i."""
    m, width = block.shape
    padded = np.zeros((m, band + width), block.dtype)
    padded[:, band:] = block
    row, column = padded.strides
    first = padded[:, band + carried :]
    return as_strided(first, (m, band), (row + column, -column)).copy()
