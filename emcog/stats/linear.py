"""Gaussian linear models: ordinary and mixed, and what one predicts of words that it was not fitted to."""

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from emcog.stats.glm import rows_of
from emcog.stats.stretches import jackknife_errors

Z975 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model: what later tests need of it.

    names : of the coefficients, in the order of `coefficients` and `errors` (the intercept is left out).
    kind : what was fitted, in words. log_likelihood : by maximum likelihood, nats. variances : of rows and of groups.
    expected : (n,), share expected of each row, where only the fitting knows it. converged : whether its errors hold.
    """

    names: tuple[str, ...]
    coefficients: np.ndarray
    errors: np.ndarray
    log_likelihood: float
    kind: str
    note: str = ""
    variances: tuple[float, float] = (1.0, 0.0)
    expected: np.ndarray | None = None
    converged: bool = True

    def wald(self, name: str) -> dict[str, Any]:
        """One coefficient with its interval, z and p."""
        from scipy.stats import norm

        i = self.names.index(name)
        b, se = float(self.coefficients[i]), float(self.errors[i])
        z = b / se if se > 0 else np.nan
        return {"estimate": b, "ci_low": b - Z975 * se, "ci_high": b + Z975 * se, "z": z, "p": 2 * norm.sf(abs(z)),
                "null_model": "Wald"}  # fmt: skip


def mixed(y: np.ndarray, columns: dict[str, np.ndarray], group: np.ndarray) -> Fit:
    """A linear model with a random intercept a group, by maximum likelihood; ordinary with a single group.

    Parameters
    ----------
    y, group : (n,). columns : name -> (n,).

    Where the mixed model does not converge the ordinary one stands in, and the note says so.

    Source: Laird & Ware (1982), by statsmodels.
    """
    import statsmodels.api as sm

    names = tuple(columns)
    raw = np.column_stack([np.empty((len(y), 0)), *columns.values()])
    scale = raw.std(0)
    scale[scale == 0] = 1.0
    X = sm.add_constant(raw / scale, has_constant="add")
    note = ""
    if len(np.unique(group)) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Powell: lbfgs can step to a variance of 0, where statsmodels' likelihood is infinite.
            found = sm.MixedLM(y, X, group).fit(reml=False, method="powell")
        if found.converged and np.isfinite(found.llf) and np.isfinite(found.bse_fe).all():
            b, se = found.fe_params[1:] / scale, found.bse_fe[1:] / scale
            variances = float(found.scale), float(np.asarray(found.cov_re)[0, 0])
            return Fit(names, b, se, float(found.llf), "mixed, random intercepts", variances=variances)
        note = "the mixed model did not converge"
    found = sm.OLS(y, X).fit()
    b, se = found.params[1:] / scale, found.bse[1:] / scale
    return Fit(names, b, se, float(found.llf), "ordinary least squares", note)


def stretch_errors(fit: Fit, y: np.ndarray, columns: dict[str, np.ndarray], group: np.ndarray, stretch: np.ndarray
                   ) -> dict[str, tuple[float, float]]:  # fmt: skip
    """Each coefficient's standard error over stretches of words and its degrees of freedom, by name.

    See `emcog.stats.stretches`.

    A random intercept is taken out as generalised least squares does: of each row the part of its group's mean that
    the variances of `fit` give. stretch : (n,), numbers from 0.
    """
    rows, groups = fit.variances
    number, n = np.unique(group, return_inverse=True, return_counts=True)[1:]
    share = 1 - np.sqrt(rows / (rows + n * groups))
    raw = np.column_stack([y, np.ones(len(y)), *columns.values()])
    scale = np.where(raw.std(0) > 0, raw.std(0), 1.0)
    raw = raw / scale
    means = np.stack([np.bincount(number, column) / n for column in raw.T], axis=1)
    free = raw - (share[:, None] * means)[number]
    b = np.linalg.lstsq(free[:, 1:], free[:, 0], rcond=None)[0]
    found = jackknife_errors(free[:, 1:], free[:, 0] - free[:, 1:] @ b, np.ones(len(y)), stretch)
    errors = (found.errors * scale[0] / scale[1:])[1:]
    return dict(zip(columns, zip(errors.tolist(), found.freedom[1:].tolist(), strict=True), strict=True))


def likelihood_ratio(small: Fit, full: Fit) -> dict[str, Any]:
    """Chi-square of two nested models, its degrees of freedom in the note. Source: Wilks (1938)."""
    from scipy.stats import chi2

    df = len(full.names) - len(small.names)
    value = max(0.0, 2 * (full.log_likelihood - small.log_likelihood))
    same = small.kind == full.kind
    return {
        "estimate": value if same else np.nan,
        "p": chi2.sf(value, df) if same else np.nan,
        "null_model": f"chi2({df})",
        "note": full.note or small.note,
    }


def held_out(y: np.ndarray, X: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each row's log density (nats) under a Gaussian linear model fitted to the rows of the other folds.

    Parameters
    ----------
    y : (n,). X : (n, k), the intercept's ones among its columns. fold : (n,), any labels.

    Returns
    -------
    float64 (n,). The variance is the training rows' residual one (divided by their number).
    """
    out = np.empty(len(y))
    for label in np.unique(fold):
        test = fold == label
        b = np.linalg.lstsq(X[~test], y[~test], rcond=None)[0]
        variance = np.mean((y[~test] - X[~test] @ b) ** 2)
        out[test] = -0.5 * (np.log(2 * np.pi * variance) + (y[test] - X[test] @ b) ** 2 / variance)
    return out


