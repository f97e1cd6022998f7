"""Giving the words of a text their times: from a list of aligned words, or by the speech rate of characters."""

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emcog.errors import DataError
from emcog.transcript import Transcript


def timed_transcript(
    text: str, words: Sequence[str], onset_s: np.ndarray, offset_s: np.ndarray, name: str
) -> Transcript:
    """A text whose words take the times of a list of aligned words.

    Both are compared by letters and digits alone, in lower case. Where a stretch of the two differs in how it is cut
    into words (ice-cream, ice cream) but not in its letters, a word takes the onset of the aligned word that holds its
    first letter. What has no counterpart has no times.

    Parameters
    ----------
    text : the transcript.
    words : aligned words, in order.
    onset_s, offset_s : float arrays (n_words,), seconds, NaN where unknown.
    name : of the transcript.
    """
    transcript = Transcript.from_text(text, name)
    ours = [_letters(word) for word in transcript.words["word"]]
    theirs = [_letters(word) for word in words]
    onset, offset = np.full(len(ours), np.nan), np.full(len(ours), np.nan)
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            onset[a:b], offset[a:b] = onset_s[c:d], offset_s[c:d]
        elif "".join(ours[a:b]) == "".join(theirs[c:d]):
            first, last = _holders(ours[a:b], theirs[c:d])
            onset[a:b], offset[a:b] = onset_s[c + first], offset_s[c + last]
    return replace(transcript, words=transcript.words.assign(onset_s=onset, offset_s=offset))


def spread_by_characters(transcript: Transcript, start_s: float, end_s: float) -> Transcript:
    """Approximate times: speech from `start_s` to `end_s` at a constant rate of characters.

    Each word lasts in proportion to its length with the white space after it; `interpolated` is True throughout, so
    that whatever is computed from it can be marked as approximate.

    Raises
    ------
    DataError : the end is not after the start.
    """
    if not 0 <= start_s < end_s:
        raise DataError(f"speech from {start_s:g} s to {end_s:g} s: the end must be after the start")
    words = transcript.words
    first = int(words["char_start"].iloc[0])
    span = int(words["char_end"].iloc[-1]) - first
    times = {
        name: start_s + (words[column].to_numpy() - first) / span * (end_s - start_s)
        for name, column in (("onset_s", "char_start"), ("offset_s", "char_end"))
    }
    return replace(transcript, words=words.assign(**times, interpolated=True))


def _letters(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalnum())


def _holders(ours: Sequence[str], theirs: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each of our words, which of theirs holds its first letter and which its last."""
    ends = np.cumsum([len(word) for word in theirs])
    own = np.cumsum([len(word) for word in ours])
    begin = own - np.array([len(word) for word in ours])
    most = len(theirs) - 1
    first = np.minimum(np.searchsorted(ends, begin, side="right"), most)
    last = np.minimum(np.searchsorted(ends, own, side="left"), most)
    return first, np.maximum(first, last)
