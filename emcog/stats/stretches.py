"""The error of a coefficient where neighbouring words are alike: what it would be without each stretch of the story."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emcog.stats.glm import inverse, rows_of

SIZE = 50
"""Words of a stretch: residuals and signals so far apart are as good as independent."""


@dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors (k,) of a regression's coefficients over stretches, and the degrees of freedom (k,) of each."""

    errors: np.ndarray
    freedom: np.ndarray


def jackknife_errors(X: np.ndarray, residual: np.ndarray, weight: np.ndarray, stretch: np.ndarray) -> Errors:
    """Standard errors of a regression's coefficients, a stretch of words left out in turn.

    Each fit without a stretch is one Newton step from the whole fit, which for a linear model is exact. No model of
    what lies within a stretch is needed: rows of it may be alike, and so may observers of the same words.

    The degrees of freedom are those of the chi-square that has the mean and variance of the squared error where the
    model's own variances hold (Satterthwaite's): fewer than stretches - 1 where some stretches say more than others.

    Parameters
    ----------
    X : (n, k), the intercept's ones among its columns.
    residual : (n,), outcome less its expected value (sums over trials, not shares).
    weight : (n,), the variance that the model gives each outcome, in the link that X's coefficients have (1 if linear).
    stretch : (n,), numbers from 0.

    Returns
    -------
    Errors; NaN with fewer than two stretches.

    Source: delete-a-group jackknife, Tukey (1958); as a sandwich it is CR3 (Bell & McCaffrey, 2002, whose degrees of
    freedom these are; for the jackknife Hansen, 2022).
    """
    if len(np.unique(stretch)) < 2:
        return Errors(*np.full((2, X.shape[1]), np.nan))
    left = _leave_out(X, residual, weight, stretch)
    errors = np.sqrt(np.diagonal(left.covariance())) / left.unit
    return Errors(errors, _freedom(left.information, left.others, inverse(left.information.sum(0))))


def effect_error(
    X: np.ndarray, residual: np.ndarray, weight: np.ndarray, stretch: np.ndarray, b: np.ndarray, n_base: int
) -> float:
    """The error over stretches of what some columns do together, as a share of it.

    What they do is the root of b' V b, V the information of their coefficients b beside the other columns: the expected
    likelihood ratio. Its error is that of the combination of coefficients by which it grows.

    Parameters
    ----------
    X, residual, weight, stretch : as in `jackknife_errors`. b : (k,), the fit's coefficients.
    n_base : how many of the first columns are the others.
    """
    left = _leave_out(X, residual, weight, stretch)
    whole, own = left.information.sum(0), slice(n_base, None)
    b = (b * left.unit)[own]
    beside = whole[own, own] - whole[own, :n_base] @ inverse(whole[:n_base, :n_base]) @ whole[:n_base, own]
    grows = beside @ b
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt(grows @ left.covariance()[own, own] @ grows) / (b @ grows))


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """A regression without each of its stretches.

    Coefficients are in units of each column's own information (`unit`, (k,)): a control that foretells the outcome
    wholly (every boundary follows a sentence's end) leaves a direction without any, in which nothing can be said and by
    which nothing may be moved.

    information : (g, k, k), of each stretch. others : (g, k, k), inverse of that of all others together.
    moved : (g, k), by how much coefficients move when it is left out.
    """

    unit: np.ndarray
    information: np.ndarray
    others: np.ndarray
    moved: np.ndarray

    def covariance(self) -> np.ndarray:
        """The coefficients' jackknife covariance (k, k)."""
        n, off = len(self.moved), self.moved - self.moved.mean(0)
        return (n - 1) / n * off.T @ off


def _leave_out(X: np.ndarray, residual: np.ndarray, weight: np.ndarray, stretch: np.ndarray) -> _LeftOut:
    parts = rows_of(stretch)
    information = np.array([(X[part] * weight[part, None]).T @ X[part] for part in parts])
    score = np.array([residual[part] @ X[part] for part in parts])
    unit = np.sqrt(np.maximum(np.diagonal(information.sum(0)), np.finfo(float).tiny))
    information = information / np.outer(unit, unit)
    others = inverse(information.sum(0) - information)
    return _LeftOut(unit, information, others, -np.einsum("gij,gj->gi", others, score / unit))


def _freedom(information: np.ndarray, without: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Satterthwaite's degrees of freedom of each coefficient's squared error.

    Without stretch g a coefficient moves by -a_g' s_g, a_g a row of (sum of the other stretches' information)^-1 and
    s_g the stretch's score of residuals, whose covariance with s_h is I_g - I_g A I_g where g = h and -I_g A I_h
    elsewhere, A the inverse of the whole information.
    """
    out = np.empty(len(whole))
    for j in range(len(out)):
        reach = np.einsum("gi,gij->gj", without[:, j], information)  # a_g' I_g
        spread = np.diag(np.einsum("gi,gi->g", reach, without[:, j])) - reach @ whole @ reach.T
        spread = spread - spread.mean(0)  # the squared error is about the mean
        spread = spread - spread.mean(1, keepdims=True)
        total = np.trace(spread)
        out[j] = total**2 / np.sum(spread**2) if total > 0 else np.nan
    return out


def t_interval(estimate: float, error: float, df: float) -> dict[str, Any]:
    """Interval and test of a coefficient with its jackknife error: columns ci_low, ci_high, z, p and null_model.

    Student's t with `df` degrees of freedom; z is the estimate over its error.
    """
    from scipy.stats import t

    if not (df > 0 and error > 0):
        return {"ci_low": np.nan, "ci_high": np.nan, "z": np.nan, "p": np.nan, "null_model": "t, stretches"}
    reach, ratio = t.ppf(0.975, df) * error, estimate / error
    return {"ci_low": estimate - reach, "ci_high": estimate + reach, "z": ratio, "p": 2 * t.sf(abs(ratio), df),
            "null_model": "t, stretches"}  # fmt: skip
