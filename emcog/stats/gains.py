"""The interval of a gain in held-out log-likelihood: what predictors add, by two ways to see how sure that is."""

from dataclasses import dataclass

import numpy as np

from emcog.stats import glm
from emcog.stats.resampling import LEVEL, jackknifed_root
from emcog.stats.stretches import effect_error


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model fitted to all rows.

    X : (n, k). coefficients : (k,). log_likelihood : nats.
    residual, weight : (n,), such that X' residual is the score and X' W X the information in nats.
    """

    X: np.ndarray
    coefficients: np.ndarray
    log_likelihood: float
    residual: np.ndarray
    weight: np.ndarray


def fitted_linear(y: np.ndarray, X: np.ndarray) -> Fitted:
    """A Gaussian linear model by maximum likelihood, as `emcog.stats.linear.held_out` fits it."""
    b = np.linalg.lstsq(X, y, rcond=None)[0]
    residual, n = y - X @ b, len(y)
    variance = float(np.mean(residual**2))
    likelihood = -0.5 * n * (np.log(2 * np.pi * variance) + 1)
    return Fitted(X, b, likelihood, residual / variance, np.full(n, 1 / variance))


def fitted_glm(y: np.ndarray, X: np.ndarray, size: np.ndarray, family: str) -> Fitted:
    """A logistic or Poisson model, see `emcog.stats.glm.fit`."""
    found = glm.fit(X, y, size, family)
    likelihood = float(glm.log_likelihood(y, size, found.expected, family).sum())
    return Fitted(X, found.coefficients, likelihood, y - size * found.expected, found.weights)


def gain_interval(
    held_out: float, without: np.ndarray, small: Fitted, full: Fitted, stretch: np.ndarray
) -> tuple[float, float]:
    """95% interval of a gain in held-out log-likelihood, nats a row: (low, high).

    The gain without each stretch in turn gives its error, on the scale of the signed root (`jackknifed_root`). Above,
    that can be too short: a gain near 0 may be that of an effect which was fitted badly. So the limit is not below what
    the effect's own limit would gain: the fitted gain times (1 + t e)^2, e the effect's error as a share of it
    (`effect_error`), less half of what the gain fell by when words were held out, which is what fitting costs.

    Parameters
    ----------
    held_out : the gain. without : (n_stretches,), what it would be without each of them.
    small, full : the models without and with the predictors, which are the last columns of `full`, fitted to all rows.
    stretch : (n,), numbers from 0.
    """
    from scipy.stats import t

    low, high = jackknifed_root(held_out, without)
    fitted = (full.log_likelihood - small.log_likelihood) / len(stretch)
    if len(without) < 2 or fitted <= 0:
        return low, high
    error = effect_error(full.X, full.residual, full.weight, stretch, full.coefficients, small.X.shape[1])
    reach = t.ppf(0.5 + LEVEL / 2, len(without) - 1) * error
    return low, float(np.fmax(high, fitted * (1 + reach) ** 2 - (fitted - held_out) / 2))
