"""From rows to events: the same straight line that a story takes, without a language model."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

import emcog
from emcog import boundaries
from emcog.boundaries import Story, merge_short, split_long, too_few
from emcog.boundaries.features import check_features, running_prediction_distance, scaled
from emcog.boundaries.hierarchy import Hierarchy, hierarchy
from emcog.boundaries.optimal import optimal
from emcog.errors import DataError, OptionError
from emcog.graph import BandedGraph, similarity
from emcog.graph.similarity import to_numpy
from emcog.graph.sums import remove_negative
from emcog.series.settings import SeriesSettings

DENSE = 4096
"""Rows up to which the graph is dense: 128 MiB, and as much again for its prefix sums."""
BAND = 512
"""Rows that may be joined by an edge in a longer series, and its longest optimal event by default."""
MAX_EDGES = 2**26
"""Edges of a banded graph: 0.5 GiB, several times in use while it is summed up."""


@dataclass(frozen=True, eq=False, repr=False)
class FeatureSegmentation:
    """The events of a series of vectors.

    Attributes
    ----------
    events : DataFrame, one row an event, in order
        event : int64, counted from 0.
        onset_s, offset_s : float64, seconds; an event ends where the next row begins. NaN where no times were given.
        start, end : int64, half-open range of rows; the events tile the series.
        n_rows : int64, end - start.
        surprise : float64, the signal at the event's first row, in the unit of the distance; NaN where undefined, as
            it always is at row 0.
        level_0, level_1, ... : int64, where levels were asked for: the event of each coarser level (0 is the coarsest)
            that holds this one, counted from 0; and parent, the same for the next coarser level (-1 if there is none).
    signal : float64 (n_rows,), the distance of each row from its running prediction; NaN where undefined.
    provenance : dict fit for JSON: versions, shape and SHA-256 of the rows, the graph's form, settings, seed.
    note : why anything is NaN or could not be done, the reasons joined by "; ".
    """

    events: pd.DataFrame
    signal: np.ndarray
    provenance: dict[str, Any]
    note: str = ""

    @property
    def boundaries(self) -> np.ndarray:
        """The first row of each event, int64 (n_events,); the first is 0."""
        return self.events["start"].to_numpy(dtype=np.int64, copy=True)

    def __repr__(self) -> str:
        head = f"<FeatureSegmentation: {len(self.events):,} events, {len(self.signal):,} rows>"
        return f"{head}\n{self.events.to_string(index=False, max_rows=12)}"


def segment_features(
    array: Any,
    times: Any = None,
    propose: str = "threshold",
    *,
    gamma: float = 1.0,
    window: int = 512,
    prediction: str = "exponential",
    half_life: float = 5.0,
    prediction_window: int = 10,
    distance_kind: str = "euclidean",
    refine: str | None = None,
    kind: str = "cosine",
    negative: str = "clip",
    n_events: int | None = None,
    penalty: float | None = None,
    min_event: int = 1,
    max_event: int | None = None,
    distance: int = 10,
    levels: Sequence[int] | None = None,
    seed: int = 0,
) -> FeatureSegmentation:
    """Segment a series of vectors into events, as `emcog.segment` does a story.

    Parameters
    ----------
    array : (n, features) array or tensor, or (n,) for one feature; one row a time point (volume, frame, sentence).
    times : (n,) onset of each row in seconds, increasing. The last row is taken to last the median step.
    propose : "threshold": where the signal exceeds its mean + gamma * sd over the `window` rows before; "peaks": local
        maxima at least `distance` rows apart that exceed it too; "top": the highest values; "fixed": equal lengths;
        "random": the threshold's lengths, shuffled by `seed`; "optimal": the exact optimum of modularity in the graph
        of the rows, which needs no signal.
    gamma : threshold in standard deviations.
    window : rows, at least 32. At the start of a series the window is as long as what came before, so that a long one
        does no harm to a short series; but nothing is proposed before 32 values of the signal exist (row 33).
    prediction, half_life, prediction_window, distance_kind : of the signal, the distance of each row from a running
        prediction: see `emcog.boundaries.features.running_prediction_distance` (there `window` and `distance`).
    refine : "modularity" or "conductance" moves each proposed boundary to the seam of the graph (Fountas et al. 2025,
        Algorithm 1, mode "paper"); None leaves it.
    kind : the graph's edges: "cosine"; "correlation", the cosine after each row has lost its own mean over features;
        or "dot". Rows with a mean in common resemble each other everywhere: centre or z-score columns first.
    negative : negative edges: "clip" to 0, "keep" or "shift" (see `emcog.graph.modularity`).
    n_events : exactly this many events: the gamma that gives them for "threshold", otherwise the best places.
    penalty : of each event of the optimum, in modularity, where n_events is not given; default 0.
    min_event, max_event : rows. Of proposals too near to each other the earlier stays, before they are refined (a
        smooth signal stays above the threshold for several rows; with min_event=1 such a run leaves refinement no
        room); events that are too long are split where the signal is highest. For "optimal" both limit the optimum.
    distance : rows between peaks.
    levels : numbers of events from coarse to fine, such as (5, 20). The finest are the events; columns say which event
        of each coarser level holds them.
    seed : of everything random.

    Series of up to 4,096 rows have a dense graph. Longer ones have a banded one, in which rows less than 512 (or
    max_event) apart are compared, and without max_event an optimal event has at most 512 rows, or twice the mean length
    that n_events asks for; the provenance says which.

    Returns
    -------
    FeatureSegmentation: `.events`, `.signal`, `.boundaries`, `.provenance`, `.note`.

    Raises
    ------
    DataError : rows or times of a wrong shape, not finite or not increasing; a graph without positive weight for
        "optimal". OptionError : an option that is not allowed, or events that cannot be had.

    Source: the signal in the manner of Reynolds, Zacks & Braver (2007); the rest as in `emcog.segment`.

    Examples
    --------
    >>> rows = np.repeat(np.eye(3), 4, axis=0)
    >>> segment_features(rows, propose="optimal", n_events=3).boundaries
    array([0, 4, 8])
    """
    settings = SeriesSettings(
        propose, gamma, window, prediction, half_life, prediction_window, distance_kind, refine, kind, negative,
        n_events, penalty, min_event, max_event, distance, None if levels is None else tuple(np.ravel(levels)), seed,
    )  # fmt: skip
    rows = check_features(array)
    onsets = _check_times(times, len(rows))
    if settings.wanted is not None and settings.wanted * settings.min_event > len(rows):
        raise OptionError(
            f"{settings.wanted} events of at least {settings.min_event} rows cannot be had from {len(rows)} rows: ask "
            "for fewer"
        )
    signal = running_prediction_distance(
        rows, settings.prediction, settings.half_life, settings.prediction_window, settings.distance_kind
    )
    graph = _graph(rows, settings) if settings.needs_graph else None
    starts = _proposed(signal, graph, settings)
    if settings.refine is not None:  # Proposals keep min_event from each other: so do the refined, whose number stays
        starts = boundaries.refine(
            graph, starts, settings.refine, min_size=settings.min_event, negative=settings.negative
        )
    if settings.max_event is not None and settings.propose != "optimal":
        starts = split_long(starts, len(rows), settings.max_event, settings.min_event, signal)
    tree = None if settings.levels is None else hierarchy(graph, settings.levels, starts, negative=settings.negative)
    events = _event_table(starts if tree is None else tree.levels[-1], signal, onsets, tree)
    note = "; ".join(_notes(signal, onsets, graph, settings))
    return FeatureSegmentation(events, signal, _provenance(rows, onsets, graph, settings), note)


def _check_times(times: Any, n: int) -> np.ndarray | None:
    """Onsets and, at the end, the offset of the last row: float64 (n + 1,); or a DataError."""
    if times is None:
        return None
    try:
        onsets = to_numpy(times)
    except ValueError:
        raise DataError(
            f"times are lists of different lengths: give one onset in seconds for each of {n} rows"
        ) from None
    if onsets.shape != (n,) or onsets.dtype.kind not in "biuf":
        raise DataError(
            f"times have shape {onsets.shape} and type {onsets.dtype}: give one onset in seconds for each of {n} rows"
        )
    onsets = onsets.astype(np.float64)
    steps = np.diff(onsets)
    if not np.isfinite(onsets).all() or (steps <= 0).any():
        bad = ~np.isfinite(onsets)
        row = int(np.argmax(bad)) if bad.any() else int(np.argmax(steps <= 0)) + 1
        raise DataError(f"times must be finite and increase, but row {row} has {onsets[row]:g}: sort or mend them")
    return np.append(onsets, onsets[-1] + (np.median(steps) if n > 1 else np.nan))


def _graph(rows: np.ndarray, settings: SeriesSettings) -> Any:
    """The graph of the rows, dense or banded."""
    n, kind = len(rows), settings.kind
    rows, _ = scaled(rows)  # no score depends on it, and no product is infinite
    if kind == "correlation":
        if rows.shape[1] < 2:
            raise OptionError('kind="correlation" needs at least 2 features, the series has 1: use kind="dot"')
        rows, kind = rows - rows.mean(1, keepdims=True), "cosine"
    if n <= DENSE:
        return similarity(rows[None], kind=kind)
    band = min(n, max(BAND, settings.max_event or 0, 4 * settings.min_event))
    if n * band > MAX_EDGES:
        raise OptionError(
            f"a graph of {n:,} rows with a band of {band:,} is too large (at most {MAX_EDGES:,} edges): average "
            "neighbouring rows, or lower max_event or min_event"
        )
    return similarity(rows[None], kind=kind, band=band)


def _proposed(signal: np.ndarray, graph: Any, settings: SeriesSettings) -> np.ndarray:
    if settings.propose == "optimal":
        longest = _longest(len(signal), settings)
        best = optimal(
            graph, settings.wanted, settings.penalty, max_event=longest, min_event=settings.min_event,
            negative=settings.negative,
        )  # fmt: skip
        return best.boundaries
    story = Story(
        signal=signal,
        sentences=np.zeros(1, np.int64),
        gamma=settings.gamma,
        window=settings.window,
        distance=settings.distance,
        n_events=settings.wanted,
        min_event=settings.min_event,
        seed=settings.seed,
    )
    # Smooth signals stay above a threshold for several rows, of which the first counts.
    return merge_short(boundaries.propose(settings.propose, story), len(signal), settings.min_event)


def _longest(n: int, settings: SeriesSettings) -> int:
    """Rows that an optimal event may have."""
    if settings.max_event is not None:
        return min(n, settings.max_event)
    if n <= DENSE:
        return n
    return min(n, max(BAND, 2 * settings.min_event, 2 * -(-n // settings.wanted) if settings.wanted else 0))


def _event_table(
    starts: np.ndarray, signal: np.ndarray, onsets: np.ndarray | None, tree: Hierarchy | None
) -> pd.DataFrame:
    n = len(signal)
    ends = np.append(starts[1:], n)
    edges = np.full(n + 1, np.nan) if onsets is None else onsets
    table = pd.DataFrame(
        {
            "event": np.arange(len(starts)),
            "onset_s": edges[starts],
            "offset_s": edges[ends],
            "start": starts,
            "end": ends,
            "n_rows": ends - starts,
            "surprise": signal[starts],
        }
    )
    if tree is not None:
        table = table.assign(**tree.holders())
    return table


def _notes(signal: np.ndarray, onsets: np.ndarray | None, graph: Any, settings: SeriesSettings) -> list[str]:
    """What is undefined, and why."""
    notes = ["the signal of row 0, and so the surprise of event 0, is NaN: nothing comes before it"]
    undefined = int(np.isnan(signal[1:]).sum())
    if undefined:
        notes.append(f"the signal is NaN in {undefined} more rows: the row or its prediction has no direction")
    if onsets is None:
        notes.append("onset_s and offset_s are NaN: no times were given")
    elif len(signal) == 1:
        notes.append("offset_s is NaN: one row has no step to tell how long it lasts")
    uses_scores = settings.propose in ("threshold", "fixed", "random", "peaks") and settings.wanted is None
    if uses_scores and (reason := too_few(signal)):
        notes.append(reason)
    if graph is not None:
        weights = graph.lower if isinstance(graph, BandedGraph) else graph
        if not remove_negative(weights, settings.negative).sum() > 0:
            notes.append("the graph has no positive weight: it could say nothing about where boundaries belong")
    return notes


def _provenance(rows: np.ndarray, onsets: np.ndarray | None, graph: Any, settings: SeriesSettings) -> dict[str, Any]:
    form: dict[str, Any] = {}
    if graph is not None:
        banded = isinstance(graph, BandedGraph)
        form = {"form": "banded" if banded else "dense", "band": graph.band if banded else len(rows)}
        if settings.propose == "optimal":
            form["max_event"] = _longest(len(rows), settings)
    digests = {"sha256": hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()}
    if onsets is not None:
        digests["times_sha256"] = hashlib.sha256(onsets[:-1].tobytes()).hexdigest()
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "versions": {name: metadata.version(name) for name in ("numpy", "pandas", "scipy")},
        "input": {"rows": rows.shape[0], "features": rows.shape[1], **digests},
        **({"graph": form} if form else {}),
        "settings": asdict(settings),
        "seed": settings.seed,
    }
