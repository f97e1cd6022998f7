"""Pk and WindowDiff: how often a probe of fixed width finds the two segmentations at odds.

Sources: Beeferman, Berger & Lafferty (1999); Pevzner & Hearst (2002).
"""

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions

HALF_EVENT = "half the mean event"


def window_of(crowd: Crowd, settings: AgreementSettings) -> int:
    """Width of the probe in units: half the mean event of the consensus, rounded (half to even), 2 or more."""
    if settings.window is not None:
        return settings.window
    return max(2, round(crowd.n_units / (len(crowd.starts) + 1) / 2))


def pk(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the pairs of units a window apart on which the two disagree whether they lie in one event.

    0 is agreement. NaN where the story is no longer than the window. Equal to segeval's and nltk's.
    """
    ours, theirs = _inside(batch, crowd, settings)
    return _share((ours > 0) != (theirs > 0))


def window_diff(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the windows in which the two have different numbers of boundaries.

    0 is agreement. NaN where the story is no longer than the window. Equal to segeval's and nltk's.
    """
    ours, theirs = _inside(batch, crowd, settings)
    return _share(ours != theirs)


def _inside(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> tuple[np.ndarray, np.ndarray]:
    """Boundaries between unit i and unit i + window, of each partition and of the crowd."""
    window = window_of(crowd, settings)
    own = np.concatenate([[0], np.cumsum(crowd.consensus, dtype=np.int32)])[1:]
    counts = batch.cumulative[:, 1:]
    return counts[:, window:] - counts[:, :-window], own[window:] - own[:-window]


def _share(odd: np.ndarray) -> np.ndarray:
    return np.full(len(odd), np.nan) if odd.shape[1] == 0 else np.count_nonzero(odd, axis=1) / odd.shape[1]
