"""Refinement: each proposed boundary moves to the place nearby where the similarity graph has its seam."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.errors import DataError, OptionError
from emcog.graph.banded import BandedGraph
from emcog.graph.partitions import as_starts
from emcog.graph.scores import METRICS, VOLUMES
from emcog.graph.similarity import to_numpy
from emcog.graph.splits import reference_scores, split_scores, split_sums
from emcog.graph.sums import NEGATIVE, check_adjacency, remove_negative
from emcog.options import check_choice, check_number

MODES = ("paper", "reference")
REFINEMENTS = ("modularity", "conductance")
"""Metrics that a segmentation may be refined by; `refine` itself takes intra/inter similarity too."""
TIE = 1e-10  # scores nearer than this are one score: which is the larger would be rounding's choice, not the graph's

Window = Callable[[int, int], np.ndarray]


def refine(
    adjacency: Any,
    boundaries: Any,
    metric: str = "modularity",
    mode: str = "paper",
    min_size: int = 1,
    offset: int = 0,
    *,
    negative: str | None = None,
    volume: str = "degree",
    max_window: int | None = None,
) -> np.ndarray:
    """Move each boundary to the best split of the stretch around it.

    "paper": from left to right, with a the refined start before, b the proposal and c the next proposal (or n), the
    places t from a + min_size to min(b, c - min_size), b among them, are compared: the two parts [a, t) and [t, c) are
    scored on A[a:c, a:c] alone. The largest modularity (or intra/inter similarity) or the smallest conductance wins,
    the earliest of equals (within 1e-10). Without a place, or where no score is defined, b stays.

    "reference": as the authors' released code behaves. Proposals nearer than min_size to the raw one before are
    dropped, kept or not as that was; a window reaches half the distance to the refined boundary before, on both sides;
    b itself is not a candidate; volumes of conductance are counted one way inside and another outside.

    Parameters
    ----------
    adjacency : (n, n) array or tensor, symmetric, or a `BandedGraph`. A tensor comes over from its device once.
    boundaries : proposed starts, increasing; or bool flags. "paper": token 0 is implied and always returned.
        "reference": raw events counted from the chunk's first token; 0 is not implied.
    metric : "modularity", "conductance" or "intra_inter".
    min_size : tokens, the smallest part.
    offset : tokens of left context that stand before the chunk in the adjacency; "reference" only.
    negative : "clip" (the default of "paper"), "keep" or "shift" (by the smallest weight of the window). "reference"
        keeps.
    volume : for conductance in "paper": "degree" or "internal".
    max_window : tokens, "paper" only. A longer stretch [a, c) is cut to this many around b, half of them on each side
        unless one side is shorter. A banded graph's band is its own limit. None: no limit.

    Returns
    -------
    int64 array of starts; "reference": of kept events relative to the chunk, refined.

    Raises DataError on a malformed graph or boundaries, OptionError on options that do not fit.

    Source: Fountas et al. (2025), Algorithm 1; the released code's behaviour is described in the project's golden data.

    >>> refine(np.kron(np.eye(2), np.ones((4, 4))), [0, 6])
    array([0, 4])
    """
    check_choice("metric", metric, METRICS)
    check_choice("mode", mode, MODES)
    check_choice("volume", volume, VOLUMES)
    min_size = int(check_number("min_size", min_size, low=1, integer=True))
    offset = int(check_number("offset", offset, low=0, integer=True))
    if mode == "reference":
        if negative not in (None, "keep") or max_window is not None or volume != "degree":
            raise OptionError('mode="reference" has its own rules: leave negative, volume and max_window out')
        if isinstance(adjacency, BandedGraph):
            raise DataError('mode="reference" needs a dense chunk of the graph: give graph.window(start, end)')
        return _refine_reference(check_adjacency(adjacency), boundaries, metric, min_size, offset)
    if offset:
        raise OptionError(f'offset={offset} belongs to mode="reference"; in mode="paper" it must be 0')
    n, window, band = _windows(adjacency)
    longest = check_window(max_window, band, min_size)
    starts = as_starts(boundaries, n, implied=True)
    rule = Splitter(metric, min_size, check_choice("negative", negative or "clip", NEGATIVE), volume, longest)
    refined = starts.copy()
    following = np.append(starts[1:], n)
    for i in range(1, len(starts)):  # in order: each window begins where the boundary before it came to lie
        refined[i] = rule.move(window, int(refined[i - 1]), int(starts[i]), int(following[i]))
    return refined


@dataclass(frozen=True)
class Splitter:
    """The rule of `mode="paper"` for one boundary; `longest` limits the window (None: no limit)."""

    metric: str
    min_size: int
    negative: str
    volume: str
    longest: int | None

    def window(self, before: int, proposal: int, after: int) -> tuple[int, int]:
        """The stretch [start, end) that is looked at to move a proposal between two boundaries."""
        if self.longest is None or after - before <= self.longest:
            return before, after
        left = min(proposal - before, max(self.longest // 2, self.longest - (after - proposal)))
        return proposal - left, min(after, proposal - left + self.longest)

    def move(self, graph: Window, before: int, proposal: int, after: int) -> int:
        """Where the proposal comes to lie, given the refined boundary before it and the next proposal."""
        start, end = self.window(before, proposal, after)
        low, high = start + self.min_size, min(proposal, end - self.min_size)
        if low > high:
            return proposal
        weights = remove_negative(graph(start, end), self.negative)
        scores = split_scores(split_sums(weights), self.metric, self.volume)[low - start - 1 : high - start]
        best = earliest_best(scores)
        return proposal if best is None else low + best


def earliest_best(scores: np.ndarray) -> int | None:
    """Index of the first score that equals the largest one within `TIE`; None if none is a number."""
    defined = ~np.isnan(scores)
    if not defined.any():
        return None
    finite = np.abs(scores[np.isfinite(scores)])
    slack = TIE * max(1.0, finite.max() if finite.size else 1.0)
    return int(np.argmax(defined & (scores >= scores[defined].max() - slack)))


def check_window(max_window: int | None, band: int | None, min_size: int) -> int | None:
    """The longest window that both the option and the band allow, which must hold two parts of `min_size`."""
    if max_window is not None:
        max_window = int(check_number("max_window", max_window, low=2, integer=True))
    limits = [limit for limit in (max_window, band) if limit is not None]
    if limits and min(limits) < 4 * min_size:
        raise OptionError(
            f"a window of {min(limits)} tokens is too short for min_size={min_size}: give max_window (or a band) of at "
            f"least {4 * min_size}"
        )
    return min(limits, default=None)


def _windows(adjacency: Any) -> tuple[int, Window, int | None]:
    if isinstance(adjacency, BandedGraph):
        if adjacency.n == 0:
            raise DataError("the banded graph is empty: append keys to it first")
        return adjacency.n, adjacency.window, adjacency.band
    matrix = check_adjacency(adjacency)
    return len(matrix), lambda start, end: matrix[start:end, start:end], None


def _refine_reference(matrix: np.ndarray, boundaries: Any, metric: str, min_size: int, offset: int) -> np.ndarray:
    events = to_numpy(boundaries)
    events = np.flatnonzero(events) if events.dtype == bool else events.astype(np.int64).ravel()
    side = len(matrix)
    if offset >= side:
        raise OptionError(f"offset={offset} leaves no token of the chunk in an adjacency of {side} tokens")
    if len(events) and (events[0] < 0 or events[-1] >= side - offset or (np.diff(events) <= 0).any()):
        raise DataError(
            f"raw events must increase and lie in 0 to {side - offset - 1} (chunk-relative), got {events.tolist()}"
        )
    events = events + offset
    far = np.diff(events, prepend=0) >= min_size  # from the raw event before, which may itself be dropped
    if offset == 0:
        far[:1] = True
    refined, before = [], 0
    for event in events[far].tolist():
        if event - before > min_size and event - offset > min_size:
            half = (event - before) // 2
            start, end = max(0, before - half), min(side, event + half)
            low = max(offset, before) + min_size
            scores = reference_scores(split_sums(matrix[start:end, start:end]), metric)
            event = low + int(np.argmax(scores[low - start - 1 : event - start - 1]))
        refined.append(event)
        before = event
    return np.asarray(refined, dtype=np.int64) - offset
