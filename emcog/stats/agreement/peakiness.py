"""Peakiness: how far a crowd's presses gather at the same moments."""

from collections.abc import Sequence

import numpy as np


def peakiness(marks: Sequence[np.ndarray], length: float, bandwidth: float = 1.0, step: float = 1.0) -> float:
    """Roughness of the density of all presses over that of as many presses evenly spread.

    The roughness of a curve is the root of the mean squared step from one grid point to the next, so that 1 is as
    smooth as presses can be, and higher is more agreement.

    Parameters
    ----------
    marks : one float array an observer, in seconds (or units).
    length : of the stimulus, same unit; even presses run from 0 to it.
    bandwidth : standard deviation of the Gaussian around each press, the same for both curves. Sasmita & Swallow take
        it from the data (Sheather & Jones, times 0.1 for coarse and 0.05 for fine events); a fixed one lets crowds be
        compared.
    step : of the grid, which reaches two bandwidths beyond both ends, as theirs does.

    Returns
    -------
    float, NaN with fewer than two presses.

    Source: Sasmita & Swallow (2023), Behavior Research Methods 55, with the rugosity of seewave (Sueur 2018).
    """
    presses = np.concatenate([np.asarray(own, dtype=np.float64) for own in marks]) if len(marks) else np.empty(0)
    if len(presses) < 2:
        return float("nan")
    margin = np.ceil(2 * bandwidth)
    grid = np.arange(step - margin, length + margin + step / 2, step)
    even = np.linspace(0, length, len(presses))
    smooth = _roughness(even, grid, bandwidth)
    return _roughness(presses, grid, bandwidth) / smooth if smooth > 0 else float("nan")


def _roughness(presses: np.ndarray, grid: np.ndarray, bandwidth: float) -> float:
    density = np.exp(-0.5 * ((grid[:, None] - presses) / bandwidth) ** 2).mean(axis=1)
    return float(np.sqrt(np.mean(np.diff(density) ** 2)))
