"""The K most promising places: boundaries taken in the order of a score, each keeping its distance from the others."""

from bisect import bisect_left

import numpy as np

from emcog.errors import OptionError


def by_rank(score: np.ndarray) -> np.ndarray:
    """Indices from the highest score to the lowest, the earlier first among equals; NaNs are left out."""
    order = np.argsort(-score, kind="stable")
    return order[~np.isnan(score[order])]


def take_ranked(
    order: np.ndarray, n_events: int, n: int, min_event: int, landing: np.ndarray | None = None
) -> np.ndarray:
    """Starts of exactly `n_events` events: 0 and the first places in `order` that keep events long enough.

    Parameters
    ----------
    order : token indices, the most promising first.
    n_events : events wanted.
    n : tokens in the text.
    min_event : fewest tokens of an event.
    landing : int array (n,): where a boundary proposed at each token would be put (see snapping); default: there.

    Raises
    ------
    OptionError : there are not that many places.
    """
    taken = [0, n]
    for place in order.tolist():
        if len(taken) - 1 == n_events:
            break
        token = place if landing is None else int(landing[place])
        k = bisect_left(taken, token)
        if taken[k] != token and token - taken[k - 1] >= min_event and taken[k] - token >= min_event:
            taken.insert(k, token)
    if len(taken) - 1 < n_events:
        raise OptionError(
            f"n_events={n_events} cannot be had: only {len(taken) - 1} events fit this text with these settings; "
            "ask for fewer"
        )
    return np.array(taken[:-1], dtype=np.int64)
