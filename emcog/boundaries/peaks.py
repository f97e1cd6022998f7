"""Local maxima of the signal that keep a distance from each other."""

import numpy as np


def peaks(signal: np.ndarray, distance: int) -> np.ndarray:
    """Local maxima at least `distance` tokens apart, the higher winning over the lower.

    Parameters
    ----------
    signal : float array, shape (n,); NaN is lower than everything.
    distance : tokens.

    Returns
    -------
    int64 array of increasing indices (scipy.signal.find_peaks; of a plateau its middle; the ends are no maxima).
    """
    from scipy.signal import find_peaks

    found, _ = find_peaks(np.nan_to_num(signal, nan=-np.inf), distance=distance)
    return found.astype(np.int64)
