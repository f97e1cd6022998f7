"""segment(): from a transcript to its events in one call."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import emcog
from emcog.boundaries import (
    Story,
    merge_short,
    nearest,
    propose,
    sentence_tokens,
    split_long,
    word_tokens,
)
from emcog.boundaries.hierarchy import hierarchy
from emcog.graph import BandedGraph
from emcog.lm import LM, Listening, listen, load_lm
from emcog.segmentation import Segmentation
from emcog.segmenting import refining
from emcog.segmenting.events import event_table
from emcog.segmenting.settings import SegmentSettings, make_settings
from emcog.transcript import Transcript, read_transcript

Progress = Callable[[int, int], None] | None


def segment(
    transcript: Transcript | str | Path,
    lm: Any = None,
    signal: str = "surprisal",
    propose: str = "threshold",
    gamma: float = 1.0,
    window: int = 512,
    refine: str | None = None,
    n_events: int | None = None,
    min_event: int = 1,
    max_event: int | None = None,
    distance: int | None = None,
    snap: str | None = None,
    seed: int = 0,
    method: str | None = None,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    levels: Sequence[int] | None = None,
    penalty: float | None = None,
    progress: Progress = None,
) -> Segmentation:
    """Segment a transcript into events.

    Parameters
    ----------
    transcript : a Transcript, a Path to read one from, or the text itself as a string.
    lm : an LM, or anything that `load_lm` takes; None is the embedded one.
    signal : what is measured at each token: a name in `emcog.signals.SIGNALS`.
    propose : a name in `emcog.boundaries.PROPOSALS`, or "optimal":
        "threshold": where the signal exceeds its mean + gamma * sd over the `window` tokens before;
        "peaks": local maxima at least `distance` tokens apart that exceed the same threshold;
        "top": the highest values; "fixed": equal lengths; "random": the threshold's lengths, shuffled by `seed`;
        "sentence": every sentence; "lexical": valleys of lexical cohesion;
        "optimal": the exact optimum of modularity in the key graph, events having at most `max_event` tokens (default
        512, or four times the mean length that n_events asks for, if that is more).
    gamma : threshold in standard deviations.
    window : tokens, at least 32.
    refine : "modularity" or "conductance" moves each proposed boundary to the seam of the key graph (Fountas et al.
        2025, Algorithm 1); None leaves it.
    n_events : exactly this many events: the gamma that gives them for "threshold", otherwise the best places.
    min_event, max_event : tokens. Boundaries that come too soon are dropped; too long events are split where the signal
        is highest.
    distance : tokens between peaks, default 25.
    snap : "word" or "sentence" moves every boundary to the nearest start of one; None leaves it at its token, which may
        be inside a word. Snapping and refining can make boundaries meet; there are then fewer events.
    seed : of everything random.
    method : a name in `emcog.segmenting.METHODS` (S, SM, SC, F, FM, FC, R, RM, RC, sentence, lexical, optimal), in
        place of `propose` and `refine`.
    layers, heads : whose keys make the graph; default the upper half of the layers, all heads.
    levels : numbers of events from coarse to fine, such as (5, 20). The finest are the events; the columns level_0, ...
        and parent say which event of each coarser level holds them.
    penalty : of each event of the optimum, in modularity, where n_events is not given.
    progress : called as progress(tokens done, tokens in all) while listening.

    Returns
    -------
    Segmentation: `.events`, `.tokens`, `.words`, `.provenance`, `.save(folder)`, `.plot()`.

    Raises
    ------
    OptionError, TranscriptError, ModelError

    Examples
    --------
    >>> import emcog
    >>> story = emcog.Transcript.from_text("He slept. Years later, in Rome, a ship came. Nobody saw it.")
    >>> len(emcog.segment(story, n_events=2, snap="word").events)
    2
    """
    settings = make_settings(
        method, signal=signal, propose=propose, gamma=gamma, window=window, refine=refine, n_events=n_events,
        min_event=min_event, max_event=max_event, distance=distance, snap=snap, seed=seed, layers=layers, heads=heads,
        levels=levels, penalty=penalty,
    )  # fmt: skip
    if isinstance(transcript, str):
        transcript = Transcript.from_text(transcript)
    elif isinstance(transcript, Path):
        transcript = read_transcript(transcript)
    lm = load_lm(lm)
    online = refining.OnlineRefiner(lm, settings) if refining.can_refine_online(settings) else None
    builder = refining.GraphBuilder(lm, settings) if settings.needs_graph else None
    takers = [taker.push for taker in (online, builder) if taker is not None]

    def on_keys(*news: Any) -> None:
        for take in takers:
            take(*news)

    listening = listen(transcript, lm, on_keys=on_keys if takers else None, progress=progress)
    graph = None if builder is None else builder.graph
    starts = _proposed(transcript, lm, listening, settings, graph, progress) if online is None else online.finish()
    starts = _placed(transcript, listening, settings, starts)
    tree = None if settings.levels is None else hierarchy(graph, settings.levels, starts)
    starts = starts if tree is None else tree.levels[-1]
    events = event_table(transcript, listening.tokens, starts, settings.signal, tree)
    return Segmentation(events, listening.tokens, listening.words, _provenance(transcript, listening, settings, lm))


def _proposed(
    transcript: Transcript,
    lm: LM,
    listening: Listening,
    settings: SegmentSettings,
    graph: BandedGraph | None,
    progress: Progress,
) -> np.ndarray:
    """Starts that are proposed once the whole signal is known, refined if they are to be."""
    if graph is not None and settings.propose == "optimal":
        starts = refining.best_segmentation(graph, settings)
    else:
        starts = propose(settings.propose, _story(transcript, listening, settings))
    if settings.refine is not None:
        starts = refining.refine_by_keys(transcript, lm, starts, settings, progress)
    return starts


def _story(transcript: Transcript, listening: Listening, settings: SegmentSettings) -> Story:
    tokens = listening.tokens
    places = _places(transcript, listening, settings)
    owner = tokens["word_index"].to_numpy()
    return Story(
        signal=tokens[settings.signal].to_numpy(),
        sentences=_sentences(transcript, listening) if settings.propose == "sentence" else np.array([0]),
        words=(transcript.words["word"].tolist(), np.searchsorted(owner, np.arange(len(transcript.words)))),
        landing=None if places is None or settings.refine else nearest(places, len(tokens)),
        gamma=settings.gamma,
        window=settings.window,
        distance=settings.distance or 25,
        n_events=settings.wanted,
        min_event=settings.min_event,
        seed=settings.seed,
    )


def _placed(transcript: Transcript, listening: Listening, settings: SegmentSettings, starts: np.ndarray) -> np.ndarray:
    """Starts moved to words or sentences, with events neither too short nor too long."""
    n = len(listening)
    places = _places(transcript, listening, settings)
    if places is not None:
        starts = np.union1d([0], nearest(places, n)[starts])
    starts = merge_short(starts, n, settings.min_event)
    if settings.max_event is not None:
        signal = listening[settings.signal].to_numpy()
        starts = split_long(starts, n, settings.max_event, settings.min_event, signal, places)
    return starts


def _places(transcript: Transcript, listening: Listening, settings: SegmentSettings) -> np.ndarray | None:
    """Tokens that a boundary may be moved to; None where it stays."""
    if settings.snap == "word":
        return word_tokens(listening["word_index"].to_numpy())
    if settings.snap == "sentence":
        return np.union1d([0], _sentences(transcript, listening))
    return None


def _sentences(transcript: Transcript, listening: Listening) -> np.ndarray:
    return sentence_tokens(transcript.text, listening["char_end"].to_numpy())


def _provenance(transcript: Transcript, listening: Listening, settings: SegmentSettings, lm: LM) -> dict[str, Any]:
    graph = {"graph": {"layers": refining.upper_layers(lm, settings), "kind": "dot"}} if settings.needs_keys else {}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "numpy", "pandas")},
        "input": {"name": transcript.name, "format": transcript.format, "sha256": transcript.sha256},
        **listening.provenance,
        **graph,
        "settings": asdict(settings),
        "seed": settings.seed,
    }
