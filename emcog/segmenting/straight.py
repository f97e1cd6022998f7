"""segment(): from a transcript to its events in one call."""

import hashlib
import logging
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
    place_apart,
    propose,
    sentence_tokens,
    split_long,
    too_few,
    word_tokens,
)
from emcog.boundaries.hierarchy import hierarchy
from emcog.errors import OptionError
from emcog.graph import BandedGraph
from emcog.human import AnnotationSet
from emcog.lm import LM, Listening, listen, load_lm
from emcog.lm.journal import Journal
from emcog.segmentation import Segmentation
from emcog.segmenting import refining
from emcog.segmenting.events import event_table
from emcog.segmenting.matching import matched_people
from emcog.segmenting.settings import DISTANCE, SegmentSettings, make_settings
from emcog.transcript import Transcript, as_transcript

log = logging.getLogger("emcog")
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
    match: Any = None,
    progress: Progress = None,
    checkpoint: str | Path | None = None,
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
    window : tokens, at least 32. Nothing is proposed before 32 values of the signal exist; the log says so of a text
        that is too short.
    refine : "modularity" or "conductance" moves each proposed boundary to the seam of the key graph (Fountas et al.
        2025, Algorithm 1); None leaves it.
    n_events : exactly this many events: the gamma that gives them for "threshold", otherwise the best places.
    min_event, max_event : tokens. Of proposals that come too soon after each other (once they are snapped) the first
        stays; then they are refined, which keeps their number; too long events are split where the signal is highest.
    distance : tokens between peaks, default 25.
    snap : "word" or "sentence" moves every boundary to the nearest start of one; None leaves it at its token, which may
        be inside a word. Proposals that meet there are one. A refined boundary goes to the nearest start that leaves
        all events long enough.
    seed : of everything random.
    method : a name in `emcog.segmenting.METHODS` (S, SM, SC, F, FM, FC, R, RM, RC, sentence, lexical, optimal), in
        place of `propose` and `refine`.
    layers, heads : whose keys make the graph; default the upper half of the layers, all heads.
    levels : numbers of events from coarse to fine, such as (5, 20). The finest are the events; the columns level_0, ...
        and parent say which event of each coarser level holds them. The finest are found as with n_events.
    penalty : of each event of the optimum, in modularity, where n_events is not given.
    match : people whose number of events this segmentation is to have, in place of n_events: an AnnotationSet, a file
        of annotations or a dataset's name. For "threshold" gamma is chosen so; see `AnnotationSet.event_count`.
    progress : called as progress(tokens done, tokens in all) while listening.
    checkpoint : a folder for what was heard so far, written once a minute: the same call goes on there after an
        interruption, and comes to the same numbers. Delete it when the result is safe. None: nothing is kept.

    Returns
    -------
    Segmentation: `.events`, `.tokens`, `.words`, `.provenance`, `.save(folder)`, `.plot()`.

    Raises
    ------
    OptionError (also for an option that would have no effect), TranscriptError, ModelError

    Examples
    --------
    >>> import emcog
    >>> story = emcog.Transcript.from_text("He slept. Years later, in Rome, a ship came. Nobody saw it.")
    >>> len(emcog.segment(story, n_events=2, snap="word").events)
    2
    """
    story, people = as_transcript(transcript), None
    if match is not None:
        people = matched_people(match, story, n_events, levels)
        n_events = people.event_count(story)
    settings = make_settings(
        method, signal=signal, propose=propose, gamma=gamma, window=window, refine=refine, n_events=n_events,
        min_event=min_event, max_event=max_event, distance=distance, snap=snap, seed=seed, layers=layers, heads=heads,
        levels=levels, penalty=penalty,
    )  # fmt: skip
    lm = load_lm(lm)
    online = _online(story, lm, settings) if refining.can_refine_online(settings) else None
    builder = refining.GraphBuilder(lm, settings) if settings.needs_graph else None
    takers = [taker.push for taker in (online, builder) if taker is not None]

    def on_keys(*news: Any) -> None:
        for take in takers:
            take(*news)

    kept = None if checkpoint is None or builder is not None else Path(checkpoint)  # one with a whole graph is short
    journal = None if kept is None else Journal(kept, _identity(story, settings), online)
    listening = listen(story, lm, on_keys=on_keys if takers else None, progress=progress, journal=journal)
    if settings.uses_gamma and (reason := too_few(listening[settings.signal].to_numpy())):
        log.info("%s: %s", story.name, reason)
    graph = None if builder is None else builder.graph
    places = _places(story, settings, listening["word_index"].to_numpy(), listening["char_end"].to_numpy())
    if online is not None:
        starts = online.finish()
    else:
        starts = _proposed(story, listening, settings, graph, places)
        if settings.refine is not None:
            refiner = refining.ProposalRefiner(lm, settings, starts)
            if kept is not None:
                second = _identity(story, settings) | {"proposed": hashlib.sha256(starts.tobytes()).hexdigest()}
                journal = Journal(kept / "refining", second, refiner)
            listen(story, lm, on_keys=refiner.push, progress=progress, journal=journal)
            starts = refiner.finish()
    starts = _placed(listening, settings, starts, places)
    tree = None if settings.levels is None else hierarchy(graph, settings.levels, starts)
    starts = starts if tree is None else tree.levels[-1]
    events = event_table(story, listening.tokens, starts, settings.signal, tree)
    provenance = _provenance(story, listening, settings, lm, people)
    return Segmentation(events, listening.tokens, listening.words, provenance)


def _identity(transcript: Transcript, settings: SegmentSettings) -> dict[str, Any]:
    """What decides the numbers, beside the tokens and the model."""
    words = hashlib.sha256(transcript.words["char_start"].to_numpy().tobytes()).hexdigest()
    return {"emcog": emcog.__version__, "words": words, "settings": asdict(settings)}


def _online(transcript: Transcript, lm: LM, settings: SegmentSettings) -> refining.OnlineRefiner:
    """The refiner for the time of listening, which must know beforehand where proposals will be put."""
    if settings.snap is None:
        return refining.OnlineRefiner(lm, settings)
    _, char_start, char_end = lm.encode(transcript.text)
    places = _places(transcript, settings, transcript.word_of_spans(char_start, char_end), char_end)
    return refining.OnlineRefiner(lm, settings, None if places is None else nearest(places, len(char_end)))


def _proposed(
    transcript: Transcript,
    listening: Listening,
    settings: SegmentSettings,
    graph: BandedGraph | None,
    places: np.ndarray | None,
) -> np.ndarray:
    """Starts that are proposed once the whole signal is known: where they will be put, none coming too soon."""
    n = len(listening)
    landing = None if places is None else nearest(places, n)
    try:
        if graph is not None and settings.propose == "optimal":
            starts = refining.best_segmentation(graph, settings)
        else:
            starts = propose(settings.propose, _story(transcript, listening, settings, landing))
    except OptionError as error:
        if settings.levels is None:
            raise
        raise OptionError(f"levels={','.join(map(str, settings.levels))}: {error}") from error
    if landing is not None:
        starts = np.union1d([0], landing[starts])
    return merge_short(starts, n, settings.min_event)


def _story(
    transcript: Transcript, listening: Listening, settings: SegmentSettings, landing: np.ndarray | None
) -> Story:
    tokens = listening.tokens
    owner = tokens["word_index"].to_numpy()
    return Story(
        signal=tokens[settings.signal].to_numpy(),
        sentences=sentence_tokens(transcript.text, tokens["char_end"].to_numpy())
        if settings.propose == "sentence"
        else np.array([0]),
        words=(transcript.words["word"].tolist(), np.searchsorted(owner, np.arange(len(transcript.words)))),
        landing=landing,
        gamma=settings.gamma,
        window=settings.window,
        distance=settings.distance or DISTANCE,
        n_events=settings.wanted,
        min_event=settings.min_event,
        seed=settings.seed,
    )


def _placed(
    listening: Listening, settings: SegmentSettings, starts: np.ndarray, places: np.ndarray | None
) -> np.ndarray:
    """Starts at words or sentences also where refinement moved them, and no event too long."""
    n = len(listening)
    if settings.refine is not None and places is not None:
        # The proposals lie on such places, far enough from each other: so there is room for as many.
        starts = place_apart(starts, n, settings.min_event, places)
    if settings.max_event is not None:
        signal = listening[settings.signal].to_numpy()
        starts = split_long(starts, n, settings.max_event, settings.min_event, signal, places)
    return starts


def _places(
    transcript: Transcript, settings: SegmentSettings, word_index: np.ndarray, char_end: np.ndarray
) -> np.ndarray | None:
    """Tokens that a boundary may be moved to; None where it stays."""
    if settings.snap == "word":
        return word_tokens(word_index)
    if settings.snap == "sentence":
        return np.union1d([0], sentence_tokens(transcript.text, char_end))
    return None


def _provenance(
    transcript: Transcript, listening: Listening, settings: SegmentSettings, lm: LM, people: AnnotationSet | None
) -> dict[str, Any]:
    graph = {"graph": {"layers": refining.upper_layers(lm, settings), "kind": "dot"}} if settings.needs_keys else {}
    found = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "numpy", "pandas")},
        "input": {"name": transcript.name, "format": transcript.format, "sha256": transcript.sha256},
        **listening.provenance,
        **graph,
        "settings": asdict(settings),
        "seed": settings.seed,
    }
    if people is not None:
        found["match"] = {"people": people.source or people.stimulus, "n": len(people.observers)}
    return found
