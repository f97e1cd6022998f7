"""Orders of recall as counts: which lags were taken and could have been, how near in time successive recalls are.

Arrays only. A trial is the items of a story (events, from 0) in the order in which they were recalled; trials are rows,
filled up with -1, which also stands for something said that is no event, or an event said before: it breaks the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FAR = np.iinfo(np.int64).max // 2
"""Farther than any item."""


@dataclass(frozen=True, eq=False)
class Counts:
    """What the steps of each trial add up to.

    lags : (n_trials, 2, 2 * max_lag + 1), how often each lag from -max_lag to max_lag was taken, and could have been
        (the item was not yet recalled). Source: Kahana (1996).
    ranks : (n_trials, 2), sum and number of the percentile ranks of the distances taken among those possible: 1 is the
        nearest, 0.5 chance; ties count half; a step with one item left is not counted. Source: Sederberg et al. (2010).
    """

    lags: np.ndarray
    ranks: np.ndarray


def as_matrix(trials: Sequence[Sequence[float]]) -> np.ndarray:
    """Trials as rows, int64 (n_trials, longest), with -1 for NaN and for what the trial recalled before.

    A step to or from such a one is no transition between events: it is neither taken nor possible. Source: the rule of
    Kahana's (1996) lag-CRP as psifr has it.

    >>> as_matrix([[2, 1, 2, 0], [1]]).tolist()
    [[2, 1, -1, 0], [1, -1, -1, -1]]
    """
    kept = [_first_times(trial) for trial in trials]
    out = np.full((len(kept), max(map(len, kept), default=0)), -1, dtype=np.int64)
    for row, items in zip(out, kept, strict=True):
        row[: len(items)] = items
    return out


def _first_times(trial: Sequence[float]) -> list[int]:
    seen, out = set[int](), []
    for item in trial:
        out.append(-1 if item != item or item in seen else int(item))
        seen.add(out[-1])
    return out


def shuffled(trials: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The trials with the items of each row in the order of their keys; -1 stays where it is, and so do the steps.

    keys : (n_trials, longest), each 0 to 1; drawn for each entry they give every row an order of its own, and the same
        key for an item in several rows gives these rows the same order.
    """
    there = trials >= 0
    order = np.argsort(np.where(there, keys, 2), axis=1, kind="stable")
    first = np.arange(trials.shape[1]) < there.sum(axis=1, keepdims=True)
    out = np.full_like(trials, -1)
    out[there] = np.take_along_axis(trials, order, axis=1)[first]
    return out


def shared(trials: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A number for each entry, the same for the same item in rows of the same group; int64 (n_trials, longest).

    What is no event (-1) is no other entry's like.

    >>> shared(np.array([[3, 1], [1, -1], [1, -1]]), np.array([0, 0, 1])).tolist()
    [[1, 0], [0, 3], [2, 4]]
    """
    rows = np.broadcast_to(group[:, None], trials.shape)
    item = trials >= 0
    codes = np.empty(trials.shape, dtype=np.int64)
    pairs, codes[item] = np.unique(np.stack([rows[item], trials[item]], 1), axis=0, return_inverse=True)
    codes[~item] = len(pairs) + np.arange((~item).sum())
    return codes


def count(trials: np.ndarray, n_items: np.ndarray, max_lag: int) -> Counts:
    """Count the steps of all trials.

    Parameters
    ----------
    trials : int64 (n_trials, longest), from `as_matrix`.
    n_items : int64 (n_trials,), items 0 to n_items - 1 could be recalled.
    max_lag : of the lags counted one by one.
    """
    lags = np.zeros((len(trials), 2, 2 * max_lag + 1), dtype=np.int64)
    ranks = np.zeros((len(trials), 2))
    near = np.arange(-max_lag, max_lag + 1)
    for place in range(trials.shape[1] - 1):  # over places in the trial, not over trials
        here, there = trials[:, place], trials[:, place + 1]
        at = np.flatnonzero((here >= 0) & (there >= 0))
        a, n = here[at], n_items[at]
        lag = there[at] - a
        # What was recalled so far, by its lag from here; far more than any where it was no event. A trial has far fewer
        # recalls than its story has items, so that these are looked through and not those.
        gone = trials[at, : place + 1]
        gone = np.where(gone >= 0, gone - a[:, None], FAR)
        small = np.abs(lag) <= max_lag
        lags[at[small], 0, lag[small] + max_lag] += 1
        places = a[:, None] + near
        possible = (places >= 0) & (places < n[:, None])
        step, which = np.nonzero(np.abs(gone) <= max_lag)
        possible[step, gone[step, which] + max_lag] = False
        lags[at, 1] += possible
        _ranks(ranks, at, a, lag, n, np.abs(gone))
    return Counts(lags, ranks)


def _ranks(out: np.ndarray, at: np.ndarray, here: np.ndarray, lag: np.ndarray, n: np.ndarray, gone: np.ndarray) -> None:
    """Add the percentile ranks of the steps' distances.

    gone : distances of what was recalled so far.
    """
    far = np.abs(lag)

    def within(distance: np.ndarray) -> np.ndarray:
        """Items up to a distance that are left."""
        window = np.minimum(here + distance, n - 1) - np.maximum(here - distance, 0) + 1
        return window - (gone <= distance[:, None]).sum(axis=1)

    total, nearer = n - (gone < FAR).sum(axis=1), within(far - 1)
    tied = within(far) - nearer - 1
    some = total > 1
    rank = (total - nearer - 1 - tied / 2)[some] / (total[some] - 1)
    out[at[some]] += np.stack([rank, np.ones(len(rank))], axis=1)


def serial_position(trials: np.ndarray, n_items: np.ndarray) -> np.ndarray:
    """Whether each item was recalled (1, 0); NaN where the trial had no such item. (n_trials, most items)."""
    out = np.where(np.arange(n_items.max(initial=0)) < n_items[:, None], 0.0, np.nan)
    row, place = np.nonzero(trials >= 0)
    out[row, trials[row, place]] = 1
    return out
