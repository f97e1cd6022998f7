"""Hamming distance at sentence ends: both segmentations moved to the nearest break between sentences.

Source: Michelmann, Kumar, Norman & Toneva (2025), Behavior Research Methods 57, 39.
"""

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions


def hamming(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Share of the breaks between sentences at which one has a boundary and the other has not. 0 is agreement.

    NaN with fewer than two sentences.
    """
    sentences = np.empty(0, dtype=np.int64) if crowd.sentences is None else crowd.sentences
    breaks = sentences[sentences > 0]
    if len(breaks) == 0:
        return np.full(len(batch), np.nan)
    nearest = _nearest_break(crowd, breaks)
    theirs = np.zeros(len(breaks), dtype=bool)
    theirs[nearest[crowd.starts]] = True
    ours = np.zeros((len(batch), len(breaks)), dtype=bool)
    rows, units = batch.places
    ours[rows, nearest[units]] = True
    return np.count_nonzero(ours != theirs, axis=1) / len(breaks)


def _nearest_break(crowd: Crowd, breaks: np.ndarray) -> np.ndarray:
    """For each unit the break between sentences that is nearest in time (or in units), the earlier of two as near."""
    where = crowd.at[breaks]
    right = np.searchsorted(where, crowd.at)
    before, after = np.maximum(right - 1, 0), np.minimum(right, len(breaks) - 1)
    return np.where(np.abs(crowd.at - where[before]) <= np.abs(where[after] - crowd.at), before, after)
