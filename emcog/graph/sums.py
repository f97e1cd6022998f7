"""Sums of the graph over any span of tokens, from prefix sums in float64: each costs four look-ups, however long the
span.

Everything that scores a segmentation needs two numbers of an event: the weight inside it and its volume (the sum of its
degrees). float32 prefix sums would err by percents at 4,096 tokens, because a small block is the difference of large
totals.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.errors import DataError
from emcog.graph.banded import BandedGraph
from emcog.graph.similarity import to_numpy
from emcog.options import check_choice

NEGATIVE = ("clip", "keep", "shift")


def remove_negative(
    weights: np.ndarray, negative: str, axes: tuple[int, ...] | None = None, out: np.ndarray | None = None
) -> np.ndarray:
    """Weights with negative ones dealt with.

    "clip": they count as no edge (0). "keep": as they are; degrees and volumes may then be negative, where modularity
    and conductance lose their meaning. "shift": the smallest weight, if negative, is taken from all, so that it is 0.
    """
    if negative == "clip":
        return np.maximum(weights, 0, out=out)
    if negative == "shift" and weights.size:
        return np.subtract(weights, np.minimum(weights.min(axis=axes, keepdims=axes is not None), 0), out=out)
    return weights


def check_adjacency(adjacency: Any, batched: bool = False) -> np.ndarray:
    """The adjacency as a numpy float array, or a DataError: it must be square, not empty, finite and symmetric.

    Symmetry is tried with one fixed vector, A x against x A: it costs a pass over A and misses only differences far
    below the weights' own size.
    """
    matrix = to_numpy(adjacency)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or (matrix.ndim > 2 and not batched):
        shapes = "(n, n) or (..., n, n)" if batched else "(n, n)"
        raise DataError(f"adjacency has shape {matrix.shape}: it must be square, {shapes}")
    if matrix.size == 0:
        raise DataError(f"adjacency is empty (shape {matrix.shape}): at least one token is needed")
    if matrix.dtype not in (np.float32, np.float64):
        if matrix.dtype.kind not in "biuf":
            raise DataError(f"adjacency holds {matrix.dtype}: it must hold numbers")
        matrix = matrix.astype(np.float64)
    probe = np.cos(1.7 * np.arange(matrix.shape[-1])).astype(matrix.dtype)
    with np.errstate(all="ignore"):
        right, left = matrix @ probe, probe @ matrix
        size = np.abs(matrix).max()
    if not np.isfinite(size) or not np.isfinite(right).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(matrix))[0]) if not np.isfinite(matrix).all() else "sums"
        raise DataError(f"adjacency has a NaN, infinite or overflowing value at {where}: weights must be finite")
    if np.abs(right - left).max() > 1e-5 * max(float(np.abs(right).max()), float(size)):
        raise DataError("adjacency is not symmetric: weights go both ways, so give for example (A + A.T) / 2")
    return matrix


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Prefix sums of a graph; made by `block_sums`, taken wherever an adjacency is.

    n : tokens. band : that of a banded graph, else n. negative : how negative weights were treated.
    volumes : float64 (..., n + 1), sum of the degrees of the tokens before each position.
    table : float64. Dense graphs: (..., n + 1, n + 1), the sum of A[:i, :j]. Banded: (n + 1, min(band, n) + 1), the
        weight inside the span of l tokens that ends before j, at [j, l].
    """

    n: int
    band: int
    negative: str
    volumes: np.ndarray
    table: np.ndarray
    full_rows: np.ndarray | None = None

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the stack of graphs, () for one graph."""
        return self.volumes.shape[:-1]

    @property
    def total(self) -> np.ndarray:
        """2m, the sum of all weights, shape `batch`."""
        return self.volumes[..., -1]

    def within(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Sum of A_ij over the pairs of each span [start, end), both orders, the diagonal once; (*batch, *spans)."""
        if self.full_rows is None:
            table = self.table
            return (
                table[..., ends, ends]
                - table[..., starts, ends]
                - table[..., ends, starts]
                + table[..., starts, starts]
            )
        reach = self.table.shape[1] - 1
        length = ends - starts
        short = np.minimum(length, reach)
        # a span longer than the band: tokens whose band lies inside it bring their full row, the last `reach` are a
        # short span
        return self.table[ends, short] + self.full_rows[ends - short] - self.full_rows[starts]

    def volume(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Sum of the degrees of each span's tokens, shape (*batch, *spans)."""
        return self.volumes[..., ends] - self.volumes[..., starts]

    def pairs(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many pairs (i, j) the graph has inside each span (both orders), and from it to the rest (one order)."""
        length = ends - starts
        reach = np.minimum(self.band, length)
        inside = length + (reach - 1) * (2 * length - reach)
        places = np.arange(self.n)
        neighbours = np.minimum(places, self.band - 1) + 1 + np.minimum(self.n - 1 - places, self.band - 1)
        counts = np.concatenate([[0], np.cumsum(neighbours)])
        return inside, counts[ends] - counts[starts] - inside


def block_sums(adjacency: Any, negative: str = "clip") -> BlockSums:
    """Prefix sums of a graph, so that many segmentations can be scored against it.

    Parameters
    ----------
    adjacency : array or tensor, shape (n, n) or (..., n, n) for a stack of graphs; a `BandedGraph`; or sums made
        before, which come back as they are.
    negative : "clip", "keep" or "shift", see `remove_negative`.

    Raises DataError on a matrix that is not square, finite and symmetric.
    """
    check_choice("negative", negative, NEGATIVE)
    if isinstance(adjacency, BlockSums):
        return adjacency
    if isinstance(adjacency, BandedGraph):
        return _banded_sums(adjacency, negative)
    matrix = check_adjacency(adjacency, batched=True)
    n = matrix.shape[-1]
    table = np.zeros((*matrix.shape[:-2], n + 1, n + 1))
    inner = table[..., 1:, 1:]  # all in place: at 4,096 tokens fresh memory costs more than the sums
    inner[...] = matrix
    remove_negative(inner, negative, (-2, -1), out=inner)
    np.cumsum(inner, axis=-1, out=inner)
    np.cumsum(inner, axis=-2, out=inner)
    return BlockSums(n, n, negative, table[..., -1, :].copy(), table)


def _banded_sums(graph: BandedGraph, negative: str) -> BlockSums:
    n, reach = graph.n, min(graph.band, graph.n)
    if n == 0:
        raise DataError("the banded graph is empty: append keys to it first")
    exists = np.arange(reach) <= np.arange(n)[:, None]
    stored = graph.lower[:, :reach].astype(np.float64)
    if not np.isfinite(stored).all():
        row = int(np.argwhere(~np.isfinite(stored))[0, 0])
        raise DataError(f"the banded graph has a NaN or infinite weight at token {row}: weights must be finite")
    lower = np.where(exists, remove_negative(stored, negative), 0)
    # upper[i, o] = A[i, i + o], padded in front so that the skewed view below stays inside it
    upper = np.zeros((reach + n + reach, reach))
    for offset in range(reach):  # over the band's offsets, not over tokens
        upper[reach : reach + n - offset, offset] = lower[offset:, offset]
    degrees = lower.sum(1) + upper[reach : reach + n, 1:].sum(1)
    # weight[i, o]: what token i adds to a span that holds it and the o tokens after it
    weight = np.cumsum(upper, axis=1) * 2 - upper[:, :1]
    table = np.zeros((n + 1, reach + 1))
    row, column = weight.strides
    # token j - l at offset l - 1, for the span of l tokens that ends before j
    skewed = np.lib.stride_tricks.as_strided(weight[reach - 1 :], (n + 1, reach), (row, column - row))
    np.cumsum(skewed, axis=1, out=table[:, 1:])
    full_rows = np.concatenate([[0.0], np.cumsum(weight[reach : reach + n, -1])])
    volumes = np.concatenate([[0.0], np.cumsum(degrees)])
    return BlockSums(n, graph.band, negative, volumes, table, full_rows)
