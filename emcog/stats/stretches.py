"""The error of a coefficient where neighbouring words are alike: what it would be without each stretch of the story."""

from itertools import pairwise
from typing import Any

import numpy as np

from emcog.stats.glm import SINGULAR

SIZE = 50
"""Words of a stretch: residuals and signals so far apart are as good as independent."""


def jackknife_errors(X: np.ndarray, residual: np.ndarray, weight: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Standard errors of a regression's coefficients, a stretch of words left out in turn.

    Each fit without a stretch is one Newton step from the whole fit, which for a linear model is exact. No model of
    what lies within a stretch is needed: rows of it may be alike, and so may observers of the same words.

    Parameters
    ----------
    X : (n, k), the intercept's ones among its columns.
    residual : (n,), outcome less its expected value (sums over trials, not shares).
    weight : (n,), the variance that the model gives each outcome, in the link that X's coefficients have (1 if linear).
    stretch : (n,), numbers from 0.

    Returns
    -------
    float64 (k,); NaN with fewer than two stretches.

    Source: delete-a-group jackknife, Tukey (1958); as a sandwich it is CR3 (Bell & McCaffrey, 2002).
    """
    order = np.argsort(stretch, kind="stable")
    edges = np.flatnonzero(np.diff(stretch[order], prepend=-1, append=stretch.max() + 1))
    parts = [order[a:b] for a, b in pairwise(edges)]
    if len(parts) < 2:
        return np.full(X.shape[1], np.nan)
    information = np.array([(X[part] * weight[part, None]).T @ X[part] for part in parts])
    score = np.array([residual[part] @ X[part] for part in parts])
    rest = information.sum(0) - information
    # In units of each column's own information: a control that foretells the outcome wholly (every boundary follows a
    # sentence's end) leaves a direction without any, in which nothing can be said and by which nothing may be moved.
    unit = np.sqrt(np.maximum(np.diagonal(information.sum(0)), np.finfo(float).tiny))
    inverse = np.linalg.pinv(rest / np.outer(unit, unit), rcond=SINGULAR, hermitian=True)
    moved = -np.einsum("gij,gj->gi", inverse, score / unit) / unit
    return np.sqrt((len(parts) - 1) / len(parts) * ((moved - moved.mean(0)) ** 2).sum(0))


def t_interval(estimate: float, error: float, n_stretches: int) -> dict[str, Any]:
    """Interval and test of a coefficient with its jackknife error: columns ci_low, ci_high, z, p and null_model.

    Student's t with (stretches - 1) degrees of freedom; z is the estimate over its error.
    """
    from scipy.stats import t

    df = n_stretches - 1
    if df < 1 or not error > 0:
        return {"ci_low": np.nan, "ci_high": np.nan, "z": np.nan, "p": np.nan, "null_model": f"t({df}), stretches"}
    reach, ratio = t.ppf(0.975, df) * error, estimate / error
    return {"ci_low": estimate - reach, "ci_high": estimate + reach, "z": ratio, "p": 2 * t.sf(abs(ratio), df),
            "null_model": f"t({df}), stretches"}  # fmt: skip
