"""The straight line itself: a text is listened to, boundaries are proposed, refined and put in their places.

What grows with the text lies in `Columns`, in memory or in mapped files, and is worked on stretch by stretch: so one
path serves a story and a shelf of books.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import emcog
from emcog.boundaries import (
    Story,
    merge_short,
    nearest,
    place_apart,
    propose,
    sentence_tokens,
    sentence_tokens_in_pieces,
    split_long,
    too_few,
    word_tokens_in_pieces,
)
from emcog.boundaries.hierarchy import Hierarchy, hierarchy
from emcog.columns import Columns, blocks
from emcog.errors import OptionError
from emcog.graph import BandedGraph
from emcog.lm import LM
from emcog.lm.hearing import Hearing, prepare
from emcog.lm.journal import Journal
from emcog.lm.listen import hear
from emcog.segmenting import refining
from emcog.segmenting.events import event_table
from emcog.segmenting.settings import DISTANCE, SegmentSettings
from emcog.transcript import LongText, Transcript

log = logging.getLogger("emcog")
Progress = Callable[[int, int], None] | None


@dataclass(frozen=True, eq=False)
class Found:
    """What became of a text.

    Attributes
    ----------
    hearing : its tokens, words and signals. starts : int64 array, the first token of each event.
    settings : as given. tree : of the levels asked for. provenance : fit for JSON.
    """

    hearing: Hearing
    starts: np.ndarray
    settings: SegmentSettings
    tree: Hierarchy | None
    provenance: dict[str, Any]

    def events(self, first: int = 0, stop: int | None = None) -> pd.DataFrame:
        """The events from `first` to `stop`, as in `Segmentation.events`."""
        return event_table(self.hearing, self.starts, self.settings.signal, self.tree, first, stop)


@dataclass(frozen=True, eq=False)
class _Places:
    """Where boundaries may be (increasing tokens), and where one that is proposed at each token will be put."""

    allowed: np.ndarray
    landing: np.ndarray


def find_events(
    story: Transcript | LongText,
    lm: LM,
    settings: SegmentSettings,
    columns: Columns,
    progress: Progress = None,
    checkpoint: str | Path | None = None,
) -> Found:
    """The work behind `segment`; parameters as there.

    columns : where what grows with the text is kept. With the threshold's proposals (S, SM, SC) little else grows: some
        bytes an event. Others (n_events, peaks, random, lexical, ...) look at the whole signal at once.
    """
    hearing = prepare(story, lm, columns)
    places = _places(story, settings, hearing, columns)
    online = builder = None
    if refining.can_refine_online(settings):
        online = refining.OnlineRefiner(lm, settings, None if places is None else places.landing)
    if settings.needs_graph:
        builder = refining.GraphBuilder(lm, settings)
    takers = [taker.push for taker in (online, builder) if taker is not None]

    def on_keys(*news: Any) -> None:
        """Hand the keys to all who take them."""
        for take in takers:
            take(*news)

    kept = None if checkpoint is None or builder is not None else Path(checkpoint)  # one with a whole graph is short
    identity = _identity(story, settings)
    journal = None if kept is None else Journal(kept, identity, online)
    heard = hear(hearing, lm, on_keys=on_keys if takers else None, progress=progress, journal=journal)
    if settings.uses_gamma and (reason := too_few(hearing.signals[settings.signal])):
        log.info("%s: %s", story.name, reason)
    graph = None if builder is None else builder.graph
    if online is not None:
        starts = online.finish()
    else:
        starts = _proposed(hearing, settings, graph, places)
        if settings.refine is not None:
            refiner = refining.ProposalRefiner(lm, settings, starts)
            if kept is not None:
                identity |= {"proposed": hashlib.sha256(starts.tobytes()).hexdigest()}
                journal = Journal(kept / "refining", identity, refiner)
            hear(hearing, lm, on_keys=refiner.push, progress=progress, journal=journal)
            starts = refiner.finish()
    starts = _placed(hearing, settings, starts, places)
    tree = None if settings.levels is None else hierarchy(graph, settings.levels, starts)
    starts = starts if tree is None else tree.levels[-1]
    return Found(hearing, starts, settings, tree, _provenance(story, settings, lm, heard))


def _identity(story: Transcript | LongText, settings: SegmentSettings) -> dict[str, Any]:
    """What decides the numbers, beside the tokens and the model."""
    words = hashlib.sha256(np.ascontiguousarray(story.char_start).data).hexdigest()
    return {"emcog": emcog.__version__, "words": words, "settings": asdict(settings)}


def _places(
    story: Transcript | LongText, settings: SegmentSettings, hearing: Hearing, columns: Columns
) -> _Places | None:
    """Where boundaries will be put; None where they stay."""
    if settings.snap is None:
        return None
    pieces = word_tokens_in_pieces(hearing.word_index)
    if settings.snap == "sentence":
        pieces = _from_zero(sentence_tokens_in_pieces(story.text, hearing.char_end))
    (allowed,) = columns.gather({"allowed": np.int64}, ((piece,) for piece in pieces))
    stretches = ((nearest(allowed, b, a),) for a, b in blocks(len(hearing)))
    return _Places(allowed, columns.gather({"landing": np.int64}, stretches)[0])


def _from_zero(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Token 0, and the rest of the increasing pieces."""
    yield np.zeros(1, dtype=np.int64)
    for piece in pieces:
        yield piece[piece > 0]


