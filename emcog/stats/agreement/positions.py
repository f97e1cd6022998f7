"""Wasserstein distance between boundary positions as unit masses, and the ratio of counts that must stand beside it.

After Fountas et al. (2025), section 4.2: each segmentation is a distribution with equal mass at every boundary.
"""

import numpy as np

from emcog.human import Crowd
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


def count_ratio(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """The segmentation's number of boundaries over the crowd's."""
    return batch.counts / len(crowd.starts)


def _w1(batch: Partitions, crowd: Crowd, at: np.ndarray) -> np.ndarray:
    # W1 on a line is the area between the two cumulative distributions.
    theirs = np.cumsum(crowd.consensus) / len(crowd.starts)
    some = batch.counts > 0
    share = batch.cumulative[:, 1:-1] / np.maximum(batch.counts, 1)[:, None]
    share -= theirs[:-1]
    np.abs(share, out=share)
    return np.where(some, share @ np.diff(at), np.nan)
