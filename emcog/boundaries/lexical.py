"""Lexical cohesion: a text breaks where the words before and after have little in common (after Hearst's TextTiling).

The words are a graph too: an edge joins two occurrences of one word, with the weight idf^2. The dot product of two
windows' TF-IDF vectors is the weight between the windows, and their squared lengths the weights inside: the prefix
sums of the banded graph give the cosine at every gap at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.graph.banded import BandedGraph
from emcog.graph.sums import block_sums
from emcog.options import check_choice, check_number

CUTOFFS = ("liberal", "conservative")
ROWS = 2**14  # gaps whose windows are compared at once


@dataclass(frozen=True)
class LexicalCohesion:
    """Cohesion at each word: entry i is about the gap before word i, as if an event began there.

    similarity : float64 (n_words,), TF-IDF cosine of the windows before and after, 0 to 1; NaN at word 0.
    depth : float64 (n_words,), how deep the gap lies below the nearest peaks of the smoothed similarity on both
        sides, 0 to 2; NaN at word 0.
    window : words on each side of a gap.
    candidates : int64, the word with the lowest similarity in each valley of the smoothed one with depth above 0,
        deepest first (earliest first on ties).
    """

    similarity: np.ndarray
    depth: np.ndarray
    window: int
    candidates: np.ndarray

    def boundaries(
        self, n_events: int | None = None, cutoff: str = "conservative", min_size: int | None = None
    ) -> np.ndarray:
        """Event starts in words, 0 first, int64 increasing.

        Parameters
        ----------
        n_events : the deepest n_events - 1 candidates (all of them, if there are fewer). None: those that pass the
            cutoff.
        cutoff : depth must exceed the mean over all gaps minus half ("conservative") or one ("liberal") standard
            deviation.
        min_size : words; a candidate nearer than this to a deeper one that was taken, or to either end, is passed
            over. None: half the window; nearer ones have been told apart by hardly any words.
        """
        check_choice("cutoff", cutoff, CUTOFFS)
        least = max(self.window // 2, 1) if min_size is None else min_size
        least = int(check_number("min_size", least, low=1, integer=True))
        chosen = self.candidates
        if n_events is None and len(chosen):
            spread = self.depth[1:].std() * (0.5 if cutoff == "conservative" else 1.0)
            chosen = chosen[self.depth[chosen] > self.depth[1:].mean() - spread]
        limit = len(chosen) + 1 if n_events is None else int(check_number("n_events", n_events, low=1, integer=True))
        return _spaced(chosen, len(self.similarity), least, limit)

    def table(self) -> pd.DataFrame:
        """The candidates, deepest first: rank int64 (1 is the deepest), word int64, similarity and depth float64."""
        words = self.candidates
        columns = {"rank": np.arange(1, len(words) + 1), "word": words}
        return pd.DataFrame(columns | {"similarity": self.similarity[words], "depth": self.depth[words]})


def lexical(words: Sequence[str], window: int = 100, smoothing: int | None = None) -> LexicalCohesion:
    """TF-IDF cosine of neighbouring windows at every gap between words, and how deep its valleys are.

    Parameters
    ----------
    words : the text's words in order. Case and punctuation at their edges do not count; a word of punctuation only
        has no weight.
    window : words on each side of a gap; fewer at the text's ends.
    smoothing : gaps, width of the running mean of the similarity before depths are taken (1: none; None: half the
        window).

    Returns
    -------
    LexicalCohesion; its `boundaries()` are the segmentation by this method, its `table()` ranks the candidates.

    Notes
    -----
    idf = ln((1 + N) / (1 + df)) + 1, over the N stretches of `window` words that tile the text. Windows without words
    in common have similarity 0.

    Source: Hearst (1997), Computational Linguistics 23, 33 (blocks compared at gaps, depth scores, cutoffs); with a gap
    at every word and TF-IDF weights.

    >>> fruit, ships = "apple pear plum apple pear plum".split(), "mast sail keel mast sail keel".split()
    >>> lexical(fruit + ships, window=6, smoothing=1).boundaries(n_events=2)
    array([0, 6])
    """
    window = int(check_number("window", window, low=1, integer=True))
    smoothing = max(window // 2, 1) if smoothing is None else smoothing
    smoothing = int(check_number("smoothing", smoothing, low=1, integer=True))
    if isinstance(words, str):
        raise OptionError("words is one string: give a list of words, such as text.split()")
    if len(words) == 0:
        raise DataError("the list of words is empty: there is nothing to segment")
    n = len(words)
    ids, weights = _weights(words, window)
    similarity = np.full(n, np.nan)
    for low in range(1, n, ROWS):  # stretches of a long text, so that memory does not grow with it
        gaps = np.arange(low, min(low + ROWS, n))
        similarity[gaps] = _cosines(ids, weights, gaps, window)
    depth = np.full(n, np.nan)
    smooth = _smooth(similarity[1:], smoothing)
    depth[1:] = _depth(smooth)
    valleys = _valleys(smooth)
    deep = depth[1 + valleys]
    order = np.argsort(-deep, kind="stable")[: np.count_nonzero(deep > 1e-12)]
    words_at = 1 + _lowest_near(similarity[1:], valleys[order], smoothing // 2)
    first = np.sort(np.unique(words_at, return_index=True)[1])  # two valleys with one lowest gap are one, the deeper
    depth[words_at[first]] = deep[order][first]
    return LexicalCohesion(similarity, depth, window, words_at[first])


def _weights(words: Sequence[str], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Each word's type as a number, and its idf (0 for a word without letters or digits)."""
    forms = {word: _plain(word) for word in set(words)}
    plain = [forms[word] for word in words]
    types, ids = np.unique(plain, return_inverse=True)
    stretch = np.arange(len(ids)) // window
    count = int(stretch[-1]) + 1
    seen = np.unique(ids.astype(np.int64) * count + stretch) // count
    idf = np.log((1 + count) / (1 + np.bincount(seen, minlength=len(types)))) + 1
    idf[types == ""] = 0
    return ids, idf[ids]


