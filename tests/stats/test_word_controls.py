import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from emcog.stats.resampling import (
    blocks,
    bootstrap,
    correlation,
    correlation_sums,
    jackknife,
    jackknifed,
    jackknifed_root,
    proportion_interval,
    ratio,
    unit_sums,
)
from emcog.stats.words import lagged, log_frequency, sentence_end, since_boundary, word_length

RUNS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=30).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


def test_length_and_sentence_ends():
    assert word_length(["it's", "—", "2nd."]).tolist() == [3, 0, 3]
    words = ["He", "left.", "“Why?”", "Mr", "(yes!)", "3.5", "well…"]
    assert sentence_end(words).tolist() == [False, True, True, False, True, False, True]


def test_log_frequency_counts_the_corpus():
    # 5 tokens, 3 types: (count + 1) / (5 + 3 + 1) a million
    found = log_frequency(["The", "cat,", "dog"], ["the cat the", "The mat."])
    np.testing.assert_allclose(found, np.log10(np.array([4, 2, 1]) / 9 * 1e6))
    np.testing.assert_allclose(log_frequency(["the", "cat"], "the cat the the mat"), found[:2])


@given(RUNS, st.integers(0, 4))
def test_lagged_is_the_word_before_in_the_same_story(rows, lag):
    story = np.array([row[0] for row in rows])
    values = np.arange(len(rows), dtype=float)
    found = lagged(values, story, lag)
    for t in range(len(rows)):
        there = t - lag >= 0 and story[t - lag] == story[t]
        assert found[t] == values[t - lag] if there else np.isnan(found[t])


@given(RUNS)
def test_since_boundary_by_walking(rows):
    story, boundary = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    expected, last = [], 0
    for t in range(len(rows)):
        if t == 0 or story[t] != story[t - 1]:
            last = t
        expected.append(t - last)
        if boundary[t]:
            last = t
    assert since_boundary(boundary, story).tolist() == expected
    assert since_boundary(boundary, story, at=2.0 * np.arange(len(rows))).tolist() == [2 * x for x in expected]


@given(RUNS, st.integers(1, 5))
def test_blocks_are_stretches_of_one_story(rows, size):
    story = np.array([row[0] for row in rows])
    found = blocks(story, size)
    assert found[0] == 0 and set(np.diff(found).tolist()) <= {0, 1}
    for block in range(found.max() + 1):
        assert len(set(story[found == block])) == 1 and (found == block).sum() <= size
    for name in set(story):
        assert len(set(found[story == name])) == -(-int((story == name).sum()) // size)


def test_correlation_from_sums_is_pearsons():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100))
    unit = np.repeat(np.arange(10), 10)
    sums = unit_sums(correlation_sums(x, y + x), unit)
    assert float(correlation(sums.sum(0))) == pytest.approx(np.corrcoef(x, y + x)[0, 1])


def test_the_bootstrap_of_a_mean_has_the_means_error():
    values = np.random.default_rng(0).normal(3, 2, 200)
    low, high = bootstrap(np.stack([values, np.ones(200)], 1), lambda s: s[..., 0] / s[..., 1], 4000, 1)
    half = 1.96 * values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - half, abs=0.04)
    assert high == pytest.approx(values.mean() + half, abs=0.04)
    assert all(np.isnan(bootstrap(np.ones((1, 2)), lambda s: s[..., 0], 10, 0)))


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.random.default_rng(0).normal(3, 2, 12)
    found = jackknife(np.stack([values, np.ones(12)], 1), ratio)
    assert found == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.95))
    assert all(np.isnan(jackknife(np.ones((1, 2)), ratio)))


def test_the_jackknife_leaves_units_out_in_a_loop():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60))
    unit = np.repeat(np.arange(6), 10)
    without = [np.corrcoef(x[unit != u], (y + x)[unit != u])[0, 1] for u in range(6)]
    error = np.sqrt(5 / 6 * np.sum((np.array(without) - np.mean(without)) ** 2))
    low, high = jackknife(unit_sums(correlation_sums(x, y + x), unit), correlation)
    assert (high + low) / 2 == pytest.approx(np.corrcoef(x, y + x)[0, 1])
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 5) * error)


def test_a_proportions_interval_is_wilsons_where_trials_are_independent():
    from statsmodels.stats.proportion import proportion_confint

    share, n = 0.3, 40
    exact = share * (1 - share) / n
    found = proportion_interval(share, exact, 1e6, n)
    assert found == pytest.approx(proportion_confint(12, 40, method="wilson"), rel=1e-4)
    # Trials alike within units count for fewer; trials that happen to differ more than by chance do not count for more.
    half = proportion_interval(share, 2 * exact, 1e6, n)
    assert half == pytest.approx(proportion_confint(6, 20, method="wilson"), rel=1e-4)
    assert proportion_interval(share, exact / 2, 1e6, n) == pytest.approx(found, rel=1e-4)
    wide = proportion_interval(share, 2 * exact, 5, n)
    count = 20 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 5)) ** 2
    assert wide == pytest.approx(proportion_confint(0.3 * count, count, method="wilson"))
    low, high = proportion_interval(0.0, 0.0, 11, n)
    assert low == pytest.approx(0, abs=1e-12) and high == pytest.approx(proportion_confint(0, 40, method="wilson")[1])
    assert all(np.isnan(proportion_interval(0.5, 0.1, 0, n)))


def test_the_root_of_a_gain_has_the_error():
    value, without = 0.04, np.array([0.03, 0.05, 0.04, 0.0441])
    low, high = jackknifed(0.2, np.sqrt(without))
    assert jackknifed_root(value, without) == pytest.approx((low * abs(low), high**2))
    assert jackknifed_root(-value, -without) == pytest.approx((-(high**2), -low * abs(low)))
