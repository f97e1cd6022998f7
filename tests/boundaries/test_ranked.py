"""The best places that keep their distance: exactly as many as asked for, whenever so many fit."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries import by_rank, take_ranked
from emcog.boundaries.ranked import place_apart
from emcog.errors import OptionError


def possible(allowed, n, n_events, min_event):
    """Whether n_events events fit, tried out: every choice of starts. One always does, however short the text."""
    return n_events == 1 or any(
        np.diff([0, *starts, n]).min() >= min_event
        for starts in combinations([a for a in allowed if 0 < a < n], n_events - 1)
    )


def test_by_rank():
    assert by_rank(np.array([1.0, np.nan, 3, 1, -np.inf, 3])).tolist() == [2, 5, 0, 3, 4]
    assert by_rank(np.array([])).tolist() == []


def test_the_first_places_are_taken():
    assert take_ranked(np.array([7, 3, 5]), 3, 10, 1).tolist() == [0, 3, 7]
    assert take_ranked(np.array([7, 6, 3]), 3, 10, 2).tolist() == [0, 3, 7]
    assert take_ranked(np.array([0, 9, 5]), 2, 10, 1).tolist() == [0, 9]
    assert take_ranked(np.array([5]), 1, 10, 1).tolist() == [0]


def test_places_that_land_together_count_once():
    landing = np.array([0, 0, 0, 4, 4, 4, 4, 8, 8, 8])
    assert take_ranked(np.array([5, 3, 9]), 3, 10, 1, landing).tolist() == [0, 4, 8]
    with pytest.raises(OptionError, match="only 3 fit the 10 tokens"):
        take_ranked(np.arange(10), 4, 10, 1, landing)


def test_a_place_that_leaves_too_little_room_is_passed_over():
    """Three events of three tokens each fit nine tokens in one way only, and the best place is not in it."""
    assert take_ranked(np.array([4, 5, 3, 6, 2]), 3, 9, 3).tolist() == [0, 3, 6]


@settings(max_examples=100)
@given(
    n=st.integers(1, 12), n_events=st.integers(1, 6), min_event=st.integers(1, 4),
    order=st.permutations(range(12)), kept=st.integers(0, 12), step=st.sampled_from([None, 2, 3]),
)  # fmt: skip
def test_exactly_as_many_as_asked_for_or_an_error(n, n_events, min_event, order, kept, step):
    order = np.array([t for t in order if t < n][:kept], dtype=np.int64)
    landing = None if step is None else np.arange(n) // step * step
    allowed = sorted(set((order if landing is None else landing[order]).tolist()))
    if possible(allowed, n, n_events, min_event):
        starts = take_ranked(order, n_events, n, min_event, landing)
        assert len(starts) == n_events and starts[0] == 0 and starts.dtype == np.int64
        assert n_events == 1 or np.diff([*starts, n]).min() >= min_event
        assert set(starts[1:]) <= set(allowed)
    else:
        with pytest.raises(OptionError, match="cannot be had"):
            take_ranked(order, n_events, n, min_event, landing)


@settings(max_examples=100)
@given(
    n=st.integers(1, 14), min_event=st.integers(1, 3), allowed=st.sets(st.integers(0, 13)),
    starts=st.sets(st.integers(1, 13), max_size=5),
)  # fmt: skip
def test_starts_are_placed_apart(n, min_event, allowed, starts):
    starts = np.array([0, *sorted(t for t in starts if t < n)])
    places = np.array(sorted(t for t in allowed if t < n), dtype=np.int64)
    if possible(places.tolist(), n, len(starts), min_event):
        placed = place_apart(starts, n, min_event, places)
        assert len(placed) == len(starts) and placed[0] == 0 and set(placed[1:]) <= allowed
        assert len(starts) == 1 or np.diff([*placed, n]).min() >= min_event
        if set(starts[1:]) <= allowed and np.diff([*starts, n]).min() >= min_event:
            assert placed.tolist() == starts.tolist()
    else:
        with pytest.raises(OptionError, match="cannot be had"):
            place_apart(starts, n, min_event, places)


def test_each_start_goes_to_the_nearest_place():
    assert place_apart(np.array([0, 11, 15, 29]), 40, 1, np.array([0, 10, 14, 20, 30])).tolist() == [0, 10, 14, 30]
    assert place_apart(np.array([0, 12]), 40, 1, np.array([10, 14])).tolist() == [0, 10]  # the earlier of two as near
    assert place_apart(np.array([0, 11, 12]), 40, 1, np.array([10, 20])).tolist() == [0, 10, 20]
    assert place_apart(np.array([0, 19, 21]), 40, 1, np.array([10, 20])).tolist() == [0, 10, 20]
