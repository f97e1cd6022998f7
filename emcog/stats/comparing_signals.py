"""compare_signal(): a signal against the share of people who mark each unit, or against their ratings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.excerpts import counted
from emcog.human import Crowd
from emcog.options import check_number
from emcog.stats.agreement.peakiness import peakiness
from emcog.stats.notes import people_note
from emcog.stats.nulls import against
from emcog.stats.observers import FEWEST, N_SUBSETS
from emcog.stats.rows import tidy

Row = dict[str, Any]


def compare_signal(
    signal: Sequence[float] | np.ndarray,
    people: Crowd | np.ndarray,
    *,
    n_null: int = 10_000,
    seed: int = 0,
    name: str = "signal",
    bandwidth: float = 1.0,
) -> pd.DataFrame:
    """Correlate a signal with people, beside chance and beside the people's own agreement.

    Parameters
    ----------
    signal : float array (n_units,), a value a unit: the surprisal of words, say. Units without one (NaN) and the first
        do not count.
    people : a `Crowd` on the same units; or ratings, float array (n_observers, n_units), NaN where somebody gave none
        (`AnnotationSet.rating_curves`).
    n_null, seed : draws from the null model, and from which seed.
    name : of the signal, for the column `method`.
    bandwidth : of peakiness, in seconds, or in units where there are no times.

    Returns
    -------
    DataFrame with the columns of `emcog.stats.COLUMNS`. A row signal_correlation: Pearson's r with the share of the
    observers who marked each unit (the point-biserial correlation where the people are one list), or with the mean
    rating; ceiling: the mean of each observer's own r with the others; null: the signal moved around the story by a
    random distance, which keeps its autocorrelation; the interval is over observers, from random halves of them, where
    there are six or more; n: units that count. For a Crowd with observers a row peakiness, of their presses alone (see
    `emcog.stats.agreement.peakiness`); n: presses.

    Raises
    ------
    DataError : another number of units than the people's; an infinite value.
    """
    n_null = int(check_number("n_null", n_null, low=1, integer=True))
    seed = int(check_number("seed", seed, low=0, integer=True))
    rows = [{"method": name} | signal_row(signal, people, n_null, seed)]
    if isinstance(people, Crowd) and people.names:
        rows.append(peakiness_row(people, bandwidth))
    return tidy([{"analysis": "agreement"} | row for row in rows])


def signal_row(signal: Sequence[float] | np.ndarray, people: Crowd | np.ndarray, n_null: int, seed: int) -> Row:
    """The row signal_correlation of `compare_signal`."""
    values, own, variant = np.asarray(signal, dtype=np.float64), _of_people(people), _variant(people)
    if own.ndim != 2 or values.shape != own.shape[1:]:
        raise DataError(f"a signal of shape {values.shape} and people on {own.shape[-1]} units: lay both on the same")
    if np.isinf(values).any():
        raise DataError(f"unit {int(np.argmax(np.isinf(values)))} of the signal is infinite: give numbers, or NaN")
    kept = ~np.isnan(values) & ~np.isnan(own).all(axis=0)
    kept[0] = False
    values, own = values[kept], own[:, kept]
    value = float(_r(values, _mean(own)))
    ceiling, n_ceiling = _ceiling(own)
    low, high = _interval(values, own, value, seed)
    alone = "no ceiling: one series" if len(own) < 2 else f"ceiling over {n_ceiling} of {len(own)} observers"
    return {
        "metric": "signal_correlation", "variant": variant, "unit": "r",
        "bin": people.bin_s if isinstance(people, Crowd) else np.nan, "estimate": value, "ci_low": low,
        "ci_high": high, "ceiling": ceiling, "null_model": "circular_shift", "n": int(kept.sum()), "seed": seed,
        "note": f"n: units with a signal; {_note(people, own)}; {alone}",
    } | against(value, _shifted(values, _mean(own), n_null, seed))  # fmt: skip


def peakiness_row(crowd: Crowd, bandwidth: float = 1.0) -> Row:
    """The row peakiness of `compare_signal`."""
    unit = "s" if crowd.timed else f"{crowd.unit}s"
    return {
        "method": "people", "metric": "peakiness", "variant": "over evenly spread presses", "unit": "ratio",
        "bin": crowd.bin_s, "estimate": peakiness(crowd.marks, crowd.length, bandwidth),
        "n": sum(map(len, crowd.marks)),
        "note": f"n: presses; bandwidth of peakiness: {bandwidth:g} {unit}; {people_note(crowd)}",
    }  # fmt: skip


def _of_people(people: Crowd | np.ndarray) -> np.ndarray:
    """What each observer said of each unit, float array (n_observers, n_units); a list is one observer."""
    if not isinstance(people, Crowd):
        return np.asarray(people, dtype=np.float64)
    return (people.marked if people.names else people.consensus[None]).astype(np.float64)


def _variant(people: Crowd | np.ndarray) -> str:
    if not isinstance(people, Crowd):
        return "mean rating"
    return "proportion of observers" if people.names else "one list"


def _note(people: Crowd | np.ndarray, own: np.ndarray) -> str:
    return people_note(people) if isinstance(people, Crowd) else f"people: ratings of {counted(len(own), 'observer')}"


def _mean(own: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the observers who said something, (n_units,); with weights (n, n_observers) n of them."""
    weights = np.ones(len(own)) if weights is None else weights
    there = ~np.isnan(own)
    total, n = weights @ np.where(there, own, 0.0), weights @ there
    return np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0)


