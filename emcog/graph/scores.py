"""How well a segmentation fits the graph: modularity, conductance, intra/inter similarity.

With A symmetric, d_i = sum_j A_ij (the diagonal counted once), 2m = sum_ij A_ij and, for an event S, in(S) = the sum of
A_ij over ordered pairs inside S and vol(S) = sum of d_i over S, all three need nothing but in(S), vol(S) and 2m:

    modularity      sum over events of in(S) / 2m - (vol(S) / 2m)^2
    conductance     (vol(S) - in(S)) / min(vol(S), 2m - vol(S)), mean over events
    intra_inter     (in(S) / |S|^2) / ((vol(S) - in(S)) / (|S| (n - |S|))), mean over events
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from emcog.graph.partitions import Partitions, as_partitions
from emcog.graph.sums import BlockSums, block_sums
from emcog.options import check_choice

METRICS = ("modularity", "conductance", "intra_inter")
NORMALIZATIONS = ("newman", "paper")
VOLUMES = ("degree", "internal")


class Score(NamedTuple):
    """A score, and why it is NaN where it is.

    value : float; or float64 of shape (*graphs, *segmentations), with the events last if each was asked for (NaN
        after the last event of a shorter segmentation). note : str, "" where the value is a number; or an object
        array of the same shape, with the events left out.
    """

    value: Any
    note: Any


def score(
    adjacency: Any,
    boundaries: Any,
    metric: str = "modularity",
    *,
    normalization: str = "newman",
    volume: str = "degree",
    negative: str = "clip",
    per_event: bool = False,
) -> Score:
    """Score segmentations and say why a score is undefined; `modularity` and its sisters are thin faces of this.

    Parameters
    ----------
    adjacency : (n, n) or (..., n, n) array or tensor, a `BandedGraph`, or `BlockSums` (their own `negative` holds).
    boundaries : one segmentation or many, see `emcog.graph.partitions.as_partitions`.
    metric : "modularity", "conductance" or "intra_inter".
    normalization, volume, negative, per_event : see `modularity` and `conductance`.

    Returns
    -------
    Score(value, note). No warning is given: the note holds the reason.
    """
    check_choice("metric", metric, METRICS)
    check_choice("normalization", normalization, NORMALIZATIONS)
    check_choice("volume", volume, VOLUMES)
    sums = block_sums(adjacency, negative)
    parts = as_partitions(boundaries, sums.n)
    events = event_scores(sums, parts.starts, parts.ends, metric, volume)
    if metric == "modularity" and normalization == "paper":
        events = events / 2
    undefined = np.add.reduceat(np.isnan(events), parts.first, axis=-1)
    note = np.full(undefined.shape, "", dtype=object)
    note[undefined > 0] = _reason(sums, parts, events, metric)
    if per_event:
        value = _spread(events, parts)
    else:
        value = np.add.reduceat(events, parts.first, axis=-1)
        if metric != "modularity":
            value = value / parts.counts
    if parts.single:
        value, note = (value[..., 0, :] if per_event else value[..., 0]), note[..., 0]
    if not sums.batch and parts.single:
        return Score(value if per_event else float(value), str(note))
    return Score(value, note)


def event_scores(
    sums: BlockSums, starts: np.ndarray, ends: np.ndarray, metric: str, volume: str = "degree"
) -> np.ndarray:
    """Each event's own score, NaN where its denominator is not positive; shape (*graphs, *events)."""
    within, volumes = sums.within(starts, ends), sums.volume(starts, ends)
    total = sums.total.reshape(*sums.batch, *[1] * np.ndim(starts))
    cut = volumes - within
    # rounding of the prefix sums, which is of the size of the total, would make a cut of no weight at all a tiny one
    cut = np.where(np.abs(cut) <= 1e-12 * np.abs(volumes) + 1e-15 * np.abs(total), 0, cut)
    if metric == "modularity":
        share = _ratio(volumes, total)
        return _ratio(within, total) - share * share
    if metric == "conductance":
        if volume == "degree":
            smaller = np.minimum(volumes, _rest(volumes, total))
        else:
            smaller = np.minimum(within, _rest(within + 2 * cut, total))
        return _ratio(cut, smaller)
    pairs_in, pairs_out = sums.pairs(starts, ends)
    inside, outside = within / pairs_in, _ratio(cut, np.broadcast_to(pairs_out, cut.shape))
    return _ratio(inside, outside)


