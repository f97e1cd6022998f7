"""A 5-gram model with modified Kneser-Ney smoothing over the same tokens: what counting alone can do.

Chen & Goodman (1999): interpolated, three discounts an order, lower orders by the number of distinct continuations.
n-grams are numbered by sorting, so that counting and scoring are array work: no loop over tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """The k-grams of a text, each numbered by the rank of (number of its first k - 1 tokens, last token).

    Attributes
    ----------
    keys : int64, increasing; context number * vocabulary + last token.
    counts : float64; how often seen, or for lower orders after how many distinct tokens.
    totals, mass : float64, one a context (a k-1-gram); sum of the counts, and of the discounts taken from them.
    discounts : taken from counts of 1, of 2, and of 3 or more.
    """

    keys: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    mass: np.ndarray
    discounts: tuple[float, float, float]


class KneserNey:
    """A modified Kneser-Ney model of token sequences.

    Parameters
    ----------
    ids : int array (n_tokens,); documents end to end, each behind a token (BOS) that says so.
    vocabulary : number of token ids.
    order : tokens in the longest n-gram.
    discounts : the same three for every order, in place of estimated ones.
    """

    def __init__(
        self, ids: np.ndarray, vocabulary: int, order: int = 5, discounts: tuple[float, float, float] | None = None
    ):
        self.vocabulary = vocabulary
        ids = np.asarray(ids, np.int64)
        numbers: list[np.ndarray] = []  # per order, the number of the k-gram that begins at each place
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # keys, first places, counts
        context = np.zeros(len(ids), np.int64)
        for k in range(order):
            here = context[: len(ids) - k] * vocabulary + ids[k:]
            keys, first, context, counts = np.unique(here, return_index=True, return_inverse=True, return_counts=True)
            numbers.append(context)
            found.append((keys, first, counts))
        self.orders: list[Order] = []
        n_contexts = 1
        for k, (keys, _, counts) in enumerate(found):
            if k + 1 < order:
                # A k-gram counts once for each distinct token before it; one that only opens the text, not at all.
                counts = np.bincount(numbers[k][found[k + 1][1] + 1], minlength=len(keys))
            self.orders.append(_order(keys, counts.astype(np.float64), n_contexts, vocabulary, discounts))
            n_contexts = len(keys)

    def surprisal(self, ids: np.ndarray, scored: np.ndarray | None = None) -> np.ndarray:
        """-log2 p of tokens given at most `order` - 1 before them.

        Parameters
        ----------
        ids : int array (n_tokens,). scored : places to score; None for all.

        Returns
        -------
        float64 array, one a place; bits.
        """
        ids = np.asarray(ids, np.int64)
        places = np.arange(len(ids)) if scored is None else np.asarray(scored)
        p = np.full(len(places), 1.0 / self.vocabulary)
        for k, level in enumerate(self.orders):
            inside = places >= k
            context = self._contexts(ids, places[inside] - k, k)
            p[inside] = self._interpolate(level, context, ids[places[inside]], p[inside])
        return -np.log2(p)

    def _contexts(self, ids: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
        """Numbers of the `length`-grams that begin at the places; -1 for those never seen."""
        number = np.zeros(len(start), np.int64)
        for k in range(length):
            number = _find(self.orders[k].keys, number, ids[start + k], self.vocabulary)
        return number

    def _interpolate(self, level: Order, context: np.ndarray, token: np.ndarray, lower: np.ndarray) -> np.ndarray:
        place = _find(level.keys, context, token, self.vocabulary)
        count = np.where(place >= 0, level.counts[place], 0.0)
        total, mass = (np.where(context >= 0, x[context], 0.0) for x in (level.totals, level.mass))
        known = total > 0
        total = np.where(known, total, 1.0)
        taken = np.take([0.0, *level.discounts], np.minimum(count, 3).astype(int))
        # A context that never went on says nothing of its own.
        return np.where(known, (count - taken) / total + mass / total * lower, lower)


def _order(
    keys: np.ndarray, counts: np.ndarray, n_contexts: int, vocabulary: int, given: Sequence[float] | None
) -> Order:
    d1, d2, d3 = given or _discounts(counts)
    taken = np.take([0.0, d1, d2, d3], np.minimum(counts, 3).astype(int))
    context = keys // vocabulary
    totals, mass = (np.bincount(context, weights=x, minlength=n_contexts) for x in (counts, taken))
    return Order(keys, counts, totals, mass, (d1, d2, d3))


def _discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """Chen & Goodman's estimates from how many n-grams were counted once, twice, ...; 0.75 where that leaves a gap."""
    n = np.bincount(np.minimum(counts, 5).astype(int), minlength=6).astype(float)
    if (n[1:5] == 0).any():
        return (0.75, 0.75, 0.75)
    y = n[1] / (n[1] + 2 * n[2])
    d1, d2, d3 = (float(np.clip(k - (k + 1) * y * n[k + 1] / n[k], 0, k)) for k in (1, 2, 3))
    return d1, d2, d3


def _find(keys: np.ndarray, context: np.ndarray, token: np.ndarray, vocabulary: int) -> np.ndarray:
    wanted = np.where(context >= 0, context * vocabulary + token, -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