def _r(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis over the units that both have; NaN where either is constant, or below three."""
    there = ~np.isnan(one) & ~np.isnan(other)
    n = there.sum(axis=-1, keepdims=True)
    a, b = (np.where(there, series, 0.0) for series in (one, other))
    a, b = (np.where(there, s - s.sum(axis=-1, keepdims=True) / np.maximum(n, 1), 0.0) for s in (a, b))
    spread = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    fine = (n[..., 0] >= 3) & (np.abs(a).max(axis=-1, initial=0) > 1e-12) & (np.abs(b).max(axis=-1, initial=0) > 1e-12)
    return np.divide((a * b).sum(axis=-1), spread, out=np.full(np.shape(spread), np.nan), where=fine)


def _ceiling(own: np.ndarray) -> tuple[float, int]:
    """Mean r of each observer with the mean of the others, and over how many it is defined."""
    if len(own) < 2:
        return np.nan, 0
    values = np.array([_r(one, _mean(np.delete(own, i, axis=0))) for i, one in enumerate(own)])
    n = int(np.count_nonzero(~np.isnan(values)))
    return float(np.nanmean(values)) if n else np.nan, n


def _interval(signal: np.ndarray, own: np.ndarray, value: float, seed: int) -> tuple[float, float]:
    """95% interval over observers from random halves of them, as `observer_interval` has it for boundaries."""
    from scipy.stats import t

    n = len(own)
    if n < FEWEST or np.isnan(value):
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    half = np.zeros((N_SUBSETS, n))
    for row in half:
        row[rng.permutation(n)[: n // 2]] = 1
    values = _r(np.broadcast_to(signal, (N_SUBSETS, len(signal))), _mean(own, half))
    values = values[~np.isnan(values)]
    if len(values) < N_SUBSETS / 2:
        return np.nan, np.nan
    left_out = n - n // 2
    width = t.ppf(0.975, n - 1) * np.sqrt((n - left_out) / left_out * np.mean((values - values.mean()) ** 2))
    return max(value - width, -1.0), min(value + width, 1.0)


def _shifted(signal: np.ndarray, target: np.ndarray, n_null: int, seed: int) -> np.ndarray:
    """r for signals moved around the story by random distances: all distances at once, by the Fourier transform."""
    n = len(signal)
    if n < 3 or min(np.ptp(signal), np.ptp(target)) < 1e-12:
        return np.full(n_null, np.nan)
    one, other = (series - series.mean() for series in (signal, target))
    every = np.fft.irfft(np.fft.rfft(other) * np.conj(np.fft.rfft(one)), n) / np.sqrt((one @ one) * (other @ other))
    return np.asarray(every[np.random.default_rng(seed).integers(0, n, n_null)])
