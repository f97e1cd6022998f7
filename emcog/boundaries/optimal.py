"""The exact optimum: the segmentation that no other beats, by dynamic programming over the graph's prefix sums.

Only sums over events can be optimised so. Modularity is one. For conductance and intra/inter similarity, whose score
is a mean over events, the sum at a given number of events has its optimum where the mean has.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emcog.errors import DataError, OptionError
from emcog.graph.partitions import as_starts
from emcog.graph.scores import METRICS, VOLUMES, event_scores, score
from emcog.graph.sums import BlockSums, block_sums
from emcog.options import check_choice, check_number

MAX_ENTRIES = 2**28  # scored spans kept at once: 2 GiB in float64


@dataclass(frozen=True)
class Optimum:
    """The best segmentation that was allowed.

    boundaries : int64 event starts.
    objective : what was maximised, without the penalty: the sum over events of modularity's terms, of minus the
        conductance, or of the intra/inter similarity.
    score : the same as the metric's own function gives it (a mean for the last two).
    metric, penalty : as asked for.
    note : why the objective is NaN, else "".
    """

    boundaries: np.ndarray
    objective: float
    score: float
    metric: str
    penalty: float
    note: str
    _sums: BlockSums = field(repr=False, compare=False)
    _volume: str = field(repr=False, compare=False)

    @property
    def n_events(self) -> int:
        """How many events it has."""
        return len(self.boundaries)

    def gap(self, boundaries: Any) -> float:
        """How far another segmentation stays behind, penalty included: 0 or more if this optimum's limits allow it."""
        starts = as_starts(boundaries, self._sums.n)
        theirs = _objective(self._sums, starts, self.metric, self._volume)
        return self.objective - theirs - self.penalty * (self.n_events - len(starts))


def optimal(
    adjacency: Any,
    n_events: int | None = None,
    penalty: float | None = None,
    objective: str = "modularity",
    max_event: int | None = None,
    min_event: int = 1,
    *,
    candidates: Any = None,
    volume: str = "degree",
    negative: str = "clip",
) -> Optimum:
    """Exact optimum over all segmentations into `n_events` events, or with a penalty for each event.

    Parameters
    ----------
    adjacency : (n, n) array or tensor, a `BandedGraph`, or `BlockSums`.
    n_events : how many events. None: as many as pay for their penalty.
    penalty : what each event costs, in the objective's unit; at most one of this and n_events. Neither: 0, which the
        modularity alone allows (the others would put everything into as few events, or as many, as they can).
    objective : "modularity" (maximised), "conductance" (its sum minimised) or "intra_inter" (its sum maximised).
    max_event, min_event : tokens, the longest and the shortest event allowed.
    candidates : starts that alone may be boundaries; None: every token.
    volume, negative : as in `conductance`.

    Returns
    -------
    Optimum. On ties the last event is the longest, then the one before it. An event whose score is undefined (a
    volume that is not positive) is never chosen; if nothing else is left, a DataError says so. One event is always
    allowed, and its score may be NaN with a note.

    Raises OptionError if no segmentation fits n_events, max_event and min_event, or if the table would not fit in
    memory.

    Cost: n x max_event scored spans, and as many additions for every event asked for; with a penalty only once.

    >>> optimal(np.kron(np.eye(3), np.ones((4, 4))), n_events=3).boundaries
    array([0, 4, 8])
    """
    check_choice("objective", objective, METRICS)
    check_choice("volume", volume, VOLUMES)
    if n_events is not None and penalty is not None:
        raise OptionError(f"n_events={n_events} and penalty={penalty} exclude each other: give one of them")
    if n_events is None and penalty is None and objective != "modularity":
        raise OptionError(
            f'objective="{objective}" needs n_events or a penalty: without either it has no useful optimum'
        )
    sums = block_sums(adjacency, negative)
    if sums.batch:
        raise DataError(f"adjacency is a stack of graphs of shape {sums.batch}: give one (n, n) graph")
    min_event, max_event = _lengths(sums.n, min_event, max_event)
    places = np.append(as_starts(np.arange(sums.n) if candidates is None else candidates, sums.n, implied=True), sums.n)
    cost = 0.0 if penalty is None else check_number("penalty", penalty)
    if n_events is not None:
        n_events = int(check_number("n_events", n_events, low=1, integer=True))
        if n_events > len(places) - 1:
            raise OptionError(f"n_events={n_events} is more than the {len(places) - 1} places where an event may start")
    if n_events == 1 and sums.n <= max_event:
        return _result(sums, np.zeros(1, np.int64), objective, volume, cost)
    weights = _span_scores(sums, places, objective, volume, min_event, max_event)
    picked = _best_with_penalty(weights, cost) if n_events is None else _best_of_size(weights, n_events)
    if picked is None:
        raise _infeasible(weights, n_events, min_event, max_event, sums.n, objective)
    return _result(sums, places[picked], objective, volume, cost)


def optimality_gap(
    adjacency: Any, boundaries: Any, objective: str = "modularity", **options: Any
) -> tuple[float, Optimum]:
    """How far a segmentation stays behind the best one with as many events: (gap, optimum), the gap in summed
    objective.

    `options` go to `optimal` (max_event, min_event, candidates, volume, negative); without a limit on the length the
    gap is 0 or more.
    """
    sums = block_sums(adjacency, options.get("negative", "clip"))
    best = optimal(sums, n_events=len(as_starts(boundaries, sums.n)), objective=objective, **options)
    return best.gap(boundaries), best


