"""Where the words, tokens and sentences of a story lie in time, for people's marks to be laid on."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from emcog.boundaries.units import sentence_characters
from emcog.errors import DataError


class Story(Protocol):
    """A Transcript or a Segmentation: whatever has a table of words with onset_s, offset_s and char_start."""

    @property
    def words(self) -> pd.DataFrame:
        """One row a word."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where units begin.

    Attributes
    ----------
    at : float array (n_units,), not decreasing: seconds, or the unit's number where the story has no times.
    timed : whether they are seconds.
    length : of the story in the unit of `at`.
    duration_s : of the story as its words say, NaN where unknown.
    first_unit : int64 array (n_words,): the first unit of each word; None for bins.
    n_words : words of the story; None for bins.
    """

    at: np.ndarray
    timed: bool
    length: float
    duration_s: float
    first_unit: np.ndarray | None
    n_words: int | None

    def of(self, time_s: np.ndarray, word: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Marks in the unit of `at`, and their units where words were marked: those are known, whatever their times.

        Times are as they are, and whose unit they are is for `units_of` to say (None).
        """
        if self.first_unit is None or (word < 0).all():
            return np.asarray(time_s, dtype=np.float64), None
        units = self.first_unit[word]
        return self.at[units], units


def words_of(story: Story, end_s: float = float("nan")) -> Places:
    """Where a story's words begin; `end_s` is its end in seconds, where more is known of it than its words say."""
    onset, duration = filled_onsets(story.words, end_s)
    n = len(story.words)
    if n == 0:
        raise DataError("a story without words has no place for people's marks: give one with at least one word")
    timed = bool(np.isfinite(duration))
    at = onset if timed else np.arange(n, dtype=np.float64)
    return Places(at, timed, duration if timed else float(n), duration, np.arange(n), n)


def tokens_of(story: Any, end_s: float = float("nan")) -> Places:
    """Where a segmentation's tokens begin: each at its word's onset, so that a mark goes to a word's first token."""
    if getattr(story, "tokens", None) is None:
        raise DataError("tokens are a segmentation's, and this is a transcript: segment it, or use words")
    owner = story.tokens["word_index"].to_numpy()
    words = words_of(story, end_s)
    first = np.searchsorted(owner, np.arange(words.n_words or 0))
    n = len(owner)
    at = words.at[owner] if words.timed else np.arange(n, dtype=np.float64)
    length = words.length if words.timed else float(n)
    return Places(at, words.timed, length, words.duration_s, np.minimum(first, n - 1), words.n_words)


def bins_of(duration_s: float, bin_s: float, where: str) -> Places:
    """Bins of equal width from 0 to the end of the stimulus; the last may be cut short."""
    if duration_s <= 0:
        raise DataError(f"{where}: a stimulus of {duration_s:g} s has no bins: give its duration_s")
    at = np.arange(max(int(np.ceil(duration_s / bin_s - 1e-9)), 1)) * bin_s
    return Places(at, True, duration_s, duration_s, None, None)


def filled_onsets(words: pd.DataFrame, end_s: float = float("nan")) -> tuple[np.ndarray, float]:
    """Onset of every word in seconds, and the end of the last; unknown ones are put evenly between their neighbours.

    Those before the first known onset and after the last follow at the mean pace of the known ones, closer together
    where the start of the story (0) or its end leaves less room.

    Parameters
    ----------
    words : of a story.
    end_s : where the story ends, if that is known; NaN if not.

    Returns
    -------
    float array (n_words,), not decreasing (all NaN without times), and the latest onset or offset (NaN without).
    """
    onset = words["onset_s"].to_numpy(dtype=np.float64)
    known = np.flatnonzero(~np.isnan(onset))
    if len(known) == 0:
        return onset, float("nan")
    n, first, last = len(onset), known[0], known[-1]
    pace = max((onset[last] - onset[first]) / max(last - first, 1), 0.0)
    start = min(max(onset[first] - first * pace, 0.0), onset[first])
    stop = onset[last] + (n - last) * pace
    if np.isfinite(end_s):
        stop = max(min(stop, end_s), onset[last])
    places = np.concatenate([[0] if first else [], known, [n] if last < n - 1 else []])
    times = np.concatenate([[start] if first else [], onset[known], [stop] if last < n - 1 else []])
    filled = np.maximum.accumulate(np.interp(np.arange(n), places, times))
    latest = np.nanmax(words[["onset_s", "offset_s"]].to_numpy(dtype=np.float64))
    return filled, float(max(latest, filled[-1]))


def sentence_units(story: Any, unit: str) -> np.ndarray:
    """First word (or token) of each sentence of a story. int64 array, increasing."""
    text = story.text if hasattr(story, "text") else "".join(story.tokens["text"])
    starts = story.words["char_start"].to_numpy()
    word = np.unique(np.searchsorted(starts, sentence_characters(text), side="right") - 1)
    word = word[word >= 0].astype(np.int64)
    if unit == "word":
        return word
    first = tokens_of(story).first_unit
    return np.unique(first[word]) if first is not None else word
