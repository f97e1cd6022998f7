"""A window of the graph cut in two, at every place at once: the arithmetic of boundary refinement.

One running sum along the rows of the window gives everything: its last column is the degrees; its diagonal is what
each token adds to the part before it, and with the degrees that yields the weight inside both parts of every split.
So a window of w tokens costs w^2 additions, for all its w - 1 splits together.
"""

from typing import NamedTuple

import numpy as np


class SplitSums(NamedTuple):
    """Sums of a window split before its token t, for t = 1 to w - 1 (entry t - 1); float64 (w - 1,), `total` a float.

    left_in, right_in : weight inside the part before and the part from t on. left_vol : volume of the part before.
        total: 2m.
    """

    left_in: np.ndarray
    right_in: np.ndarray
    left_vol: np.ndarray
    total: float


def split_sums(window: np.ndarray) -> SplitSums:
    """Sums of every split of a symmetric window, shape (w, w), into two parts."""
    running = np.cumsum(window, axis=1, dtype=np.float64)
    before = running.diagonal()  # sum over j <= i of A_ij
    left_in = np.cumsum(2 * before - window.diagonal())
    left_vol = np.cumsum(running[:, -1])
    total = float(left_vol[-1])
    left_in, left_vol = left_in[:-1], left_vol[:-1]
    # the rest of the total after both orders of the cut, left_vol - left_in, are taken off
    return SplitSums(left_in, total - 2 * left_vol + left_in, left_vol, total)


def split_scores(sums: SplitSums, metric: str, volume: str = "degree") -> np.ndarray:
    """Score of every split as `emcog.graph.scores` defines it, larger is better (conductance with its sign turned).

    NaN where a denominator is not positive; but a split that no weight crosses, with weight on both sides, has an
    infinite intra/inter similarity, as the best that there can be. The volume of a part is its sum of degrees, or with
    "internal" the weight inside it.
    """
    left_in, right_in, left_vol, total = sums
    right_vol = total - left_vol
    cut = _clean(left_vol - left_in, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "modularity":
            if total <= 0:
                return np.full(left_in.shape, np.nan)
            return (left_in + right_in) / total - (left_vol**2 + right_vol**2) / total**2
        if metric == "conductance":
            parts = np.minimum(left_vol, right_vol) if volume == "degree" else np.minimum(left_in, right_in)
            parts = _clean(parts, total)
            return np.where(parts > 0, -cut / parts, np.nan)
        left = np.arange(1, len(left_in) + 1)
        right = len(left_in) + 1 - left
        inside = left_in / left**2 + right_in / right**2
        ratio = inside / 2 / (cut / (left * right))
        return np.where((cut > 0) | ((cut == 0) & (left_in > 0) & (right_in > 0)), ratio, np.nan)


def reference_scores(sums: SplitSums, metric: str) -> np.ndarray:
    """Score of every split as the authors' released code computes it, larger is better.

    Modularity is half the usual value. Conductance compares the weight inside a part with all the rest of the total,
    cut included in both orders, takes the better of the two parts, and counts a volume of 0 as 1e-15. Nothing is
    excluded.
    """
    left_in, right_in, left_vol, total = sums
    cut = left_vol - left_in
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "modularity":
            right_vol = total - left_vol
            return (left_in + right_in - (left_vol**2 + right_vol**2) / total) / (2 * total)
        if metric == "conductance":
            return -np.minimum(_reference_part(cut, left_in, total), _reference_part(cut, right_in, total))
        left = np.arange(1, len(left_in) + 1)
        right = len(left_in) + 1 - left
        return (left_in / left**2 + right_in / right**2) / (2 * cut / (left * right))


def _reference_part(cut: np.ndarray, inside: np.ndarray, total: float) -> np.ndarray:
    smaller = np.minimum(inside, total - inside)
    return cut / np.where(smaller == 0, 1e-15, smaller)


def _clean(values: np.ndarray, total: float) -> np.ndarray:
    """Exactly 0 where the running sums left only rounding."""
    return np.where(np.abs(values) <= 1e-13 * abs(total), 0, values)