def _plain(word: str) -> str:
    marks = "".join({mark for mark in word if not mark.isalnum()})
    return word.strip(marks).casefold()


def _cosines(ids: np.ndarray, idf: np.ndarray, gaps: np.ndarray, window: int) -> np.ndarray:
    """TF-IDF cosine of the windows before and after each of some neighbouring gaps; 0 where a window has no weight."""
    base, top = max(gaps[0] - window, 0), min(gaps[-1] + window, len(ids))
    sums = block_sums(BandedGraph.from_lower(_edges(ids[base:top], idf[base:top], 2 * window)), "keep")
    middle = gaps - base
    low, high = np.maximum(gaps - window, 0) - base, np.minimum(gaps + window, len(ids)) - base
    left, right = sums.within(low, middle), sums.within(middle, high)
    shared = (sums.within(low, high) - left - right) / 2
    lengths = np.sqrt(np.maximum(left * right, 0))
    return np.where(lengths > 0, np.clip(shared / np.where(lengths > 0, lengths, 1), 0, 1), 0.0)


def _edges(ids: np.ndarray, idf: np.ndarray, band: int) -> np.ndarray:
    """Lower band of the graph of equal words, (n, band): idf^2 where word i and word i - o are the same."""
    n = len(ids)
    band = min(band, n)
    padded = np.concatenate([np.full(band - 1, -1), ids])
    earlier = np.lib.stride_tricks.sliding_window_view(padded, band)[:, ::-1]
    return np.where(earlier == ids[:, None], (idf**2)[:, None], 0)


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Centred running mean, over fewer values at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - (width - 1) // 2, 0), np.minimum(at + width // 2 + 1, len(values))
    return np.round((sums[high] - sums[low]) / (high - low), 12)  # equal plateaus stay equal


def _depth(values: np.ndarray) -> np.ndarray:
    """Climb from each place to the nearest peak on either side; the two heights climbed, summed."""
    if len(values) == 0:
        return values
    return _climb(values) + _climb(values[::-1])[::-1]


def _climb(values: np.ndarray) -> np.ndarray:
    """Height over each place of the nearest peak to its left: where the run that never rises on its way begins."""
    rises = np.concatenate([[True], values[1:] > values[:-1]])
    peak = np.maximum.accumulate(np.where(rises, np.arange(len(values)), 0))
    return values[peak] - values


def _lowest_near(values: np.ndarray, places: np.ndarray, reach: int) -> np.ndarray:
    """Where the unsmoothed values are lowest within `reach` of each place, the nearest of equals."""
    if len(places) == 0:
        return places
    offsets = np.array(sorted(range(-reach, reach + 1), key=abs))
    around = places[:, None] + offsets
    inside = (around >= 0) & (around < len(values))
    heights = np.where(inside, values[np.clip(around, 0, len(values) - 1)], np.inf)
    return places + offsets[heights.argmin(1)]


def _valleys(values: np.ndarray) -> np.ndarray:
    """Local minima; of a flat one its middle."""
    if len(values) == 0:
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    ends = np.append(starts[1:], len(values))
    level = values[starts]
    lower_left = np.concatenate([[True], level[1:] < level[:-1]])
    lower_right = np.concatenate([level[:-1] < level[1:], [True]])
    return ((starts + ends - 1) // 2)[lower_left & lower_right]


def _spaced(chosen: np.ndarray, n: int, min_size: int, limit: int) -> np.ndarray:
    """0 and up to limit - 1 of the chosen words, in their order of preference, none nearer than min_size to another."""
    blocked = np.zeros(n + 1, dtype=bool)
    blocked[:min_size] = blocked[max(n - min_size + 1, 0) :] = True
    taken = [0]
    for word in chosen.tolist():  # over candidates in order: whether one may stay depends on those taken before it
        if len(taken) < limit and not blocked[word]:
            taken.append(word)
            blocked[max(word - min_size + 1, 0) : word + min_size] = True
    return np.sort(np.asarray(taken, dtype=np.int64))
