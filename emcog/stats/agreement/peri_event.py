"""A signal around boundaries: its average at each lag, what chance gives there, and which stretches exceed it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.options import check_number
from emcog.stats.agreement.measure import Boundaries
from emcog.stats.agreement.partitions import Partitions


@dataclass(frozen=True, eq=False)
class PeriEvent:
    """The average and its clusters.

    Attributes
    ----------
    curve : DataFrame, one row a lag
        lag : int, units after the boundary (negative before it).
        mean : float, of the signal over boundaries whose lag lies in the story and has a value.
        n : int, how many those are.
        null_mean, null_sd : float, of that mean over the null partitions.
        band_low, band_high : float, the middle 95% (1 - alpha) of null means at this lag.
        z : float, (mean - null_mean) / null_sd.
    clusters : DataFrame, one row a stretch of neighbouring lags beyond the threshold on one side
        first_lag, last_lag : int, both included.
        mass : float, sum of z over it (negative below chance).
        p : float, share of null partitions with a stretch of at least that absolute mass somewhere
            ((1 + count) / (1 + n_null)), which corrects for all lags together.
    n_null : null partitions.
    """

    curve: pd.DataFrame
    clusters: pd.DataFrame
    n_null: int


def peri_event(
    signal: np.ndarray,
    boundaries: Boundaries,
    nulls: Partitions | Iterable[Partitions],
    *,
    before: int = 10,
    after: int = 10,
    alpha: float = 0.05,
) -> PeriEvent:
    """Average a signal around boundaries and test it against null boundaries, by clusters of lags.

    Parameters
    ----------
    signal : float array (n_units,), NaN where undefined.
    boundaries : first units of events; 0 may be among them and never counts.
    nulls : null partitions of the same story, in one batch or several.
    before, after : lags in units.
    alpha : a lag belongs to a cluster when |z| passes the two-sided normal quantile of this; the band's width too.

    Raises
    ------
    DataError : no boundaries, no null partitions, or of another number of units.

    Source: Maris & Oostenveld (2007), with null segmentations in place of exchanged conditions.
    """
    from scipy.stats import norm

    check_number("before", before, low=0, integer=True)
    check_number("after", after, low=0, integer=True)
    check_number("alpha", alpha, above=0, high=0.5)
    signal = np.asarray(signal, dtype=np.float64)
    lags = np.arange(-before, after + 1)
    own = Partitions.of([boundaries], len(signal))
    if not own.counts[0]:
        raise DataError("an average around boundaries needs a boundary after unit 0")
    batches = [nulls] if isinstance(nulls, Partitions) else list(nulls)
    if any(batch.n_units != len(signal) for batch in batches) or not sum(map(len, batches)):
        raise DataError(f"null partitions of the same {len(signal)} units are needed, one or more")
    mean, n = (values[0] for values in _averages(signal, own, lags))
    null = np.concatenate([_averages(signal, batch, lags)[0] for batch in batches])
    centre, spread = _moments(null)
    usable = spread > 0
    z = np.full(len(lags), np.nan)
    z[usable] = (mean[usable] - centre[usable]) / spread[usable]
    low, high = _quantiles(null, alpha)
    columns = {"lag": lags, "mean": mean, "n": n, "null_mean": centre, "null_sd": spread, "band_low": low}
    curve = pd.DataFrame(columns | {"band_high": high, "z": z})

    threshold = float(norm.isf(alpha / 2))
    null_z = np.divide(null - centre, spread, out=np.full(null.shape, np.nan), where=usable)
    largest = _largest_mass(null_z, threshold)
    rows = [
        (int(lags[a]), int(lags[b]), mass, (1 + np.count_nonzero(largest >= abs(mass))) / (1 + len(null)))
        for a, b, mass in _clusters(z, threshold)
    ]
    return PeriEvent(curve, pd.DataFrame(rows, columns=["first_lag", "last_lag", "mass", "p"]), len(null))


def _averages(signal: np.ndarray, batch: Partitions, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean at each lag and how many values it is of: two arrays (n_partitions, n_lags), NaN where there is none."""
    n = len(signal)
    mean, count = np.full((len(batch), len(lags)), np.nan), np.zeros((len(batch), len(lags)), dtype=np.int64)
    for column, lag in enumerate(lags.tolist()):
        moved = np.full(n, np.nan)
        moved[max(0, -lag) : min(n, n - lag)] = signal[max(0, lag) : min(n, n + lag)]
        there = ~np.isnan(moved)
        count[:, column] = batch.total_at(there.astype(np.float64))
        some = count[:, column] > 0
        np.divide(batch.total_at(np.where(there, moved, 0.0)), count[:, column], out=mean[:, column], where=some)
    return mean, count


def _moments(null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (ddof 1) of each column without its NaNs; 0 spread where there are fewer than 2."""
    there = ~np.isnan(null)
    n = there.sum(axis=0)
    centre = np.where(n > 0, np.where(there, null, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)
    off = np.where(there, null - centre, 0.0)
    return centre, np.sqrt((off**2).sum(axis=0) / np.maximum(n - 1, 1))


def _quantiles(null: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    edges = [alpha / 2, 1 - alpha / 2]
    columns = [column[~np.isnan(column)] for column in null.T]
    pairs = np.array([np.quantile(one, edges) if len(one) else [np.nan, np.nan] for one in columns])
    return pairs[:, 0], pairs[:, 1]


def _largest_mass(z: np.ndarray, threshold: float) -> np.ndarray:
    """Largest absolute mass of a cluster in each row, float array (n_rows,); 0 without clusters."""
    side = _side(z, threshold)
    mass, before, largest = np.zeros(len(z)), np.zeros(len(z), dtype=np.int64), np.zeros(len(z))
    for column, here in zip(z.T, side.T, strict=True):
        mass = np.where(here == 0, 0.0, np.where(here == before, mass, 0.0) + np.where(here == 0, 0.0, column))
        before = here
        np.maximum(largest, np.abs(mass), out=largest)
    return largest


def _side(z: np.ndarray, threshold: float) -> np.ndarray:
    return np.where(z > threshold, 1, np.where(z < -threshold, -1, 0))


def _clusters(z: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    """(first, last, sum of z) of each run of neighbours beyond the threshold on the same side."""
    side = _side(z, threshold)
    edges = np.flatnonzero(np.diff(side)) + 1
    runs = zip([0, *edges.tolist()], [*edges.tolist(), len(side)], strict=True)
    return [(a, b - 1, float(z[a:b].sum())) for a, b in runs if side[a]]
