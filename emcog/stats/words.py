"""What is known of a word before any model reads it: its length, frequency, place in the sentence, its past."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

_EDGES = re.compile(r"^\W+|\W+$")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$")


def word_length(words: Sequence[str]) -> np.ndarray:
    """Letters and digits of each word; punctuation is not counted. float64 (n_words,).

    >>> word_length(["Don't", "stop!"]).tolist()
    [4.0, 4.0]
    """
    return np.array([sum(c.isalnum() for c in word) for word in words], dtype=np.float64)


def sentence_end(words: Sequence[str]) -> np.ndarray:
    """Whether each word carries a full stop, question or exclamation mark at its end. bool (n_words,).

    >>> sentence_end(['Stop!"', "he", "said."]).tolist()
    [True, False, True]
    """
    return np.array([bool(_SENTENCE_END.search(word)) for word in words], dtype=bool)


def log_frequency(words: Sequence[str], corpus: Iterable[str]) -> np.ndarray:
    """log10 of how often a million words hold each word, from the texts of `corpus`; one is added to every count.

    Parameters
    ----------
    words : edge punctuation and case do not count.
    corpus : texts, or one; split at white space.

    Returns
    -------
    float64 (n_words,).
    """
    counts: Counter[str] = Counter()
    for text in [corpus] if isinstance(corpus, str) else corpus:
        counts.update(_bare(word) for word in text.split())
    counts.pop("", None)
    total = sum(counts.values()) + len(counts) + 1
    return np.array([np.log10((counts[_bare(word)] + 1) / total * 1e6) for word in words])


def lagged(values: np.ndarray, story: np.ndarray, lag: int) -> np.ndarray:
    """Each word's value `lag` words before, within its story; NaN where the story has no such word. float64.

    Parameters
    ----------
    values, story : (n_words,), in reading order; a story's words stand together.

    >>> lagged(np.array([1.0, 2.0, 3.0]), np.array(["a", "a", "b"]), 1).tolist()
    [nan, 1.0, nan]
    """
    out = np.full(len(values), np.nan)
    if lag == 0:
        return np.asarray(values, dtype=np.float64)
    same = story[lag:] == story[:-lag]
    out[lag:][same] = np.asarray(values, dtype=np.float64)[:-lag][same]
    return out


def since_boundary(boundary: np.ndarray, story: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """How long ago, at each word, the last boundary before it was; a story's first word counts as one. float64.

    Parameters
    ----------
    boundary : bool (n_words,). A boundary at word t counts from word t + 1 on.
    story : (n_words,), in reading order.
    at : (n_words,), the words' times in seconds, or None to count words.

    >>> since_boundary(np.array([False, True, False, False]), np.zeros(4)).tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    n = len(boundary)
    place = np.arange(n, dtype=np.float64) if at is None else np.asarray(at, dtype=np.float64)
    first = np.ones(n, dtype=bool)
    first[1:] = story[1:] != story[:-1]
    before = np.zeros(n, dtype=bool)
    before[1:] = np.asarray(boundary, dtype=bool)[:-1]
    # The index of the latest boundary before each word; a story's first word takes its own place.
    mark = np.where(first, np.arange(n), np.where(before, np.arange(n) - 1, 0))
    return place - place[np.maximum.accumulate(mark)]


def _bare(word: str) -> str:
    return _EDGES.sub("", word).lower()
