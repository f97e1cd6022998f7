"""Logistic and Poisson models by iterated weighted least squares, as often as cross-validation needs them.

What is reported comes from statsmodels; these fits give held-out log-likelihoods and expected values, and equal it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emcog.options import check_choice

FAMILIES = ("logistic", "poisson")
STEPS = 50
SINGULAR = 1e-10
"""Share of the largest information below which a direction has none."""


@dataclass(frozen=True, eq=False)
class Glm:
    """A fitted model: coefficients (k,), expected value a trial (n,), weights (n,) and whether it converged."""

    family: str
    coefficients: np.ndarray
    expected: np.ndarray
    weights: np.ndarray
    converged: bool


def fit(X: np.ndarray, y: np.ndarray, size: np.ndarray, family: str) -> Glm:
    """Fit by maximum likelihood.

    Parameters
    ----------
    X : (n, k), the intercept's ones among its columns. y : (n,), successes of `size` trials (logistic) or a count over
        an exposure of `size` (poisson). size : (n,), positive.

    Source: Nelder & Wedderburn (1972).
    """
    check_choice("family", family, FAMILIES)
    rate = (y.sum() + 0.5) / (size.sum() + 1)
    b = np.linalg.lstsq(X, np.full(len(y), np.log(rate / (1 - rate)) if family == "logistic" else np.log(rate)),
                        rcond=None)[0]  # fmt: skip
    old, move, converged = -np.inf, np.zeros_like(b), False
    for _ in range(STEPS):
        mean = _mean(np.clip(X @ b, -30, 30), family)
        now = float(log_likelihood(y, size, mean, family).sum())
        if now < old - 1e-10 * (abs(old) + 1):  # too far: half the way back
            move /= 2
            b = b - move
            continue
        if abs(now - old) <= 1e-10 * (abs(now) + 1):
            converged = True
            break
        old = now
        weight = size * (mean * (1 - mean) if family == "logistic" else mean)
        information = (X * weight[:, None]).T @ X
        # In units of each column's own information, so that a column that foretells the outcome wholly, whose
        # information is used up, stops moving and moves no other.
        unit = np.sqrt(np.maximum(np.diagonal(information), np.finfo(float).tiny))
        score = X.T @ (y - size * mean)
        move = np.linalg.lstsq(information / np.outer(unit, unit), score / unit, rcond=SINGULAR)[0] / unit
        b = b + move
    mean = _mean(np.clip(X @ b, -30, 30), family)
    weight = size * (mean * (1 - mean) if family == "logistic" else mean)
    return Glm(family, b, mean, weight, converged)


def log_likelihood(y: np.ndarray, size: np.ndarray, mean: np.ndarray, family: str) -> np.ndarray:
    """Each row's log-likelihood in nats without the part that does not depend on the mean. (n,)."""
    mean = np.clip(mean, 1e-12, 1 - 1e-12 if family == "logistic" else None)
    if family == "logistic":
        return y * np.log(mean) + (size - y) * np.log1p(-mean)
    return y * np.log(mean) - size * mean


def held_out(X: np.ndarray, y: np.ndarray, size: np.ndarray, fold: np.ndarray, family: str) -> np.ndarray:
    """Each row's log-likelihood under the model fitted to the other folds, nats (the constant left out). (n,)."""
    out = np.empty(len(y))
    for label in np.unique(fold):
        test = fold == label
        b = fit(X[~test], y[~test], size[~test], family).coefficients
        mean = _mean(np.clip(X[test] @ b, -30, 30), family)
        out[test] = log_likelihood(y[test], size[test], mean, family)
    return out


def totals_without(
    X: np.ndarray, y: np.ndarray, size: np.ndarray, fold: np.ndarray, stretch: np.ndarray, family: str
) -> np.ndarray:
    """Sum of `held_out` where each stretch in turn is not there at all, neither to score nor to fit. (n_stretches,).

    A fit without a stretch is one Newton step from the fit with it, and what it says of a fold is expanded to second
    order. stretch : (n,), numbers from 0, each within one fold.
    """
    parts = rows_of(stretch)
    own = np.array([fold[part[0]] for part in parts])
    out = np.zeros(len(parts))
    for label in np.unique(fold):
        test, here = fold == label, own == label
        fitted = fit(X[~test], y[~test], size[~test], family).coefficients
        mean = _mean(np.clip(X @ fitted, -30, 30), family)
        value = log_likelihood(y, size, mean, family)
        weight = size * (mean * (1 - mean) if family == "logistic" else mean)
        score = np.array([(y - size * mean)[part] @ X[part] for part in parts])
        information = np.array([(X[part] * weight[part, None]).T @ X[part] for part in parts])
        rest = information[~here].sum(0) - information[~here]
        move = -np.einsum("gij,gj->gi", inverse(rest), score[~here])
        bend = np.einsum("gi,ij,gj->g", move, information[here].sum(0), move)
        out[~here] += value[test].sum() + move @ score[here].sum(0) - bend / 2
        out[here] += value[test].sum() - np.array([value[part].sum() for part in parts])[here]
    return out


def inverse(information: np.ndarray) -> np.ndarray:
    """Pseudo-inverse (..., k, k): directions without information stay without."""
    return np.linalg.pinv(information, rcond=SINGULAR, hermitian=True)


def rows_of(stretch: np.ndarray) -> list[np.ndarray]:
    """The rows of each stretch (numbers from 0), in order."""
    order = np.argsort(stretch, kind="stable")
    edges = np.flatnonzero(np.diff(stretch[order], prepend=-1, append=stretch.max() + 1))
    return [order[a:b] for a, b in pairwise(edges)]


def _mean(eta: np.ndarray, family: str) -> np.ndarray:
    return 1 / (1 + np.exp(-eta)) if family == "logistic" else np.exp(eta)