def _proposed(
    hearing: Hearing, settings: SegmentSettings, graph: BandedGraph | None, places: _Places | None
) -> np.ndarray:
    """Starts that are proposed once the whole signal is known: where they will be put, none coming too soon."""
    landing = None if places is None else places.landing
    try:
        if graph is not None and settings.propose == "optimal":
            starts = refining.best_segmentation(graph, settings)
        else:
            starts = propose(settings.propose, _story(hearing, settings, landing))
    except OptionError as error:
        if settings.levels is None:
            raise
        raise OptionError(f"levels={','.join(map(str, settings.levels))}: {error}") from error
    if landing is not None:
        starts = np.union1d([0], landing[starts])
    return merge_short(starts, len(hearing), settings.min_event)


def _story(hearing: Hearing, settings: SegmentSettings, landing: np.ndarray | None) -> Story:
    sentences, words = np.array([0]), ((), np.empty(0, np.int64))
    if settings.propose == "sentence" and hearing.text is not None:
        sentences = sentence_tokens(hearing.text.text, hearing.char_end)
    if settings.propose == "lexical" and hearing.text is not None:
        told = hearing.text.rows()["word"].tolist()
        words = (told, np.searchsorted(hearing.word_index, np.arange(len(told))))
    return Story(
        signal=hearing.signals[settings.signal],
        sentences=sentences,
        words=words,
        landing=landing,
        gamma=settings.gamma,
        window=settings.window,
        distance=settings.distance or DISTANCE,
        n_events=settings.wanted,
        min_event=settings.min_event,
        seed=settings.seed,
    )


def _placed(hearing: Hearing, settings: SegmentSettings, starts: np.ndarray, places: _Places | None) -> np.ndarray:
    """Starts at words or sentences also where refinement moved them, and no event too long."""
    n, allowed = len(hearing), None if places is None else places.allowed
    if settings.refine is not None and allowed is not None:
        # The proposals lie on such places, far enough from each other: so there is room for as many.
        starts = place_apart(starts, n, settings.min_event, allowed)
    if settings.max_event is not None:
        signal = hearing.signals[settings.signal]
        starts = split_long(starts, n, settings.max_event, settings.min_event, signal, allowed)
    return starts


def _provenance(
    story: Transcript | LongText, settings: SegmentSettings, lm: LM, heard: dict[str, Any]
) -> dict[str, Any]:
    graph = {"graph": {"layers": refining.upper_layers(lm, settings), "kind": "dot"}} if settings.needs_keys else {}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "numpy", "pandas")},
        "input": {"name": story.name, "format": story.format, "sha256": story.sha256},
        **heard,
        **graph,
        "settings": asdict(settings),
        "seed": settings.seed,
    }
