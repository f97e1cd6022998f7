"""A control that foretells the outcome wholly, as sentence ends do boundaries: the other coefficients are not hurt."""

import numpy as np
import pytest
import statsmodels.api as sm

from emcog.stats import glm
from emcog.stats.stretches import jackknife_errors


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    n = 2000
    ends = rng.random(n) < 0.1
    x = rng.normal(size=n)
    y = (ends & (rng.random(n) < 1 / (1 + np.exp(1 - x)))).astype(float)
    return ends, x, y


def likelihood(X, y) -> float:
    return float(
        glm.log_likelihood(y, np.ones(len(y)), glm.fit(X, y, np.ones(len(y)), "logistic").expected, "logistic").sum()
    )


def test_the_likelihood_ratio_is_that_among_the_rows_that_can_be(data):
    ends, x, y = data
    base, full = np.column_stack([np.ones(len(y)), ends]), np.column_stack([np.ones(len(y)), ends, x])
    ours = 2 * (likelihood(full, y) - likelihood(base, y))
    theirs = sm.Logit(y[ends], sm.add_constant(x[ends])).fit(disp=0)
    assert ours == pytest.approx(2 * (theirs.llf - theirs.llnull), rel=1e-4)
    assert ours > 5


def test_errors_over_stretches_are_those_among_the_rows_that_can_be(data):
    ends, x, y = data
    X = np.column_stack([np.ones(len(y)), ends, x])
    found = glm.fit(X, y, np.ones(len(y)), "logistic")
    stretch = np.arange(len(y)) // 50
    ours = jackknife_errors(X, y - found.expected, found.weights, stretch).errors[2]
    left = np.unique(stretch[ends], return_inverse=True)[1]
    theirs = jackknife_errors(
        np.column_stack([np.ones(ends.sum()), x[ends]]), (y - found.expected)[ends], found.weights[ends], left
    ).errors[1]
    assert ours == pytest.approx(theirs, rel=1e-2)
    assert 0 < ours < 1
