"""Correlation of a segmentation with the proportion of observers who marked each unit."""

import numpy as np

from emcog.errors import DataError
from emcog.human import Crowd
from emcog.stats.agreement.matching import divided
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions


def point_biserial(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Correlation between boundary (0 or 1) and proportion of observers, over all units but the first. -1 to 1.

    NaN where either is constant. Equal to scipy's pointbiserialr. Source: Tate (1954).
    """
    proportion = crowd.proportion[1:]
    n, k = len(proportion), batch.counts
    spread = proportion.std() if n else 0.0
    if spread < 1e-12:
        return np.full(len(batch), np.nan)
    # r of a 0/1 series with k ones: sum of the centred proportions over them, over sqrt(k (n - k)) times the spread.
    centred = np.concatenate([[0.0], proportion - proportion.mean()])
    return divided(batch.total_at(centred), np.sqrt(k * (n - k)) * spread)


def agreement_index(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Segmentation agreement index: the correlation, scaled from the lowest to the highest that is attainable.

    (r - r_min) / (r_max - r_min), where r_min and r_max are the correlations with the boundaries at the units that
    the fewest and the most observers marked, for that number of boundaries. 0 to 1; NaN where the two are equal.

    Source: Kurby & Zacks (2011); with an observer for a segmentation and the others for a crowd, it is theirs.
    """
    proportion = crowd.proportion
    ordered = np.sort(proportion[1:])
    lowest = np.concatenate([[0.0], np.cumsum(ordered)])[batch.counts]
    highest = np.concatenate([[0.0], np.cumsum(ordered[::-1])])[batch.counts]
    # For a fixed number of boundaries r is linear in the sum of the proportions at them, so sums do for correlations.
    span = highest - lowest
    return divided(batch.total_at(proportion) - lowest, np.where(span > 1e-12, span, 0.0))


def signal_correlation(signal: np.ndarray, crowd: Crowd) -> float:
    """Pearson correlation of a signal with the proportion of observers who marked each unit. -1 to 1.

    Units without a signal (NaN), and the first unit, do not count. NaN where either is constant, or fewer than three
    units are left.

    Parameters
    ----------
    signal : float array (n_units,).
    crowd : on the same units.

    Raises
    ------
    DataError : another number of units.
    """
    signal = np.asarray(signal, dtype=np.float64)
    if signal.shape != (crowd.n_units,):
        raise DataError(
            f"the signal has shape {signal.shape} and the crowd {crowd.n_units} units: lay both on the same"
        )
    kept = ~np.isnan(signal)
    kept[0] = False
    pair = np.stack([signal[kept], crowd.proportion[kept]])
    if pair.shape[1] < 3 or (np.ptp(pair, axis=1) < 1e-12).any():
        return float("nan")
    return float(np.corrcoef(pair)[0, 1])
