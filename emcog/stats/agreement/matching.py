"""Precision, recall and F1 at a tolerance: each boundary of one side matches at most one of the other.

Among boundaries on a line that match when at most a tolerance apart, taking those of the crowd from left to right,
each with the earliest that is still free, gives as many pairs as the best assignment does (the intervals are equally
long, so an exchange never loses a pair); tests compare with scipy's linear_sum_assignment.
"""

import numpy as np

from emcog.errors import OptionError
from emcog.human import Crowd
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions

_HAIR = 1e-9  # 0.3 - 0.1 is 0.2 to a reader, if not to a computer


def positions(crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Where units begin, in the unit of the tolerance. float array (n_units,)."""
    if settings.tolerance_unit == "unit":
        return np.arange(crowd.n_units, dtype=np.float64)
    if not crowd.timed:
        raise OptionError("a tolerance in seconds needs times, and these units have none: give it in units")
    return crowd.at


def reach(crowd: Crowd, settings: AgreementSettings) -> tuple[np.ndarray, np.ndarray]:
    """Units within the tolerance of each of the crowd's boundaries, half-open: two int64 arrays (n_boundaries,)."""
    at = positions(crowd, settings)
    own = at[crowd.starts]
    low = np.searchsorted(at, own - settings.tolerance - _HAIR, side="left")
    high = np.searchsorted(at, own + settings.tolerance + _HAIR, side="right")
    return low, high


def matches(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Most pairs that one-to-one matching can make, int64 array (n_partitions,)."""
    return batch.once(crowd, ("matches", settings), lambda: _matches(batch, crowd, settings))


def _matches(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    low, high = reach(crowd, settings)
    # A partition's boundaries are numbered from 0; those in reach of a boundary of the crowd are [first, last).
    return _pairs(batch.cumulative[:, low], batch.cumulative[:, high])


def count_matches(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> int:
    """Most pairs of two lists of places, a pair at most `tolerance` apart, each place in one pair at most.

    Parameters
    ----------
    ours, theirs : increasing, in any unit (seconds between units, say, which a `Crowd` cannot hold).

    >>> count_matches(np.array([8, 10]), np.array([9, 12, 30]), 2)
    2
    """
    first = np.searchsorted(ours, np.asarray(theirs) - tolerance - _HAIR, side="left")
    last = np.searchsorted(ours, np.asarray(theirs) + tolerance + _HAIR, side="right")
    return int(_pairs(first[None], last[None])[0])


def _pairs(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Pairs where boundary h of the crowd may take ours from first to last, (n_partitions, n_crowd) each."""
    free = np.zeros(len(first), dtype=first.dtype)  # the first that is not taken yet
    count = np.zeros(len(first), dtype=np.int64)
    for h in range(first.shape[1]):
        np.maximum(free, first[:, h], out=free)
        hit = free < last[:, h]
        count += hit
        free += hit
    return count


def precision(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the segmentation's boundaries that match; NaN without any."""
    return divided(matches(batch, crowd, settings), batch.counts)


def recall(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the crowd's boundaries that are matched."""
    return matches(batch, crowd, settings) / len(crowd.starts)


def f1(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Harmonic mean of precision and recall: twice the matches over both counts; 0 without matches."""
    return 2 * matches(batch, crowd, settings) / (batch.counts + len(crowd.starts))


def divided(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the denominator is 0."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)
