"""Events that are neither too short nor too long."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.boundaries import merge_short, split_long


def lengths(starts, n):
    return np.diff([*starts, n])


@st.composite
def partitions(draw):
    n = draw(st.integers(1, 120))
    return np.array([0, *sorted(draw(st.sets(st.integers(1, n - 1), max_size=20)) if n > 1 else [])]), n


@given(partitions(), st.integers(1, 30))
def test_merging_leaves_no_short_event_and_drops_no_boundary_needlessly(partition, min_event):
    starts, n = partition
    kept = merge_short(starts, n, min_event)
    assert kept[0] == 0 and set(kept) <= set(starts)
    assert len(kept) == 1 or lengths(kept, n).min() >= min_event
    for dropped in set(starts) - set(kept):
        before = kept[kept < dropped][-1]
        assert dropped - before < min_event or n - dropped < min_event


def test_merging_by_hand():
    assert merge_short(np.array([0, 2, 5, 6, 9]), 10, 3).tolist() == [0, 5]
    assert merge_short(np.array([0, 9]), 10, 1).tolist() == [0, 9]


@given(partitions(), st.integers(1, 8), st.integers(0, 12), st.integers(0, 999), st.booleans())
def test_splitting_leaves_no_long_event_and_keeps_every_boundary(partition, min_event, extra, seed, words):
    starts, n = partition
    starts, max_event = merge_short(starts, n, min_event), 2 * min_event - 1 + extra
    rng = np.random.default_rng(seed)
    signal = np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 5, n))
    allowed = np.flatnonzero(rng.random(n) < 0.5) if words else None
    split = split_long(starts, n, max_event, min_event, signal, allowed)
    assert set(starts) <= set(split) and (np.diff(split) > 0).all() and split.dtype == np.int64
    assert lengths(split, n).max() <= max_event
    assert len(split) == 1 or lengths(split, n).min() >= min(min_event, n)


def test_a_split_is_where_the_signal_is_highest():
    signal = np.zeros(20)
    signal[[3, 9, 14]] = 1, 5, 4
    assert split_long(np.array([0]), 20, 12, 1, signal).tolist() == [0, 9]
    assert split_long(np.array([0]), 20, 8, 1, signal).tolist() == [0, 3, 9, 14]  # 8 tokens on from 0 there is only 3
    assert split_long(np.array([0]), 20, 12, 1, signal, np.array([3, 10])).tolist() == [0, 3, 10]


def test_where_no_word_is_in_reach_any_token_will_do():
    assert split_long(np.array([0]), 10, 4, 1, np.full(10, np.nan), np.array([0])).tolist() == [0, 4, 8]


def test_nothing_to_split():
    assert split_long(np.array([0, 4]), 8, 4, 1, np.ones(8)).tolist() == pytest.approx([0, 4])
