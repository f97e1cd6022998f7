"""segment(): from a transcript to its events in one call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emcog.columns import Columns
from emcog.lm import load_lm
from emcog.segmentation import Segmentation
from emcog.segmenting.finding import Progress, find_events
from emcog.segmenting.matching import matched_people
from emcog.segmenting.settings import make_settings
from emcog.transcript import Transcript, as_transcript


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
    found = find_events(story, load_lm(lm), settings, Columns(), progress, checkpoint)
    provenance = found.provenance
    if people is not None:
        provenance |= {"match": {"people": people.source or people.stimulus, "n": len(people.observers)}}
    return Segmentation(found.events(), found.hearing.tokens(), found.hearing.words(), provenance)
