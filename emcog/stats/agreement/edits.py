"""Boundary Similarity: one minus the cost of editing one segmentation into the other, a boundary at a time.

Source: Fournier (2013), Evaluating text segmentation using boundary edit distance, ACL; equal to segeval's.
"""

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement.measure import AgreementSettings
from emcog.stats.agreement.partitions import Partitions


def boundary_similarity(batch: Partitions, crowd: Crowd, settings: AgreementSettings) -> np.ndarray:
    """Boundary Similarity B, 0 to 1; 1 where both have no boundaries.

    An addition or a deletion costs 1, a transposition over d units d / n_t (d < n_t); the sum is taken over the
    number of edits and exact matches.
    """
    n_t = settings.transposition
    odd = batch.mask.view(np.int8) - crowd.consensus.view(np.int8)  # +1 ours alone, -1 theirs alone
    flat = np.flatnonzero(odd)
    sign = odd.ravel()[flat]
    row, unit = np.divmod(flat, batch.n_units)
    n = len(batch)
    alone = np.bincount(row, minlength=n)
    matched = (batch.counts + len(crowd.starts) - alone) // 2
    moved, cost = np.zeros(n, dtype=np.int64), np.zeros(n)
    for distance in range(1, n_t):
        first, second = _near_misses(row, unit, sign, distance)
        pairs = np.bincount(row[first], minlength=n)
        moved += pairs
        cost += pairs * distance / n_t
        keep = np.ones(len(row), dtype=bool)
        keep[first] = keep[second] = False
        row, unit, sign = row[keep], unit[keep], sign[keep]
    added = alone - 2 * moved
    whole = added + moved + matched
    return np.where(whole == 0, 1.0, 1 - (added + cost) / np.maximum(whole, 1))


def _near_misses(row: np.ndarray, unit: np.ndarray, sign: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of lone boundaries, one of each side, exactly `distance` units apart, taken from the left without overlap.

    Chains run through units of the same remainder, so that each can be paired only with its neighbour in its chain;
    of a run of possible pairs that overlap, the first, third, fifth, ... are taken.
    """
    order = np.lexsort((unit, unit % distance, row)) if distance > 1 else np.arange(len(unit))
    a, b = order[:-1], order[1:]
    possible = (row[a] == row[b]) & (unit[b] - unit[a] == distance) & (sign[a] != sign[b])
    index = np.arange(len(possible))
    before = np.maximum.accumulate(np.where(possible, -1, index)) if len(possible) else index
    chosen = possible & ((index - before) % 2 == 1)
    return a[chosen], b[chosen]
