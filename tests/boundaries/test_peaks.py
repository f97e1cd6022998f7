"""Local maxima and the distance between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.boundaries import peaks


def test_by_hand():
    signal = np.array([9.0, 1, 5, 1, 4, 1, 6, 2, 2, 2, 7])
    assert peaks(signal, 1).tolist() == [2, 4, 6]
    assert peaks(signal, 3).tolist() == [2, 6]  # 4 is too near to both, which are higher
    assert peaks(signal, 5).tolist() == [6]
    assert peaks(np.array([0.0, 3, 3, 3, 0]), 1).tolist() == [2]


def test_nan_is_lower_than_everything():
    assert peaks(np.array([np.nan, -5, np.nan, 2, np.nan]), 1).tolist() == [1, 3]


@given(st.lists(st.one_of(st.floats(-9, 9), st.just(np.nan)), max_size=60), st.integers(1, 12))
def test_they_are_maxima_apart_and_none_is_forgotten(values, distance):
    signal = np.array(values)
    low = np.where(np.isnan(signal), -np.inf, signal)
    found = peaks(signal, distance)
    assert found.dtype == np.int64
    assert (np.diff(found) >= distance).all()
    assert all(low[t] >= low[t - 1] and low[t] >= low[t + 1] for t in found)
    # A strict maximum that is missing has a higher or equal one within reach that is not.
    for t in range(1, len(low) - 1):
        if low[t - 1] < low[t] > low[t + 1] and t not in found:
            assert any(abs(t - u) < distance and low[u] >= low[t] for u in found)


def test_of_two_too_near_the_higher_wins():
    signal = np.zeros(40)
    signal[10], signal[20] = 1, 2
    assert peaks(signal, 11).tolist() == [20]
    assert peaks(signal, 10).tolist() == pytest.approx([10, 20])
