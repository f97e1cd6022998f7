"""S: a boundary is where the signal crosses its running mean by gamma standard deviations (Fountas et al. 2025)."""

from collections.abc import Iterator

import numpy as np

from emcog.columns import blocks

MIN_SAMPLES = 32
"""Nothing is proposed before this many values have been seen: a deviation over fewer says little."""

_BLOCK = 2**21
"""Values held at once: windows of any length take the same memory."""


def running_scores(signal: np.ndarray, window: int = 512, last: int | None = None) -> np.ndarray:
    """How far each value lies above the mean of the `window` values before it, in their standard deviations.

    Parameters
    ----------
    signal : float array, shape (n,). NaNs are left out of means and deviations, and have no score.
    window : preceding values that are looked at, the value itself not among them; at least MIN_SAMPLES.
    last : so many values at the end are scored only; None: all.

    Returns
    -------
    float64 array, shape (n,) or (last,): (signal_t - mean_t) / sd_t with ddof 1; NaN where fewer than MIN_SAMPLES
    values came before. Where sd_t is 0, +inf for a value above the mean and -inf otherwise.
    """
    first = 0 if last is None else max(0, len(signal) - last)
    return np.concatenate([np.empty(0), *(scores for _, scores in _score_blocks(signal, window, first))])


def _score_blocks(signal: np.ndarray, window: int, first: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """The scores of `running_scores` stretch by stretch, with where each begins: the signal may be a mapped file."""
    signal = np.asarray(signal)
    n = len(signal)
    shift = _shift(signal)
    window = min(window, max(n, 1))
    rows = max(1, _BLOCK // window)
    # Two passes over every window, block by block: exact where one pass over running sums would cancel.
    for start, stop in ((first + a, first + b) for a, b in blocks(n - first, rows)):
        padded = np.full(window + stop - start, np.nan)
        known_before = min(start, window)
        padded[window - known_before :] = np.ldexp(signal[start - known_before : stop].astype(np.float64), shift)
        values = padded[window:]
        before = np.lib.stride_tricks.sliding_window_view(padded[:-1], window)
        known = ~np.isnan(before)
        count = known.sum(axis=1)
        mean = np.where(known, before, 0).sum(axis=1) / np.maximum(count, 1)
        deviation = np.where(known, before - mean[:, None], 0)
        sd = np.sqrt((deviation**2).sum(axis=1) / np.maximum(count - 1, 1))
        above = values - mean
        # A difference that is rounding alone is none: a constant signal has no boundary.
        noise = 1e-12 * np.abs(mean)
        above[np.abs(above) <= noise] = 0
        flat = sd <= noise
        score = np.where(flat, np.where(above > 0, np.inf, -np.inf), above / np.where(flat, 1, sd))
        score[(count < MIN_SAMPLES) | np.isnan(above)] = np.nan
        yield start, score


def _shift(signal: np.ndarray) -> int:
    """The power of two that saves squares from being infinite or 0; scores do not depend on the unit."""
    largest = 0.0
    for a, b in blocks(len(signal)):
        part = signal[a:b].astype(np.float64)
        largest = float(np.abs(part[np.isfinite(part)]).max(initial=largest))
    return 0 if not largest or 1e-100 < largest < 1e100 else -int(np.frexp(largest)[1])


def threshold(signal: np.ndarray, gamma: float = 1.0, window: int = 512) -> np.ndarray:
    """Starts of events: 0, and every t with signal_t > mean + gamma * sd over the `window` values before t.

    Returns
    -------
    int64 array of increasing token indices. Source: Fountas et al. (2025), equation 1; the design's section 5.
    """
    found = [start + np.flatnonzero(scores > gamma) for start, scores in _score_blocks(signal, window)]
    return np.union1d([0], np.concatenate([np.empty(0), *found])).astype(np.int64)


def too_few(signal: np.ndarray) -> str | None:
    """Why the threshold finds nothing in a series that is too short for it; None in a longer one."""
    known = 0
    for a, b in blocks(len(signal)):
        known += int(np.count_nonzero(~np.isnan(signal[a:b])))
        if known > MIN_SAMPLES:
            return None
    return f"no threshold could be formed: it needs {MIN_SAMPLES} values of the signal before a boundary"
