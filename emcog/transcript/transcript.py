"""The Transcript: a text and a table of its words."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emcog.errors import DataError, TranscriptError
from emcog.excerpts import escaped
from emcog.transcript.words import LONE_SURROGATE, untimed_words

WORD_COLUMNS = ("word", "char_start", "char_end", "onset_s", "offset_s", "speaker", "interpolated")
"""Columns of `Transcript.words`, in order."""


@dataclass(frozen=True, eq=False, repr=False)
class Transcript:
    """What was said or written, word by word.

    Attributes
    ----------
    text : the whole text; every word is a slice of it.
    words : DataFrame, one row a word in the order of the text:
        word (str): a maximal run of characters that are not white space, as `str.split` finds them;
        char_start, char_end (int64): half-open, `text[char_start:char_end] == word`;
        onset_s, offset_s (float64): seconds from the start of the stimulus, NaN where unknown;
        speaker (str): "" where the format names none;
        interpolated (bool): True where the times were spread over a longer stretch (a cue, an interval) by
        character count rather than given for this word.
    name : a short name, the file's stem.
    format : the format it was read from, one of `emcog.transcript.FORMATS`.
    sha256 : of the bytes that were read; of the UTF-8 text if made from a str.

    Examples
    --------
    >>> transcript = Transcript.from_text("Once upon a time", name="tale")
    >>> transcript.words["word"].tolist()
    ['Once', 'upon', 'a', 'time']
    >>> transcript.has_times
    False
    """

    text: str
    words: pd.DataFrame
    name: str
    format: str
    sha256: str

    def __post_init__(self) -> None:
        missing = [column for column in WORD_COLUMNS if column not in self.words.columns]
        if missing:
            raise DataError(f"the words of a transcript need the columns {', '.join(missing)}")
        starts, ends = self.words["char_start"].to_numpy(), self.words["char_end"].to_numpy()
        edges = np.stack([starts, ends], axis=1).ravel()
        if len(edges) and (edges[0] < 0 or edges[-1] > len(self.text) or np.any(np.diff(edges) < 0)):
            raise DataError("the words of a transcript must lie in its text, in order and without overlap")

    @classmethod
    def from_text(cls, text: str, name: str = "text") -> "Transcript":
        """Make a transcript of a str; its text is kept exactly and no word has a time.

        Raises
        ------
        TranscriptError: if the text has no words, a NUL character or half of a surrogate pair.
        """
        if not isinstance(text, str):
            raise TranscriptError(f"a text must be a str, got {type(text).__name__}: decode bytes first")
        check_text(text, escaped(name))
        return cls(text, untimed_words(text), name, "text", hashlib.sha256(text.encode()).hexdigest())

    @property
    def has_times(self) -> bool:
        """True if at least one word has an onset."""
        return bool(self.words["onset_s"].notna().any())

    @property
    def n_words(self) -> int:
        """Number of words."""
        return len(self.words)

    @property
    def char_start(self) -> np.ndarray:
        """Where each word starts, int64 (n_words,)."""
        return self.words["char_start"].to_numpy()

    def times(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset and offset of each word, seconds, NaN where unknown: float64 arrays (n_words,)."""
        return self.words["onset_s"].to_numpy(), self.words["offset_s"].to_numpy()

    def rows(self, start: int = 0, stop: int | None = None) -> pd.DataFrame:
        """The words from `start` to `stop`, a table of its own."""
        return self.words.iloc[start:stop].reset_index(drop=True)

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the stimulus to the latest onset or offset; NaN without times."""
        latest = self.words[["onset_s", "offset_s"]].max().max()
        return float(latest)

    def word_of_spans(self, char_start: ArrayLike, char_end: ArrayLike) -> np.ndarray:
        """Word that each token belongs to, for token spans that tile the text.

        A span belongs to the word that holds its first character that is not white space; a span of white space
        only, to the word that follows it (a leading space belongs to its word), and at the end of the text to the
        last word. An empty span (the second or later token of one split character) belongs where the span before
        it does.

        Parameters
        ----------
        char_start, char_end : int, shape (n_spans,). Half-open, into `text`, in order.

        Returns
        -------
        int64 array, shape (n_spans,): rows of `words`; -1 throughout if there are no words.

        Examples
        --------
        >>> Transcript.from_text("a big  dog ").word_of_spans([0, 1, 5, 6, 8, 10], [1, 5, 6, 8, 10, 11]).tolist()
        [0, 1, 2, 2, 2, 2]
        """
        return word_of_spans(self.words["char_end"].to_numpy(), char_start, char_end)

    def __repr__(self) -> str:
        count = len(self.words)
        times = f"{self.duration_s:.1f} s" if self.has_times else "no times"
        opening = escaped(" ".join(self.words["word"].iloc[:8]), limit=50)
        return f"<Transcript {self.name!r} ({self.format}): {count} word{'s' * (count != 1)}, {times}: {opening!r}>"


def word_of_spans(word_end: np.ndarray, char_start: ArrayLike, char_end: ArrayLike) -> np.ndarray:
    """The work behind `Transcript.word_of_spans`, from where each word ends."""
    starts = np.asarray(char_start, dtype=np.int64)
    ends = np.asarray(char_end, dtype=np.int64)
    if starts.ndim != 1 or starts.shape != ends.shape:
        raise DataError("char_start and char_end must be two lists of one length")
    if len(word_end) == 0:
        return np.full(len(starts), -1, dtype=np.int64)
    # The first word that ends after a span's start either holds the span's first visible character or is the
    # next word after its white space: one search answers both.
    index = np.minimum(np.searchsorted(word_end, starts, side="right"), len(word_end) - 1)
    rows = np.arange(len(starts))
    owner = np.maximum.accumulate(np.where(ends > starts, rows, -1))
    return index[np.where(owner < 0, rows, owner)].astype(np.int64)


def check_text(text: str, where: str) -> None:
    """Raise a TranscriptError, which opens with `where`, if `text` cannot be a transcript's."""
    if not text or text.isspace():
        raise TranscriptError(f"{where}: no words in it: give a text that holds at least one")
    nul = text.find("\0")
    if nul >= 0:
        raise TranscriptError(f"{where}: a NUL character at character {nul}: not text, or damaged; remove it")
    lone = LONE_SURROGATE.search(text)
    if lone:
        raise TranscriptError(
            f"{where}: half of a surrogate pair (U+{ord(lone.group()):04X}) at character {lone.start()}: "
            "it cannot be written as UTF-8; replace it"
        )
