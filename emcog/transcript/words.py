"""Words and their times: finding them in a text, spreading the time of a longer stretch, checking the order."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

WORD = re.compile(r"\S+")
LEADING = re.compile(r"[\s\ufeff]+")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def word_frame(
    words: Sequence[str],
    char_start: ArrayLike,
    char_end: ArrayLike,
    onset_s: ArrayLike = np.nan,
    offset_s: ArrayLike = np.nan,
    speaker: Sequence[str] | None = None,
    interpolated: ArrayLike = False,
) -> pd.DataFrame:
    """Build the table of words that a Transcript holds (columns: `WORD_COLUMNS`)."""
    n = len(words)
    return pd.DataFrame(
        {
            "word": list(words),
            "char_start": np.asarray(char_start, dtype=np.int64),
            "char_end": np.asarray(char_end, dtype=np.int64),
            "onset_s": np.broadcast_to(np.asarray(onset_s, dtype=np.float64), n).copy(),
            "offset_s": np.broadcast_to(np.asarray(offset_s, dtype=np.float64), n).copy(),
            "speaker": [""] * n if speaker is None else list(speaker),
            "interpolated": np.broadcast_to(np.asarray(interpolated, dtype=bool), n).copy(),
        }
    )


def without_margins(text: str) -> str:
    """A text without the white space (and byte order marks) before its first word, and that behind its last."""
    found = LEADING.match(text)
    return text[found.end() if found else 0 :].rstrip()


def untimed_words(text: str) -> pd.DataFrame:
    """Table of the words of a text that has no times."""
    words, starts, ends = [], [], []
    for found in WORD.finditer(text):
        words.append(found.group())
        starts.append(found.start())
        ends.append(found.end())
    return word_frame(words, starts, ends)


def timed_words(
    pieces: Sequence[str],
    onset_s: np.ndarray,
    offset_s: np.ndarray,
    speakers: Sequence[str] | None = None,
    spread: bool | np.ndarray = False,
) -> tuple[str, pd.DataFrame]:
    """Text and words of timed pieces: cues, intervals, table cells, each of any number of words.

    The text is all words joined by single spaces. The time of a piece with several words is spread over them in
    proportion to their numbers of characters: word k runs from a + (b - a) c_k / c to a + (b - a) c_(k+1) / c, where
    a, b are the piece's onset and offset, c its number of characters without white space and c_k those before k.

    Parameters
    ----------
    pieces : shape (n,). Text of each.
    onset_s, offset_s : float64, shape (n,). NaN where unknown: then only a piece's first word can have an onset and
        only its last an offset.
    speakers : one for each word (not piece), or None.
    spread : bool or shape (n,). True marks a piece's words as interpolated even if it is one word long.
    """
    counts = np.fromiter((len(piece.split()) for piece in pieces), dtype=np.int64, count=len(pieces))
    words = " ".join(pieces).split()
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    char_end = np.cumsum(lengths + 1) - 1
    char_start = char_end - lengths

    filled = np.flatnonzero(counts)
    piece_of = np.repeat(np.arange(len(pieces)), counts)
    first = np.cumsum(counts[filled]) - counts[filled]
    last = first + counts[filled] - 1
    totals = np.zeros(len(pieces), dtype=np.int64)
    before = np.cumsum(lengths) - lengths
    if len(filled):
        totals[filled] = np.add.reduceat(lengths, first)
        before = before - np.repeat(before[first], counts[filled])

    a, b, total = onset_s[piece_of], offset_s[piece_of], totals[piece_of]
    onset = np.minimum(a + (b - a) * (before / total), b)
    offset = np.minimum(a + (b - a) * ((before + lengths) / total), b)
    # The ends are exact, and are all that is known when a piece has only one of its times.
    onset[first], offset[last] = onset_s[filled], offset_s[filled]
    timed = np.isfinite(onset) | np.isfinite(offset)
    shared = np.broadcast_to(spread, len(pieces))[piece_of] | (counts[piece_of] > 1)
    return " ".join(words), word_frame(words, char_start, char_end, onset, offset, speakers, shared & timed)


def check_times(
    onset_s: np.ndarray, offset_s: np.ndarray, where: Callable[[int], str], fail: Callable[[str], Exception]
) -> None:
    """Raise `fail(message)` at the first row whose times cannot be; NaN is allowed anywhere.

    Times must be finite and not negative, an offset not before its onset, and an onset not before the latest onset
    known before it. Pieces may overlap (subtitles do): an onset before the previous offset is fine.
    """
    latest = np.fmax.accumulate(np.concatenate([[-np.inf], onset_s]))[:-1]
    with np.errstate(invalid="ignore"):
        wrong = {
            "infinite": np.isinf(onset_s) | np.isinf(offset_s),
            "negative": (onset_s < 0) | (offset_s < 0),
            "offset": offset_s < onset_s,
            "onset": (onset_s < latest) | (np.isnan(onset_s) & (offset_s < latest)),
        }
    rows = np.flatnonzero(np.logical_or.reduce(list(wrong.values())))
    if not len(rows):
        return
    row = int(rows[0])
    kind = next(kind for kind, at in wrong.items() if at[row])
    start, end = onset_s[row], offset_s[row]
    if kind == "infinite":
        message = "an infinite time: give seconds, or leave it empty if it is unknown"
    elif kind == "negative":
        message = f"a negative time ({np.fmin(start, end):g} s): times count from the start of the stimulus"
    elif kind == "offset":
        message = f"the offset ({end:g} s) is before the onset ({start:g} s): swap or correct them"
    else:
        given = end if np.isnan(start) else start
        message = (
            f"times run backwards ({given:g} s after {latest[row]:g} s): sort by onset, correct it, or give one file "
            "a recording"
        )
    raise fail(f"{where(row)}: {message}")
