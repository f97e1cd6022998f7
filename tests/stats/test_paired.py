"""Paired shares: McNemar's test of statsmodels, and the score interval by brute force over both shares."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from emcog.errors import DataError
from emcog.stats.paired import paired_shares


def answers(b, c, n):
    ours, theirs = np.ones(n, bool), np.ones(n, bool)
    theirs[:b], ours[b : b + c] = False, False
    return ours, theirs


def score_by_brute_force(difference, b, c, n):
    """The same statistic with the likeliest shares found on a grid."""
    p21 = np.linspace(max(0, -difference), (1 - difference) / 2, 200_001)[1:-1]
    p12 = p21 + difference
    rest = 1 - p12 - p21
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = b * np.log(p12) + c * np.log(p21) + (n - b - c) * np.log(rest)
    best = np.nanargmax(likelihood)
    variance = n * (p12[best] + p21[best] - difference**2)
    return (b - c - n * difference) / np.sqrt(variance)


@pytest.mark.parametrize(("b", "c", "n"), [(6, 2, 20), (3, 0, 12), (0, 5, 9), (10, 9, 60)])
def test_the_test_and_the_interval(b, c, n):
    found = paired_shares(*answers(b, c, n))
    assert found["estimate"] == pytest.approx((b - c) / n)
    assert found["p"] == pytest.approx(mcnemar([[0, b], [c, 0]], exact=True).pvalue)
    assert score_by_brute_force(found["ci_low"], b, c, n) == pytest.approx(1.95996, abs=2e-3)
    assert score_by_brute_force(found["ci_high"], b, c, n) == pytest.approx(-1.95996, abs=2e-3)


def test_answers_that_are_all_alike_prove_nothing_and_bound_the_difference():
    found = paired_shares(*answers(0, 0, 10))
    assert found["p"] == 1
    limit = 1.959964**2 / (10 + 1.959964**2)  # n d / (1 - d) = z^2
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((-limit, limit))
    assert paired_shares([True] * 9, [False] * 9)["ci_high"] == 1


def test_only_pairs_can_be_compared():
    with pytest.raises(DataError, match="pairs"):
        paired_shares([True], [True, False])
