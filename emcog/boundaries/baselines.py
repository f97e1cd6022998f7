"""Boundaries that know nothing of the text, to compare others with: fixed lengths (F) and shuffled lengths (R)."""

import numpy as np


def fixed(n: int, n_events: int) -> np.ndarray:
    """Starts of `n_events` events of `n` tokens whose lengths differ by one at most. int64 array."""
    return (np.arange(n_events) * n // n_events).astype(np.int64)


def shuffled(starts: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Starts of events of the same lengths as those that begin at `starts`, in random order. int64 array."""
    lengths = np.diff(np.append(starts, n))
    order = np.random.default_rng(seed).permutation(len(lengths))
    return np.concatenate([[0], np.cumsum(lengths[order])[:-1]]).astype(np.int64)
