"""The straight line: a transcript is listened to, boundaries are proposed, moved, and told as events."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import emcog
from emcog.boundaries import PROPOSALS, Story, merge_short, nearest, propose, sentence_characters, split_long
from emcog.boundaries import tokens_at, word_tokens
from emcog.errors import OptionError
from emcog.lm import Listening, listen, load_lm
from emcog.options import check_choice, check_number
from emcog.segmentation import Segmentation, event_texts
from emcog.signals import SIGNALS
from emcog.transcript import Transcript, read_transcript

SNAPS = ("word", "sentence")
REFINEMENTS: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentSettings:
    """Every setting of a segmentation; see `segment` for what each means. Wrong values are refused at once."""

    signal: str = "surprisal"
    propose: str = "threshold"
    gamma: float = 1.0
    window: int = 512
    refine: str | None = None
    n_events: int | None = None
    min_event: int = 1
    max_event: int | None = None
    distance: int | None = None
    snap: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("signal", self.signal, SIGNALS)
        check_choice("propose", self.propose, PROPOSALS)
        if self.refine is not None:
            check_choice("refine", self.refine, REFINEMENTS)
        if self.snap is not None:
            check_choice("snap", self.snap, SNAPS)
        check_number("gamma", self.gamma)
        check_number("window", self.window, low=32, integer=True)
        check_number("min_event", self.min_event, low=1, integer=True)
        check_number("seed", self.seed, low=0, integer=True)
        for name in ("n_events", "distance"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=1, integer=True)
        if self.max_event is not None:
            low = 2 * self.min_event - 1
            check_number("max_event", self.max_event, low=low, integer=True)
            if self.n_events is not None:
                raise OptionError("max_event and n_events cannot both hold: splitting long events changes their number")
        if self.propose == "top" and self.n_events is None:
            raise OptionError("propose='top' needs the number of events: give n_events (--n-events K)")


def check_settings(**settings: Any) -> None:
    """Raise an OptionError if `segment` would refuse these settings; needs neither transcript nor model."""
    SegmentSettings(**settings)


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
    progress: Callable[[int, int], None] | None = None,
) -> Segmentation:
    """Segment a transcript into events.

    Parameters
    ----------
    transcript : a Transcript, a Path to read one from, or the text itself as a string.
    lm : an LM, or anything that `load_lm` takes; None is the embedded one.
    signal : what is measured at each token: a name in `emcog.signals.SIGNALS`.
    propose : a name in `emcog.boundaries.PROPOSALS`:
        "threshold": where the signal exceeds its mean + gamma * sd over the `window` tokens before;
        "peaks": local maxima at least `distance` tokens apart that exceed the same threshold;
        "top": the highest values; "fixed": equal lengths; "random": the threshold's lengths, shuffled by `seed`;
        "sentence": every sentence.
    gamma : threshold in standard deviations.
    window : tokens, at least 32.
    refine : None. (Refinement by the similarity graph has its own names.)
    n_events : exactly this many events: the gamma that gives them for "threshold", otherwise the best places.
    min_event, max_event : tokens. Boundaries that come too soon are dropped; too long events are split where the signal
        is highest.
    distance : tokens between peaks, default 25.
    snap : "word" or "sentence" moves every boundary to the nearest start of one; None leaves it at its token, which may
        be inside a word.
    seed : of everything random.
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
    >>> emcog.segment(story, n_events=2, snap="word").events["text"].str.len().sum() == len(story.text)
    True
    """
    settings = SegmentSettings(
        signal, propose, gamma, window, refine, n_events, min_event, max_event, distance, snap, seed
    )
    if isinstance(transcript, str):
        transcript = Transcript.from_text(transcript)
    elif isinstance(transcript, Path):
        transcript = read_transcript(transcript)
    listening = listen(transcript, load_lm(lm), progress=progress)
    starts = find_boundaries(transcript, listening, settings)
    events = event_table(transcript, listening.tokens, starts, settings.signal)
    return Segmentation(events, listening.tokens, listening.words, _provenance(transcript, listening, settings))


def find_boundaries(transcript: Transcript, listening: Listening, settings: SegmentSettings) -> np.ndarray:
    """First token of each event, int64 and increasing, 0 first."""
    tokens = listening.tokens
    n = len(tokens)
    signal = tokens[settings.signal].to_numpy()
    sentences = np.array([0])
    if "sentence" in (settings.propose, settings.snap):
        sentences = tokens_at(sentence_characters(transcript.text), tokens["char_end"].to_numpy())
    units = {"word": lambda: word_tokens(tokens["word_index"].to_numpy()), "sentence": lambda: sentences, None: lambda: None}
    places = units[settings.snap]()
    landing = None if places is None else nearest(places, n)
    story = Story(
        signal, sentences, landing, settings.gamma, settings.window, settings.distance or 25,
        settings.n_events, settings.min_event, settings.seed,
    )  # fmt: skip
    starts = propose(settings.propose, story)
    if landing is not None:
        starts = np.union1d([0], landing[starts])
    starts = merge_short(starts, n, settings.min_event)
    if settings.max_event is not None:
        starts = split_long(starts, n, settings.max_event, settings.min_event, signal, places)
    return starts


def event_table(transcript: Transcript, tokens: pd.DataFrame, starts: np.ndarray, signal: str) -> pd.DataFrame:
    """The events that begin at `starts`, with the columns that `Segmentation` documents."""
    ends = np.append(starts[1:], len(tokens))
    owner = tokens["word_index"].to_numpy()
    first, last = owner[starts], owner[ends - 1]
    words = transcript.words
    return pd.DataFrame(
        {
            "event": np.arange(len(starts)),
            "onset_s": words["onset_s"].to_numpy()[first],
            "offset_s": words["offset_s"].to_numpy()[last],
            "start_token": starts,
            "end_token": ends,
            "start_word": first,
            "end_word": last + 1,
            "n_tokens": ends - starts,
            "surprise": tokens[signal].to_numpy()[starts],
            "text": event_texts(tokens, starts, ends),
        }
    )


def _provenance(transcript: Transcript, listening: Listening, settings: SegmentSettings) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "numpy", "pandas")},
        "input": {"name": transcript.name, "format": transcript.format, "sha256": transcript.sha256},
        **listening.provenance,
        "settings": asdict(settings),
        "seed": settings.seed,
    }
