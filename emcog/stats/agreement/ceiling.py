"""The human ceiling: how well people agree with each other, by the same measure as the segmentation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.measure import AgreementSettings, Measure
from emcog.stats.agreement.partitions import Partitions


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Each observer's agreement with the others.

    Attributes
    ----------
    mean : over the observers for whom it is defined; NaN if none.
    values : float array (n_observers,), NaN where undefined: for an observer without marks, whatever the measure.
    n : observers that count in the mean.
    note : why there is none, or "".
    """

    mean: float
    values: np.ndarray
    n: int
    note: str = ""


def ceiling(
    measure: Measure, crowd: Crowd, settings: AgreementSettings | None = None, variant: str | None = None
) -> Ceiling:
    """Leave-one-observer-out agreement by one measure; for several of them `ceilings` is faster."""
    (only,) = ceilings([(measure, variant)], crowd, settings)
    return only


def ceilings(
    measures: Sequence[tuple[Measure, str | None]], crowd: Crowd, settings: AgreementSettings | None = None
) -> list[Ceiling]:
    """Leave-one-observer-out agreement: each observer's own marks against the consensus and proportion of the others.

    The observer is no part of the consensus that they are compared with (`Crowd.without`). Somebody who marked nothing
    is still part of the others' consensus, and has no agreement of their own, by any measure.

    Parameters
    ----------
    measures : of `MEASURES`, each with the name of a variant or None.
    crowd : with two observers or more; with fewer there is no ceiling, and the note says so.
    settings : as for the segmentation.

    Returns
    -------
    One Ceiling a measure, in their order.
    """
    count = len(crowd.names)
    values = np.full((len(measures), count), np.nan)
    if count < 2:
        note = f"no ceiling: {count} observer{'s' * (count != 1)}"
        return [Ceiling(np.nan, row, 0, note) for row in values]
    reasons: list[set[str]] = [set() for _ in measures]
    for observer in np.flatnonzero(crowd.marked.any(axis=1)).tolist():
        others, own = crowd.without(observer), Partitions(crowd.marked[observer])
        for row, (measure, variant) in enumerate(measures):
            reason = measure.missing(others, variant)
            if reason:
                reasons[row].add(reason)
            else:
                values[row, observer] = measure.score_many(own, others, settings, variant)[0]
    return [_summary(row, why) for row, why in zip(values, reasons, strict=True)]


def _summary(values: np.ndarray, reasons: set[str]) -> Ceiling:
    n = int(np.count_nonzero(~np.isnan(values)))
    if n == 0:
        return Ceiling(np.nan, values, 0, "no ceiling: " + (", ".join(sorted(reasons)) or "undefined for everybody"))
    return Ceiling(float(np.nanmean(values)), values, n)
