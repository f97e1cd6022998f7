"""Boundaries that know nothing of the text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emcog.boundaries import fixed, shuffled


@given(st.data(), st.integers(1, 500))
def test_fixed_lengths_differ_by_one_at_most(data, n):
    n_events = data.draw(st.integers(1, n))
    starts = fixed(n, n_events)
    lengths = np.diff([*starts, n])
    assert starts[0] == 0 and len(starts) == n_events and starts.dtype == np.int64
    assert lengths.min() >= 1 and lengths.max() - lengths.min() <= 1


@given(st.sets(st.integers(1, 99)), st.integers(0, 5))
def test_shuffling_keeps_the_lengths(starts, seed):
    starts = np.array([0, *sorted(starts)])
    found = shuffled(starts, 100, seed)
    assert found[0] == 0 and found.dtype == np.int64
    assert sorted(np.diff([*found, 100])) == sorted(np.diff([*starts, 100]))
    assert found.tolist() == shuffled(starts, 100, seed).tolist()


def test_the_seed_alone_decides_the_order():
    starts = np.cumsum([0, *range(1, 15)])
    orders = {tuple(shuffled(starts, 120, seed)) for seed in range(10)}
    assert len(orders) == 10
    np.random.seed(3)
    assert tuple(shuffled(starts, 120, 4)) in orders and tuple(starts) not in orders
