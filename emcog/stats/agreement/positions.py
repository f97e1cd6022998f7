"""Wasserstein distance between boundary positions as unit masses, and the ratio of counts that must stand beside it.

After Fountas et al. (2025), section 4.2: each segmentation is a distribution with equal mass at every boundary.
"""

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.matching import divided
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions


def wasserstein_units(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """W1 in units; NaN for a partition without boundaries. 0 is agreement. Equal to scipy's wasserstein_distance."""
    return _w1(batch, crowd, np.arange(crowd.n_units, dtype=np.float64))


def wasserstein_seconds(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """The same in seconds."""
    return batch.once(crowd, "w1", lambda: _w1(batch, crowd, crowd.at))


def wasserstein_share(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """W1 as a share of the story's length: of seconds where there are times, else of units."""
    return wasserstein_seconds(batch, crowd, settings) / crowd.length


def uneven_units(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """W1 over the sum of both sides' W1 from an even spread, 0 (the same) to 1 (opposite): what is tested.

    Where boundaries cluster, how far a segmentation lies from an even spread says most about its W1, and changes as it
    is moved around the story: W1 itself is below or above its shifts too often (analyses/calibration.py). The ratio,
    which the triangle inequality keeps below 1, does not depend on how uneven either is.
    """
    return _uneven(batch, crowd, np.arange(crowd.n_units, dtype=np.float64))


def uneven_seconds(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """The same in seconds."""
    return batch.once(crowd, "uneven", lambda: _uneven(batch, crowd, crowd.at))


def count_ratio(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """The segmentation's number of boundaries over the crowd's."""
    return batch.counts / len(crowd.starts)


def _w1(batch: Partitions, crowd: Crowd, at: np.ndarray) -> np.ndarray:
    return _area(batch, np.cumsum(crowd.consensus)[:-1] / len(crowd.starts), at)


def _uneven(batch: Partitions, crowd: Crowd, at: np.ndarray) -> np.ndarray:
    theirs, even = np.cumsum(crowd.consensus)[:-1] / len(crowd.starts), _even(crowd.n_units)
    both = _area(batch, even, at) + np.abs(theirs - even) @ np.diff(at)
    return divided(_area(batch, theirs, at), both)


def _even(n_units: int) -> np.ndarray:
    """Share of the boundaries up to each unit but the last, if every unit but the first had one."""
    return np.arange(n_units - 1) / max(n_units - 1, 1)


def _area(batch: Partitions, other: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Area between each partition's cumulative distribution and another's, which is W1 on a line."""
    share = batch.cumulative[:, 1:-1] / np.maximum(batch.counts, 1)[:, None]
    share -= other
    np.abs(share, out=share)
    return np.where(batch.counts > 0, share @ np.diff(at), np.nan)
