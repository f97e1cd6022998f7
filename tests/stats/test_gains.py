"""The interval of a held-out gain against fits by statsmodels without each stretch."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t

from emcog.stats import glm, linear
from emcog.stats.gains import fitted_glm, fitted_linear, gain_interval
from emcog.stats.resampling import jackknifed_root
from emcog.stats.stretches import effect_error, jackknife_errors

N, STRETCHES, BASE = 240, 8, 2
STRETCH = np.arange(N) * STRETCHES // N


def made(kind, effect):
    """Outcome, columns (two of the base, two predictors that go along) and trials."""
    rng = np.random.default_rng(3)
    a, b, control = rng.normal(size=(3, N))
    X = np.column_stack([np.ones(N), control, a, 0.6 * a + 0.8 * b])
    eta, size = 0.3 * control + effect * (a - 0.5 * b), np.full(N, 5.0)
    if kind == "linear":
        return eta + rng.normal(size=N), X, size
    if kind == "logistic":
        return rng.binomial(5, 1 / (1 + np.exp(-eta))).astype(float), X, size
    return rng.poisson(5 * np.exp(eta)).astype(float), X, size


def by_statsmodels(kind, y, X, size):
    if kind == "linear":
        return sm.OLS(y, X).fit()
    if kind == "logistic":
        return sm.GLM(np.column_stack([y, size - y]), X, family=sm.families.Binomial()).fit()
    return sm.GLM(y, X, family=sm.families.Poisson(), exposure=size).fit()


def fitted(kind, y, X, size):
    return fitted_linear(y, X) if kind == "linear" else fitted_glm(y, X, size, kind)


@pytest.mark.parametrize("kind", ["linear", "logistic", "poisson"])
def test_fits_are_those_of_statsmodels(kind):
    y, X, size = made(kind, 0.4)
    ours, theirs = fitted(kind, y, X, size), by_statsmodels(kind, y, X, size)
    assert ours.coefficients == pytest.approx(theirs.params, rel=1e-5)
    small = fitted(kind, y, X[:, :BASE], size), by_statsmodels(kind, y, X[:, :BASE], size)
    gained = ours.log_likelihood - small[0].log_likelihood
    assert gained == pytest.approx(theirs.llf - small[1].llf, rel=1e-6)
    assert X.T @ ours.residual == pytest.approx(np.zeros(4), abs=1e-4)
    covariance = np.linalg.inv((X * ours.weight[:, None]).T @ X)
    free = N / (N - 4) if kind == "linear" else 1.0  # statsmodels' variance is not the most likely one
    assert covariance * free == pytest.approx(theirs.cov_params(), rel=1e-4)


@pytest.mark.parametrize("kind", ["linear", "logistic", "poisson"])
def test_the_error_of_an_effect_is_that_of_fits_without_each_stretch(kind):
    y, X, size = made(kind, 0.4)
    ours, theirs = fitted(kind, y, X, size), by_statsmodels(kind, y, X, size)
    found = effect_error(X, ours.residual, ours.weight, STRETCH, ours.coefficients, BASE)
    b = theirs.params[BASE:]
    beside = np.linalg.inv(np.linalg.inv((X * ours.weight[:, None]).T @ X)[BASE:, BASE:])
    without = [by_statsmodels(kind, *(x[g != STRETCH] for x in (y, X, size))).params[BASE:] for g in range(STRETCHES)]
    along = np.array(without) @ beside @ b / (b @ beside @ b)
    error = np.sqrt((STRETCHES - 1) / STRETCHES * np.sum((along - along.mean()) ** 2))
    assert found == pytest.approx(error, rel=1e-6 if kind == "linear" else 0.05)


def test_the_error_of_one_column_is_its_own():
    y, X, _ = made("linear", 0.4)
    X = X[:, :3]
    fit = fitted_linear(y, X)
    alone = jackknife_errors(X, fit.residual, fit.weight, STRETCH).errors[-1] / abs(fit.coefficients[-1])
    assert effect_error(X, fit.residual, fit.weight, STRETCH, fit.coefficients, 2) == pytest.approx(alone)


@pytest.mark.parametrize("effect", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_the_upper_limit_is_not_below_what_the_effect_could_gain(kind, effect):
    y, X, size = made(kind, effect)
    fits = [fitted(kind, y, columns, size) for columns in (X[:, :BASE], X)]
    fold = STRETCH % 4
    held = [(linear.held_out(y, f.X, fold) if kind == "linear" else glm.held_out(f.X, y, size, fold, kind))
            for f in fits]  # fmt: skip
    gain = float((held[1] - held[0]).mean())
    totals = [(linear.totals_without(y, f.X, fold, STRETCH) if kind == "linear" else
               glm.totals_without(f.X, y, size, fold, STRETCH, kind)) for f in fits]  # fmt: skip
    without = (totals[1] - totals[0]) / (N - N // STRETCHES)
    low, high = gain_interval(gain, without, *fits, STRETCH)
    root = jackknifed_root(gain, without)
    error = effect_error(X, fits[1].residual, fits[1].weight, STRETCH, fits[1].coefficients, BASE)
    whole = (fits[1].log_likelihood - fits[0].log_likelihood) / N
    reached = whole * (1 + t.ppf(0.975, STRETCHES - 1) * error) ** 2
    assert low == root[0] <= gain <= high
    assert high == pytest.approx(max(root[1], reached - (whole - gain) / 2))


def test_with_one_stretch_there_is_no_interval():
    y, X, _ = made("linear", 0.4)
    fits = [fitted_linear(y, columns) for columns in (X[:, :BASE], X)]
    assert np.isnan(gain_interval(0.1, np.array([0.1]), *fits, np.zeros(N, dtype=int))).all()


def test_what_gains_nothing_where_it_is_fitted_has_the_root_s_interval():
    y, X, _ = made("linear", 0.4)
    same = fitted_linear(y, X)
    without = np.linspace(-0.02, 0.01, STRETCHES)
    assert gain_interval(-0.01, without, same, same, STRETCH) == jackknifed_root(-0.01, without)
