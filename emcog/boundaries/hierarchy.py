"""Events within events: segmentations from coarse to fine in which every coarse boundary is a fine one too."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from emcog.boundaries.optimal import optimal
from emcog.errors import DataError, OptionError
from emcog.graph.partitions import as_starts
from emcog.graph.sums import block_sums
from emcog.options import check_number


@dataclass(frozen=True)
class Hierarchy:
    """Nested segmentations of n tokens.

    levels : int64 event starts of each level, the coarsest first. n : tokens.
    """

    levels: tuple[np.ndarray, ...]
    n: int

    @property
    def parents(self) -> tuple[np.ndarray, ...]:
        """For each event of each level, the event of the next coarser level that holds it (-1 in the first level)."""
        above = [np.full(len(self.levels[0]), -1, np.int64)]
        for coarse, fine in pairwise(self.levels):
            above.append(np.searchsorted(coarse, fine, side="right").astype(np.int64) - 1)
        return tuple(above)

    def holders(self) -> dict[str, np.ndarray]:
        """Columns for a table of the finest events, int64: level_0, level_1, ... say which event of each coarser level
        (0 is the coarsest) holds each, parent the same for the next coarser level (-1 if there is none)."""
        finest = self.levels[-1]
        columns = {
            f"level_{depth}": np.searchsorted(coarse, finest, side="right").astype(np.int64) - 1
            for depth, coarse in enumerate(self.levels[:-1])
        }
        return columns | {"parent": self.parents[-1]}

    def table(self) -> pd.DataFrame:
        """One row an event.

        Columns: level int64 (0 is the coarsest), event int64 (from 0 in each level), parent int64 (event of the level
        above, -1 in level 0), start_token, end_token int64 (half-open), n_tokens int64.
        """
        ends = [np.append(starts[1:], self.n) for starts in self.levels]
        start, end = np.concatenate(self.levels), np.concatenate(ends)
        return pd.DataFrame(
            {
                "level": np.repeat(np.arange(len(self.levels)), [len(starts) for starts in self.levels]),
                "event": np.concatenate([np.arange(len(starts)) for starts in self.levels]),
                "parent": np.concatenate(self.parents),
                "start_token": start,
                "end_token": end,
                "n_tokens": end - start,
            }
        ).astype("int64")


def check_levels(levels: Sequence[Any]) -> tuple[int, ...]:
    """The numbers of events of each level as int, or an OptionError: they must increase, coarse to fine."""
    counts = tuple(int(check_number("levels", count, low=1, integer=True)) for count in levels)
    if not counts or any(fine <= coarse for coarse, fine in pairwise(counts)):
        got = ", ".join(map(str, counts)) or "none"
        raise OptionError(f"levels must be numbers of events that increase, coarse to fine, such as 5, 20; got {got}")
    return counts


def hierarchy(
    adjacency: Any,
    levels: Sequence[int],
    boundaries: Any = None,
    objective: str = "modularity",
    *,
    max_event: int | None = None,
    volume: str = "degree",
    negative: str = "clip",
) -> Hierarchy:
    """Coarse levels from a fine one: each keeps those of the next finer level's boundaries that serve the graph best.

    The choice is exact (`optimal` with the finer boundaries as candidates), so the levels nest by construction.

    Parameters
    ----------
    adjacency : as in `optimal`.
    levels : numbers of events, coarse to fine, such as [5, 20].
    boundaries : the finest segmentation; it becomes the last level if it has as many events as that asks for. None: the
        finest level is the optimum over all tokens.
    objective, volume, negative : as in `optimal`. max_event : tokens, limits the optimum of the finest level only.

    Raises OptionError if levels do not increase or ask for more events than there are.

    Source: people segment coarsely and finely at once, and coarse boundaries fall on fine ones (Zacks, Tversky & Iyer
    2001).

    >>> nested = hierarchy(np.kron(np.eye(4), np.ones((3, 3))) + np.kron(np.eye(2), np.ones((6, 6))), [2, 4])
    >>> [starts.tolist() for starts in nested.levels]
    [[0, 6], [0, 3, 6, 9]]
    """
    counts = check_levels(levels)
    sums = block_sums(adjacency, negative)
    if sums.batch:
        raise DataError(f"adjacency is a stack of graphs of shape {sums.batch}: give one (n, n) graph")
    if boundaries is None:
        finest = optimal(sums, counts[-1], objective=objective, max_event=max_event, volume=volume).boundaries
    else:
        finest = as_starts(boundaries, sums.n, implied=True)
        if counts[-1] > len(finest):
            raise OptionError(f"levels asks for {counts[-1]} events, but the finest segmentation has {len(finest)}")
    found = [finest]
    for count in reversed(counts):
        if count == len(found[-1]):
            continue
        found.append(optimal(sums, count, objective=objective, candidates=found[-1], volume=volume).boundaries)
    if len(finest) > counts[-1]:
        found = found[1:]
    return Hierarchy(tuple(reversed(found)), sums.n)