def _lengths(n: int, min_event: int, max_event: int | None) -> tuple[int, int]:
    shortest = int(check_number("min_event", min_event, low=1, integer=True))
    longest = n if max_event is None else int(check_number("max_event", max_event, low=1, integer=True))
    if shortest > min(longest, n):
        raise OptionError(f"min_event={shortest} is longer than max_event={longest} or than the text of {n} tokens")
    return shortest, min(longest, n)


def _span_scores(
    sums: BlockSums, places: np.ndarray, objective: str, volume: str, shortest: int, longest: int
) -> np.ndarray:
    """Score of every span from place j - reach + c to place j, at [j - 1, c]; -inf where none may be."""
    ends = places[1:]
    count = len(ends)
    reach = max(1, int((np.arange(1, count + 1) - np.searchsorted(places, ends - longest)).max()))
    if count * reach > MAX_ENTRIES:
        raise OptionError(
            f"{count} places with up to {reach} starts before each are too many spans to hold: give a smaller "
            f"max_event, at most about {MAX_ENTRIES // count * (sums.n // count)}"
        )
    sign = -1.0 if objective == "conductance" else 1.0
    weights = np.full((count, reach), -np.inf)
    step = max(1, 2**18 // reach)
    for low in range(0, count, step):  # in blocks, so that the temporary arrays stay small
        index = np.arange(low, min(low + step, count))[:, None] + 1 - reach + np.arange(reach)
        end = np.broadcast_to(ends[low : low + step, None], index.shape)
        start = places[np.maximum(index, 0)]
        allowed = (index >= 0) & (end - start <= longest) & (end - start >= shortest)
        scores = sign * event_scores(sums, start[allowed], end[allowed], objective, volume)
        weights[low : low + step][allowed] = np.where(np.isnan(scores), -np.inf, scores)
    return weights


def _best_of_size(weights: np.ndarray, n_events: int) -> np.ndarray | None:
    """Indices of the starts of the best `n_events` spans that tile all places.

    The best k events up to place j need only the best k - 1 events up to earlier places: so all j are found at once, in
    blocks of rows that stay in the cache.
    """
    count, reach = weights.shape
    before = np.full(reach + count + 1, -np.inf)  # [reach + j]: the best up to place j, with nothing before place 0
    before[reach] = 0
    back = np.zeros((n_events, count), dtype=np.int32)
    step = max(1, 2**16 // reach)
    for k in range(n_events):
        after = np.full_like(before, -np.inf)
        ahead = np.lib.stride_tricks.sliding_window_view(before, reach)
        # places that k + 1 events can end at, and from which those still to come can reach the last place
        first = max(k, count - 1 - (n_events - 1 - k) * reach)
        last = min((k + 1) * reach, count - (n_events - 1 - k))
        for low in range(first, last, step):
            rows = slice(low, min(low + step, last))
            total = ahead[low + 1 : rows.stop + 1] + weights[rows]
            best = total.argmax(1)
            back[k, rows] = best
            after[reach + 1 + low : reach + 1 + rows.stop] = total[np.arange(len(best)), best]
        before = after
    if before[-1] == -np.inf:
        return None
    starts, end = np.zeros(n_events, np.int64), count
    for k in range(n_events - 1, -1, -1):
        end = starts[k] = end - reach + back[k, end - 1]
    return starts


def _best_with_penalty(weights: np.ndarray, penalty: float) -> np.ndarray | None:
    """Indices of the starts of the best spans that tile all places, each at a cost.

    One step a place is inherent here: the best up to a place needs the best up to the place before. A step is one
    vector operation over all starts.
    """
    count, reach = weights.shape
    best = np.full(reach + count + 1, -np.inf)
    best[reach] = 0
    back = np.zeros(count, dtype=np.int32)
    for j in range(count):
        total = best[j + 1 : j + 1 + reach] + weights[j]
        back[j] = choice = int(total.argmax())
        best[reach + 1 + j] = total[choice] - penalty
    if best[-1] == -np.inf:
        return None
    starts, end = [], count
    while end > 0:
        end = int(end - reach + back[end - 1])
        starts.append(end)
    return np.asarray(starts[::-1], dtype=np.int64)


def _objective(sums: BlockSums, starts: np.ndarray, metric: str, volume: str) -> float:
    total = float(event_scores(sums, starts, np.append(starts[1:], sums.n), metric, volume).sum())
    return -total if metric == "conductance" else total


def _result(sums: BlockSums, starts: np.ndarray, metric: str, volume: str, penalty: float) -> Optimum:
    value, note = score(sums, starts, metric, volume=volume)
    return Optimum(starts, _objective(sums, starts, metric, volume), value, metric, penalty, note, sums, volume)


def _infeasible(weights: np.ndarray, n_events: int | None, low: int, high: int, n: int, objective: str) -> Exception:
    """Why nothing could be chosen: limits that do not fit, or a graph without weight."""
    counts = "any number of events" if n_events is None else f"{n_events} events"
    if n_events is not None and not n_events * low <= n <= n_events * high:
        return OptionError(
            f"{n} tokens cannot be cut into {n_events} events of {low} to {high} tokens: change n_events, "
            "min_event or max_event"
        )
    if np.isfinite(weights).any():
        return OptionError(
            f"no segmentation into {counts} of {low} to {high} tokens was found in which {objective} is defined for "
            "every event: change n_events, the limits on length or the candidates"
        )
    return DataError(
        f"{objective} is undefined for every possible event: the graph has no positive weight "
        "(negative weights are clipped by default)"
    )
