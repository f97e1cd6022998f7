import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import DataError, OptionError
from emcog.stats.nulls import NULLS, against, draws, two_sided_p

STORIES = st.integers(2, 60).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.integers(1, n - 1), max_size=n - 1).map(sorted))
)


@pytest.mark.parametrize("null", NULLS)
@given(story=STORIES, seed=st.integers(0, 2**32))
def test_draws_are_boundaries_of_the_same_story(null, story, seed):
    n, starts = story
    drawn = draws(np.array(starts, dtype=int), n, null, 7, seed)
    assert drawn.shape == (7, len(starts))
    assert drawn.dtype == np.int64
    assert ((drawn > 0) & (drawn < n)).all()
    assert (np.diff(drawn, axis=1) > 0).all()
    np.testing.assert_array_equal(drawn, draws(np.array(starts, dtype=int), n, null, 7, seed))


@given(story=STORIES)
def test_shuffled_lengths_keep_the_lengths(story):
    n, starts = story
    lengths = sorted(np.diff([0, *starts, n]).tolist())
    for row in draws(np.array(starts, dtype=int), n, "shuffled_lengths", 5, 0):
        assert sorted(np.diff([0, *row, n]).tolist()) == lengths


@given(story=STORIES)
def test_a_circular_shift_keeps_the_distances_around_the_circle(story):
    n, starts = story
    around = set()
    for shift in range(n - 1):
        around.add(tuple(sorted((s - 1 + shift) % (n - 1) + 1 for s in starts)))
    for row in draws(np.array(starts, dtype=int), n, "circular_shift", 5, 0):
        assert tuple(row.tolist()) in around


@pytest.mark.parametrize(("n", "k"), [(6, 2), (6, 4)])  # few of the places, and most of them
def test_uniform_draws_every_set_as_often(n, k):
    drawn = draws(np.arange(1, k + 1), n, "uniform", 30_000, 3)
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == math.comb(n - 1, k)
    expected = 30_000 / len(counts)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_every_shift_and_every_order_is_as_likely():
    shifts = draws(np.array([1, 2, 4]), 6, "circular_shift", 20_000, 0)
    counts = np.unique(shifts, axis=0, return_counts=True)[1]
    assert len(counts) == 5 and np.abs(counts - 4000).max() < 300
    orders = draws(np.array([1, 3]), 6, "shuffled_lengths", 24_000, 0)  # lengths 1, 2, 3
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and np.abs(counts - 4000).max() < 300


@pytest.mark.parametrize("null", NULLS)
def test_seconds_stay_seconds(null):
    drawn = draws([2.5, 7.25, 40.0], 60.0, null, 200, 1)
    assert drawn.dtype == np.float64 and drawn.shape == (200, 3)
    assert ((drawn >= 0) & (drawn < 60)).all()
    if null == "shuffled_lengths":
        lengths = np.sort(np.diff(drawn, prepend=0, append=60, axis=1), axis=1)
        np.testing.assert_allclose(lengths, np.tile(np.sort([2.5, 4.75, 32.75, 20.0]), (200, 1)))


def test_boundary_zero_does_not_count():
    np.testing.assert_array_equal(draws([0, 3, 5], 9, n_null=4), draws([3, 5], 9, n_null=4))


@pytest.mark.parametrize("bad", [[3, 3], [5, 2], [9], [-1, 3]])
def test_boundaries_outside_or_unsorted_are_refused(bad):
    with pytest.raises(DataError, match="cannot be drawn anew"):
        draws(bad, 9)


def test_an_unknown_null_is_answered_with_the_right_ones():
    with pytest.raises(OptionError, match="shuffled_lengths"):
        draws([1], 5, "shuffle")


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(0, 6))
def test_p_is_the_formula(null, observed):
    above = sum(x >= observed for x in null)
    below = sum(x <= observed for x in null)
    expected = min(1, 2 * (1 + min(above, below)) / (1 + len(null)))
    assert two_sided_p(observed, np.array(null, float)) == pytest.approx(expected)


def test_p_leaves_nan_draws_out_and_takes_rounding_for_equal():
    assert two_sided_p(0.3, np.array([0.1 + 0.2, np.nan, 0.0, 1.0])) == 1.0
    assert math.isnan(two_sided_p(np.nan, np.array([1.0])))
    assert math.isnan(two_sided_p(1.0, np.array([np.nan])))
    found = two_sided_p(np.array([9.0, 0.0]), np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 0.5]]))
    np.testing.assert_allclose(found, [0.5, 0.5])


def test_against_gives_the_moments():
    found = against(5.0, np.array([1.0, 2.0, 3.0, np.nan]))
    assert (found["null_mean"], found["null_sd"], found["z"], found["n_null"]) == (2.0, 1.0, 3.0, 3)
    assert math.isnan(against(1.0, np.array([2.0, 2.0]))["z"])
