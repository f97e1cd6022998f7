"""Where people agree that an event begins: by density and threshold, by the proportion who marked a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.options import check_choice, check_number

RULES = ("density", "proportion", "release")
_STEPS = 10  # grid points in one bandwidth: a peak is found to a tenth of it
_REACH = 6.0  # bandwidths beyond which a Gaussian is nothing, as in segmag


@dataclass(frozen=True)
class ConsensusRule:
    """How the marks of several observers become one list of boundaries.

    Attributes
    ----------
    rule : "density": the peaks of the observers' segmentation magnitude (each mark a Gaussian, the largest counts
        within an observer, summed over observers: segmag, Papenmeier & Sering 2014); "proportion": the units that
        most observers marked; "release": the list that came with the data.
    bandwidth : standard deviation of the Gaussian, in seconds, or in units where the marks have no times.
    threshold : a peak counts from this magnitude on (in observers), a unit from this proportion on (0 to 1). None
        keeps as many of the highest as observers have marks on average, rounded (the normative boundaries of Sasmita
        & Swallow 2023); among equals the earlier.
    list : which of the release's lists; "" is its first.
    """

    rule: str = "density"
    bandwidth: float = 1.0
    threshold: float | None = None
    list: str = ""

    def __post_init__(self) -> None:
        check_choice("consensus rule", self.rule, RULES)
        check_number("bandwidth", self.bandwidth, above=0)
        if self.threshold is not None:
            check_number("threshold", self.threshold, above=0)


def segmentation_magnitude(marks: Sequence[np.ndarray], at: np.ndarray, bandwidth: float = 1.0) -> np.ndarray:
    """How many observers, in effect, marked a boundary around each place.

    Each mark is a Gaussian density; where those of one observer overlap, the largest counts, so that nobody counts
    twice; then observers are summed.

    Parameters
    ----------
    marks : one float array an observer, in the unit of `at`.
    at : float array (n,), increasing.
    bandwidth : standard deviation of the Gaussian, same unit.

    Returns
    -------
    float array (n,), 0 or more; one lone mark has a peak of 1 / (bandwidth * sqrt(2 pi)).

    Source: segmag (Papenmeier & Sering, 2014), whose values these are, on its grid, with its cutoff of 6 sd.
    """
    total = np.zeros(len(at))
    for own in marks:
        total += _bell(own, at, bandwidth)
    return total


def bells(marks: Sequence[np.ndarray], at: np.ndarray, bandwidth: float) -> Any:
    """Each observer's part of the segmentation magnitude: a sparse array (n_observers, n), most of it 0."""
    from scipy.sparse import csr_array, vstack

    rows = [csr_array(_bell(own, at, bandwidth)[None]) for own in marks]
    return vstack(rows, format="csr") if rows else csr_array((0, len(at)))


def _bell(own: np.ndarray, at: np.ndarray, bandwidth: float) -> np.ndarray:
    """One observer's magnitude: the largest Gaussian at each place, which is the nearest mark's."""
    if not len(own):
        return np.zeros(len(at))
    gap = np.abs(at - nearest_value(np.sort(own), at))
    height = 1 / (bandwidth * np.sqrt(2 * np.pi))
    return np.where(gap <= _REACH * bandwidth, height * np.exp(-0.5 * (gap / bandwidth) ** 2), 0.0)


def nearest_value(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The nearest of the increasing `values` to each of `at`, the earlier of two as near."""
    right = np.searchsorted(values, at)
    before, after = values[np.maximum(right - 1, 0)], values[np.minimum(right, len(values) - 1)]
    return np.where(np.abs(at - before) <= np.abs(after - at), before, after)


def magnitude_grid(length: float, bandwidth: float) -> np.ndarray:
    """Places from 0 to `length` at which peaks are looked for: ten in one bandwidth. float array, increasing."""
    return np.linspace(0, length, max(int(np.ceil(length / bandwidth * _STEPS)), 2) + 1)


def density_boundaries(grid: np.ndarray, height: np.ndarray, threshold: float | None, count: int) -> np.ndarray:
    """Places of the peaks of a magnitude that count, increasing. float array.

    Parameters
    ----------
    grid, height : float arrays: places and the magnitude there; differences below 1e-12 are none.
    threshold : the lowest magnitude that counts; None keeps the `count` highest peaks.
    """
    height = np.round(height, 12)
    peaks = _peaks(height)
    if threshold is not None:
        return grid[peaks[height[peaks] >= threshold]]
    return grid[_highest(peaks, height[peaks], count)]


def proportion_boundaries(marked: np.ndarray, rule: ConsensusRule) -> np.ndarray:
    """Units that enough observers marked. int64 array, increasing, never 0.

    Parameters
    ----------
    marked : bool array (n_observers, n_units).
    """
    share = marked.mean(axis=0) if len(marked) else np.zeros(marked.shape[1])
    units = np.flatnonzero(share > 0)
    units = units[units > 0]
    if rule.threshold is not None:
        return units[share[units] >= rule.threshold]
    return _highest(units, share[units], int(np.rint(marked[:, 1:].sum(axis=1).mean())) if len(marked) else 0)


def mean_count(marks: Sequence[np.ndarray]) -> int:
    """Mean number of marks an observer, rounded (half to even)."""
    return int(np.rint(np.mean([len(own) for own in marks]))) if len(marks) else 0


def _peaks(height: np.ndarray) -> np.ndarray:
    """Indices where a curve is higher than on both sides; the first point of a plateau stands for it."""
    start = np.flatnonzero(np.diff(height, prepend=-np.inf) != 0)  # where each run of equal values begins
    value = height[start]
    before, after = np.append(0.0, value[:-1]), np.append(value[1:], 0.0)
    return start[(value > before) & (value > after)]


def _highest(places: np.ndarray, height: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(-height, kind="stable")[:count]
    return np.sort(places[order])
