"""The running threshold: against a loop over the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries import running_scores, threshold
from emcog.boundaries.threshold import MIN_SAMPLES

# Few distinct values: ties, constant stretches and gaps are the rule.
signals = st.lists(
    st.one_of(st.sampled_from([0.0, 1.0, 1.0, 2.5, 1e6, np.nan]), st.floats(-50, 50, width=32)), max_size=150
)


def by_definition(signal, gamma, window):
    """Starts, and the tokens so close to the line that rounding decides."""
    starts, close = [0], set()
    for t in range(1, len(signal)):
        before = np.array(signal[max(0, t - window) : t])
        before = before[~np.isnan(before)]
        if len(before) >= MIN_SAMPLES and not np.isnan(signal[t]):
            line = before.mean() + gamma * before.std(ddof=1)
            if abs(signal[t] - line) <= 1e-9 * max(1.0, np.abs(before).max()):
                close.add(t)
            elif signal[t] > line:
                starts.append(t)
    return starts, close


@settings(max_examples=60)
@given(signal=signals, gamma=st.sampled_from([-0.5, 0.0, 1.0, 2.0]), window=st.sampled_from([32, 33, 64, 512]))
def test_equals_its_definition(signal, gamma, window):
    starts, close = by_definition(signal, gamma, window)
    found = threshold(np.array(signal), gamma, window)
    assert found.dtype == np.int64 and found[0] == 0
    assert set(found) - close == set(starts) - close


def test_scores_are_deviations_of_the_values_before():
    signal = np.random.default_rng(1).normal(size=6000)
    scores = running_scores(signal, 100)
    for t in (32, 50, 100, 101, 4095, 4096, 4097, 5999):
        before = signal[max(0, t - 100) : t]
        assert scores[t] == pytest.approx((signal[t] - before.mean()) / before.std(ddof=1), rel=1e-12)
    assert np.isnan(scores[:MIN_SAMPLES]).all() and not np.isnan(scores[MIN_SAMPLES:]).any()


def test_nothing_before_enough_values_were_seen():
    signal = np.tile([0.0, 1.0], 40)
    signal[31], signal[32] = 1000, 1000
    assert threshold(signal)[:2].tolist() == [0, 32]
    signal[:8] = np.nan  # now the 32nd value comes eight later
    signal[39], signal[40] = 5000, 50_000
    assert threshold(signal)[:2].tolist() == [0, 40]


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -3.3])
def test_a_constant_signal_has_no_boundary(value):
    assert threshold(np.full(300, value), gamma=0).tolist() == [0]
    step = np.append(np.full(100, value), value + 1)
    assert threshold(step, gamma=5).tolist() == [0, 100]


def test_a_value_does_not_count_towards_its_own_threshold():
    signal = np.append(np.tile([0.0, 2.0], 50), 3.1)
    mean, sd = 1.0, signal[:100].std(ddof=1)
    assert threshold(signal, gamma=(3.1 - mean) / sd - 1e-6)[-1] == 100
    assert threshold(signal, gamma=(3.1 - mean) / sd + 1e-6)[-1] != 100


def test_a_large_offset_does_not_drown_the_deviation():
    signal = np.random.default_rng(0).normal(size=400)
    np.testing.assert_allclose(running_scores(signal + 1e6, 64)[32:], running_scores(signal, 64)[32:], atol=1e-6)


def test_empty_and_longer_windows_than_the_text():
    assert threshold(np.array([])).tolist() == [0]
    signal = np.random.default_rng(3).normal(size=100)
    np.testing.assert_array_equal(running_scores(signal, 10**12), running_scores(signal, 100))
