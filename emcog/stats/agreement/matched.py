"""Proportion of human boundaries matched, and its precision; boundary density; the surprise index."""

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.matching import divided, reach
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions


def matched(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the crowd's boundaries with one of the segmentation's within the tolerance, however many share it.

    More proposals always match more: show it beside `matched_precision`, and as z against event-length shuffles.

    Source: Baldassano et al. (2017), Neuron 95, 709-721 (within three volumes).
    """
    low, high = reach(crowd, settings)
    return (batch.cumulative[:, high] > batch.cumulative[:, low]).mean(axis=1)


def matched_precision(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the segmentation's boundaries with one of the crowd's within the tolerance; NaN without any."""
    return divided(_overlaps(batch, crowd, settings), batch.counts)


def boundary_density(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Segmentation magnitude at the boundaries, over its mean at all units but the first; 1 is chance.

    Source: the magnitude is segmag's (Papenmeier & Sering, 2014), read at the boundaries as a density of presses.
    """
    magnitude = crowd.magnitude(settings.bandwidth)
    mean = magnitude[1:].mean() if crowd.n_units > 1 else 0.0
    return divided(batch.total_at(magnitude), batch.counts * mean)


def surprise_index(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """-log2 of the chance of at least so many overlaps, were both independent Poisson presses at their two rates.

    An overlap is a boundary of the segmentation within the tolerance of one of the consensus. Time is cut into N
    places as wide as that reach (2 tolerances in seconds; 2 tolerances + 1 where units are counted); the expected
    number of overlaps is rate x rate x N. Bits, 0 or more; NaN without boundaries. The chance is summed without an
    upper end, where Sasmita & Swallow stop at N overlaps: the difference is below what a float can show.

    Source: Katori et al. (2018), as Sasmita & Swallow (2023) compute it.
    """
    from scipy.stats import poisson

    whole = crowd.n_units if settings.tolerance_unit == "unit" else crowd.length
    width = 2 * settings.tolerance + (settings.tolerance_unit == "unit")
    if width == 0:
        return np.full(len(batch), np.nan)
    overlaps = _overlaps(batch, crowd, settings)
    expected = batch.counts * len(crowd.starts) * width / whole
    # logsf(k - 1) is the log chance of k or more; of none or more it is 0.
    bits = -poisson.logsf(overlaps - 1, np.maximum(expected, 1e-300)) / np.log(2)
    return np.where(batch.counts > 0, np.maximum(bits, 0.0), np.nan)


def _overlaps(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """How many of each partition's boundaries lie within the tolerance of one of the crowd's. float64."""
    return batch.once(crowd, ("overlaps", settings), lambda: batch.total_at(_near(crowd, settings).astype(np.float64)))


def _near(crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Whether each unit lies within the tolerance of one of the crowd's boundaries. bool array (n_units,)."""
    low, high = reach(crowd, settings)
    steps = np.zeros(crowd.n_units + 1, dtype=np.int64)
    np.add.at(steps, low, 1)
    np.add.at(steps, high, -1)
    return np.cumsum(steps)[:-1] > 0
