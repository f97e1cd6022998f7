"""Proposals by name: from a story's signal to the starts of its events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emcog.boundaries.baselines import fixed, shuffled
from emcog.boundaries.lengths import merge_short
from emcog.boundaries.lexical import lexical
from emcog.boundaries.peaks import peaks
from emcog.boundaries.ranked import by_rank, cannot_be_had, place_apart, take_ranked
from emcog.boundaries.threshold import running_scores, threshold
from emcog.errors import OptionError


@dataclass(frozen=True)
class Story:
    """What a proposal may look at.

    Attributes
    ----------
    signal : float array (n_tokens,).
    sentences : int64 array, the first token of each sentence.
    words : the words and the first token of each (or of the next word that has one), for proposals that read them.
    landing : int64 array (n_tokens,), where a boundary proposed at each token will be put; None: there.
    gamma, window, distance, n_events, min_event, seed : as in `emcog.segment`.
    """

    signal: np.ndarray
    sentences: np.ndarray
    words: tuple[Sequence[str], np.ndarray] = ((), np.empty(0, np.int64))
    landing: np.ndarray | None = None
    gamma: float = 1.0
    window: int = 512
    distance: int = 25
    n_events: int | None = None
    min_event: int = 1
    seed: int = 0

    def __len__(self) -> int:
        """Tokens in the story."""
        return len(self.signal)

    def take(self, score: np.ndarray) -> np.ndarray:
        """The starts of exactly `n_events` events at the places of the highest score."""
        if self.n_events is None:
            raise OptionError("this proposal needs the number of events: give n_events (--n-events K)")
        return take_ranked(by_rank(score), self.n_events, len(self), self.min_event, self.landing)


def _threshold(story: Story) -> np.ndarray:
    if story.n_events is None:
        return threshold(story.signal, story.gamma, story.window)
    # The gamma that gives n_events. Tokens too early to have a score come after all others, by their signal.
    score = running_scores(story.signal, story.window)
    ordered = np.concatenate([by_rank(score), by_rank(np.where(np.isnan(score), story.signal, np.nan))])
    return take_ranked(ordered, story.n_events, len(story), story.min_event, story.landing)


def _peaks(story: Story) -> np.ndarray:
    found = peaks(story.signal, story.distance)
    if story.n_events is not None:
        score = np.full(len(story), np.nan)
        score[found] = story.signal[found]
        return story.take(score)
    with np.errstate(invalid="ignore"):
        high = running_scores(story.signal, story.window)[found] > story.gamma
    return np.union1d([0], found[high])


def _top(story: Story) -> np.ndarray:
    return story.take(story.signal)


def _fixed(story: Story) -> np.ndarray:
    n_events = len(_as_told(story)) if story.n_events is None else story.n_events
    if n_events * story.min_event > len(story):
        raise cannot_be_had(n_events, len(story) // story.min_event, len(story), story.min_event)
    return _kept(fixed(len(story), n_events), story)


def _random(story: Story) -> np.ndarray:
    return _kept(shuffled(_as_told(story), len(story), story.seed), story)


def _as_told(story: Story) -> np.ndarray:
    """The starts that the threshold finds, where they will be put and without those that come too soon."""
    starts = _threshold(story)
    if story.landing is not None:
        starts = np.union1d([0], story.landing[starts])
    return merge_short(starts, len(story), story.min_event)


def _kept(starts: np.ndarray, story: Story) -> np.ndarray:
    """Starts where they will be put; none is lost there if `n_events` asks for so many."""
    if story.n_events is None or story.landing is None:
        return starts
    return place_apart(starts, len(story), story.min_event, np.unique(story.landing))


def _sentence(story: Story) -> np.ndarray:
    if story.n_events is None:
        return np.union1d([0], story.sentences)
    score = np.full(len(story), np.nan)
    score[story.sentences] = np.nan_to_num(story.signal[story.sentences], nan=-np.inf)
    return story.take(score)


def _lexical(story: Story) -> np.ndarray:
    words, first_token = story.words
    cohesion = lexical(words)
    if story.n_events is None:
        return np.union1d([0], first_token[cohesion.boundaries()])
    score = np.full(len(story), np.nan)
    # From the shallowest to the deepest, so that of two words that begin in one token the deeper counts.
    score[first_token[cohesion.candidates[::-1]]] = cohesion.depth[cohesion.candidates[::-1]]
    return story.take(score)


@dataclass(frozen=True)
class Proposal:
    """A way to propose boundaries: one line that says what it does, and the function."""

    doc: str
    starts: Callable[[Story], np.ndarray]


PROPOSALS: dict[str, Proposal] = {
    "threshold": Proposal(
        "signal above its running mean by gamma deviations; with n_events, the gamma that gives them", _threshold
    ),
    "peaks": Proposal("local maxima, `distance` tokens apart, above the threshold; with n_events, the highest", _peaks),
    "top": Proposal("the n_events - 1 highest values", _top),
    "fixed": Proposal("equal lengths; as many events as n_events, or as the threshold finds", _fixed),
    "random": Proposal("the lengths that the threshold finds, in random order", _random),
    "sentence": Proposal("every sentence; with n_events, those that begin with the highest values", _sentence),
    "lexical": Proposal(
        "valleys in the TF-IDF cohesion of neighbouring windows of words; with n_events, the deepest", _lexical
    ),
}


def propose(name: str, story: Story) -> np.ndarray:
    """Starts of events by the proposal called `name`: int64 array, increasing, 0 first."""
    return PROPOSALS[name].starts(story).astype(np.int64)
