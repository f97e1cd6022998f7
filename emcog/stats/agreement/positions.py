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


def around(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """W1 with the story closed to a circle of units, the shorter way round: what is tested, whatever the variant.

    Moving a segmentation around the story changes how far it lies from an even spread on the line, and by that most of
    its W1 where boundaries cluster: W1 itself is below or above its shifts too often (analyses/calibration.py). On the
    circle a shift changes nothing but the place. The area between the cumulative distributions is taken about its
    median, which makes it the same wherever the circle is cut.

    Source: Rabin, Delon & Gousseau (2011), Transportation distances on the circle.
    """
    return batch.once(crowd, "around", lambda: _around(batch, crowd))


def count_ratio(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """The segmentation's number of boundaries over the crowd's."""
    return batch.counts / len(crowd.starts)


def _w1(batch: Partitions, crowd: Crowd, at: np.ndarray) -> np.ndarray:
    """Area between each partition's cumulative distribution and the crowd's, which is W1 on a line."""
    share = batch.cumulative[:, 1:-1] / np.maximum(batch.counts, 1)[:, None]
    share -= np.cumsum(crowd.consensus)[:-1] / len(crowd.starts)
    return np.where(batch.counts > 0, np.abs(share, out=share) @ np.diff(at), np.nan)


def _around(batch: Partitions, crowd: Crowd) -> np.ndarray:
    value, width = _apart(batch, crowd)
    order = np.argsort(value, axis=1)
    half = 2 * np.cumsum(np.take_along_axis(width, order, 1), axis=1) >= width.sum(1, keepdims=True)
    median = np.take_along_axis(value, np.take_along_axis(order, half.argmax(1)[:, None], 1), 1)
    return np.where(batch.counts > 0, (np.abs(value - median) * width).sum(1), np.nan)


def _apart(batch: Partitions, crowd: Crowd) -> tuple[np.ndarray, np.ndarray]:
    """Each partition's cumulative distribution less the crowd's, and over how many units each value holds.

    Two arrays (n_partitions, pieces), a piece after every boundary of either side and one before the first: fewer by
    far than units.
    """
    own, theirs, end = batch.counts, crowd.starts, batch.n_units - 1
    rows, units = batch.places
    most = int(own.max(initial=0))
    column = np.arange(len(units)) - (np.cumsum(own) - own)[rows]
    place = np.full((len(batch), most + len(theirs)), end)  # what stays so is a piece of no width
    step = np.zeros(place.shape)
    place[rows, column], step[rows, column] = units, 1 / own[rows]
    place[:, most:], step[:, most:] = theirs, -1 / len(theirs)
    order = np.argsort(place, axis=1, kind="stable")
    place, value = np.take_along_axis(place, order, 1), np.cumsum(np.take_along_axis(step, order, 1), axis=1)
    width = np.diff(place, axis=1, prepend=0, append=end)
    return np.concatenate([np.zeros((len(batch), 1)), value], axis=1), width
