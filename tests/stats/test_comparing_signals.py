"""A signal against people: by scipy, by hand, and by what is known beforehand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, pointbiserialr

from emcog.errors import DataError
from emcog.human import AnnotationSet, crowd_of_boundaries, crowd_of_marks, make_marks, make_ratings
from emcog.stats import COLUMNS, compare_signal, two_sided_p
from emcog.stats.agreement import peakiness, signal_correlation
from emcog.stats.comparing_signals import signal_row

N = 80
OWN = [[10, 31, 50], [10, 30, 52, 70], [11, 31, 50], [10, 50, 71], [31, 50], [9, 31, 70], []]


@pytest.fixture
def crowd():
    return crowd_of_marks([np.array(own, dtype=float) for own in OWN], np.arange(float(N)), float(N))


@pytest.fixture
def signal(crowd):
    made = crowd.proportion * 3 + np.random.default_rng(1).normal(size=N) / 2
    made[[0, 17]] = 1e6, np.nan  # the first word never counts, a word without a signal neither
    return made


def row_of(table, metric="signal_correlation"):
    return table[table.metric == metric].iloc[0]


def test_the_row_is_scipys_with_its_ceiling_and_all_shifts_by_hand(crowd, signal):
    table = compare_signal(signal, crowd, n_null=500, seed=3, name="surprisal")
    assert list(table.columns) == list(COLUMNS)
    row = row_of(table)
    kept = np.setdiff1d(np.arange(1, N), [17])
    proportion = crowd.marked.mean(axis=0)[kept]
    assert row.estimate == pytest.approx(pearsonr(signal[kept], proportion).statistic)
    assert row.estimate == pytest.approx(signal_correlation(signal, crowd))
    own = crowd.marked[:, kept].astype(float)
    alone = [pearsonr(own[i], np.delete(own, i, axis=0).mean(axis=0)).statistic for i in range(6)]
    assert row.ceiling == pytest.approx(np.mean(alone))
    moved = np.random.default_rng(3).integers(0, len(kept), 500)
    null = [pearsonr(np.roll(signal[kept], shift), proportion).statistic for shift in moved]
    assert (row.null_mean, row.null_sd) == pytest.approx((np.mean(null), np.std(null, ddof=1)))
    assert row.p == pytest.approx(two_sided_p(row.estimate, np.array(null)))
    assert (row.n, row.n_null, row.seed, row.method, row.unit) == (78, 500, 3, "surprisal", "r")
    assert row.ci_low < row.estimate < row.ci_high
    assert "ceiling over 6 of 7 observers" in row.note and "1 without marks (6)" in row.note
    peaks = row_of(table, "peakiness")
    assert peaks.estimate == peakiness(crowd.marks, crowd.length) and peaks.n == 18
    assert "bandwidth of peakiness: 1 s" in peaks.note


def test_a_list_gives_the_point_biserial_correlation_and_no_ceiling(signal):
    found = compare_signal(np.nan_to_num(signal), crowd_of_boundaries([0, 10, 31, 50], N), n_null=9)
    marks = np.isin(np.arange(1, N), [10, 31, 50])
    assert found.estimate[0] == pytest.approx(pointbiserialr(marks, np.nan_to_num(signal)[1:]).statistic)
    assert (found.metric.tolist(), found.variant[0]) == (["signal_correlation"], "one list")
    assert np.isnan(found.ceiling[0]) and np.isnan(found.ci_low[0])


def test_ratings_stand_in_for_the_crowd():
    ratings = make_ratings(["a"] * 3 + ["b"] * 2, [0, 10, 19, 5, 19], [0, 5, 1, 2, 4])
    people = AnnotationSet("tale", make_marks([]), ("a", "b"), ratings=ratings)
    words = pd.DataFrame({"onset_s": np.arange(20.0), "offset_s": np.arange(20.0) + 0.5})
    curves = people.rating_curves(type("Story", (), {"words": words})())
    assert curves.shape == (2, 20) and np.isnan(curves[1, :5]).all() and curves[0, 4] == 2
    signal = np.sin(np.arange(20.0))
    row = row_of(compare_signal(signal, curves, n_null=99))
    assert row.estimate == pytest.approx(pearsonr(signal[1:], people.mean_rating(np.arange(20.0))[1:]).statistic)
    both = pearsonr(curves[0, 5:], curves[1, 5:]).statistic  # where both rated
    assert row.ceiling == pytest.approx(both) and row.variant == "mean rating"


def test_what_knows_nothing_is_rarely_significant(crowd):
    rng, few = np.random.default_rng(0), crowd.subset(np.arange(5))
    noise = rng.normal(size=(400, N + 5))
    smooth = np.lib.stride_tricks.sliding_window_view(noise, 6, axis=1).mean(axis=-1)  # autocorrelated
    p = [signal_row(one, few, 199, seed)["p"] for seed, one in enumerate(smooth)]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.08


def test_constant_signals_are_undefined_and_others_refused(crowd):
    row = row_of(compare_signal(np.ones(N), crowd, n_null=9))
    assert np.isnan(row.estimate) and np.isnan(row.p)
    with pytest.raises(DataError, match="lay both on the same"):
        compare_signal(np.ones(N - 1), crowd)
    with pytest.raises(DataError, match="unit 4 of the signal is infinite"):
        compare_signal(np.where(np.arange(N) == 4, np.inf, 1.0), crowd)