def _rest(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """What is left of the total, exactly 0 where it is only the rounding of prefix sums."""
    rest = total - part
    return np.where(np.abs(rest) <= 1e-12 * np.abs(total), 0, rest)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below; NaN where below is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _spread(events: np.ndarray, parts: Partitions) -> np.ndarray:
    """Events as (*graphs, partitions, most events), NaN behind the last of each."""
    counts = parts.counts
    row = np.repeat(np.arange(len(counts)), counts)
    spread = np.full((*events.shape[:-1], len(counts), counts.max()), np.nan)
    spread[..., row, np.arange(len(row)) - parts.first[row]] = events
    return spread


def _reason(sums: BlockSums, parts: Partitions, events: np.ndarray, metric: str) -> str:
    if metric == "modularity":
        return "modularity is undefined: the graph's weights do not sum to a positive number"
    if parts.single and len(parts.starts) == 1:
        return f"{metric} is undefined: one event holds the whole text, and there is no rest to compare it with"
    if parts.single and not sums.batch:
        bad = int(np.argmax(np.isnan(events)))
        where = f"event {bad} (tokens {parts.starts[bad]} to {parts.ends[bad] - 1})"
    else:
        where = "at least one event"
    lack = "its volume or that of the rest" if metric == "conductance" else "the weight between it and the rest"
    return f"{metric} is undefined for {where}: {lack} is not positive"


def _told(result: Score) -> Any:
    """The value alone, with a UserWarning where there was a reason to note."""
    notes = [note for note in dict.fromkeys(np.ravel(result.note)) if note]
    if notes:
        warnings.warn(f"NaN: {notes[0]}", UserWarning, stacklevel=3)
    return result.value


def modularity(adjacency: Any, boundaries: Any, normalization: str = "newman", negative: str = "clip") -> Any:
    """Modularity of a segmentation: how much more weight its events hold than their degrees lead one to expect.

    Parameters
    ----------
    adjacency : (n, n) or (..., n, n) array or tensor, a `BandedGraph`, or `BlockSums`. Symmetric.
    boundaries : increasing event starts, 0 first; or many segmentations at once (a list of arrays, an int matrix
        filled up with -1, a bool matrix (n_partitions, n)).
    normalization : "newman" divides by 2m; "paper" by 4m, as Fountas et al. write it (half of Newman's).
    negative : weights below 0: "clip" takes them for no edge, "keep" leaves them, "shift" raises all by the smallest.

    Returns
    -------
    float, at most 1 (at most 0.5 with "paper"); or float64 of shape (*graphs, n_partitions). NaN, with a UserWarning
    that says why, where the weights do not sum to a positive number.

    Raises DataError on a graph or boundaries that are malformed, OptionError on unknown options.

    Source: Newman (2006), PNAS 103, 8577; Fountas et al. (2025). Equals networkx's on a graph built with half
    the diagonal, for it counts a loop twice.

    >>> modularity([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]], [0, 2])
    0.5
    """
    return _told(score(adjacency, boundaries, "modularity", normalization=normalization, negative=negative))


def conductance(
    adjacency: Any, boundaries: Any, volume: str = "degree", negative: str = "clip", per_event: bool = False
) -> Any:
    """Conductance: the share of an event's weight that leads out of it, averaged over events; lower is better.

    Parameters
    ----------
    adjacency, boundaries, negative : as in `modularity`.
    volume : "degree": cut(S, rest) / min(vol S, vol rest) with vol the sum of degrees, the standard. "internal": the
        volumes are the weight inside S and inside the rest, without the cut.
    per_event : True for each event's value, with events as the last axis (NaN behind shorter segmentations).

    Returns
    -------
    float, 0 to 1 for "degree" and weights that are not negative; or float64 of shape (*graphs, n_partitions). NaN,
    with a UserWarning that says why, where a volume is not positive: a single event has no rest.

    Source: Shi & Malik (2000); Fountas et al. (2025). `volume="degree"` equals networkx's on a graph built
    with half the diagonal.

    >>> round(conductance([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]], [0, 2]), 3)
    0.2
    """
    return _told(score(adjacency, boundaries, "conductance", volume=volume, negative=negative, per_event=per_event))


def intra_inter_similarity(adjacency: Any, boundaries: Any, negative: str = "clip", per_event: bool = False) -> Any:
    """Mean similarity inside an event (diagonal included) over its mean similarity to the rest, averaged over events.

    Parameters
    ----------
    adjacency, boundaries, negative, per_event : as in `conductance`. On a banded graph means are over the pairs it has.

    Returns
    -------
    float, above 1 where events hold together; or float64 of shape (*graphs, n_partitions). NaN, with a UserWarning that
    says why, where an event has no positive weight to the rest.

    Source: Fountas et al. (2025).

    >>> intra_inter_similarity([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]], [0, 2])
    4.0
    """
    return _told(score(adjacency, boundaries, "intra_inter", negative=negative, per_event=per_event))