def totals_without(y: np.ndarray, X: np.ndarray, fold: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Sum of `held_out` where each stretch in turn is not there at all, neither to score nor to fit. (n_stretches,).

    stretch : (n,), numbers from 0, each within one fold.
    """
    parts = rows_of(stretch)
    own, n = np.array([fold[part[0]] for part in parts]), np.array([len(part) for part in parts], dtype=float)
    rows = np.column_stack([X, y])
    rows = rows / np.where(rows.any(0), np.abs(rows).max(0), 1.0)
    gram = np.array([rows[part].T @ rows[part] for part in parts])
    out = np.zeros(len(parts))
    for label in np.unique(own):
        here = own == label
        rest, count = gram[~here].sum(0) - gram[~here], n[~here].sum() - n[~here]
        out[~here] += _density(rest, count, gram[here].sum(0)[None], n[here].sum())
        out[here] += _density(gram[~here].sum(0)[None], n[~here].sum(), gram[here].sum(0) - gram[here],
                              n[here].sum() - n[here])  # fmt: skip
    return out - (len(y) - n) * np.log(np.abs(y).max())  # y was scaled


def _density(fitted: np.ndarray, n_fitted: Any, scored: np.ndarray, n_scored: Any) -> np.ndarray:
    """Log density of rows with cross-products `scored` under the fits to those of `fitted`, (n, k + 1, k + 1) each."""
    inverse = np.linalg.pinv(fitted[:, :-1, :-1], rcond=1e-12, hermitian=True)
    b = np.einsum("gij,gj->gi", inverse, fitted[:, :-1, -1])
    tail = np.concatenate([-b, np.ones((len(b), 1))], axis=1)
    variance = ((tail[:, None] @ fitted) @ tail[..., None])[..., 0, 0] / n_fitted
    within = ((tail[:, None] @ scored) @ tail[..., None])[..., 0, 0]
    return -0.5 * (n_scored * np.log(2 * np.pi * variance) + within / variance)


class Folded:
    """Sums of `held_out` for thousands of designs that share their first columns, from cross-products alone.

    Parameters
    ----------
    y : (n,). base : (n, k), the columns that all designs have. fold : (n,), any labels.
    """

    def __init__(self, y: np.ndarray, base: np.ndarray, fold: np.ndarray):
        labels, own = np.unique(fold, return_inverse=True)
        self.order = np.argsort(own, kind="stable")
        edges = np.searchsorted(own[self.order], np.arange(len(labels) + 1))
        self.parts = [slice(a, b) for a, b in pairwise(edges)]
        self.n = np.diff(edges).astype(np.float64)
        self.fixed = np.column_stack([base, y])[self.order]
        self.gram = np.array([self.fixed[part].T @ self.fixed[part] for part in self.parts])

    def total(self, columns: np.ndarray | None = None) -> float:
        """Sum over all rows of their held-out log density (nats) with `columns` (n, j) beside the base."""
        gram = self.gram
        if columns is not None:
            own = columns[self.order]
            cross = np.array([own[part].T @ self.fixed[part] for part in self.parts])
            alone = np.array([own[part].T @ own[part] for part in self.parts])
            gram = np.block([[alone, cross], [cross.transpose(0, 2, 1), gram]])
        rest = gram.sum(0) - gram
        b = np.linalg.solve(rest[:, :-1, :-1], rest[:, :-1, -1:])[..., 0]
        tail = np.concatenate([-b, np.ones((len(b), 1))], axis=1)  # columns @ tail is what the fit leaves of y
        within, without = (np.einsum("fi,fij,fj->f", tail, g, tail) for g in (gram, rest))
        variance = without / (self.n.sum() - self.n)
        return float(-0.5 * (self.n * np.log(2 * np.pi * variance) + within / variance).sum())
