"""Each measure against an outside source: segeval, nltk's formulas, scipy, brute force, cases one can count."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.stats import pearsonr, pointbiserialr, poisson, wasserstein_distance

from emcog.errors import DataError, OptionError
from emcog.human import ConsensusRule, crowd_of_boundaries, crowd_of_marks
from emcog.stats.agreement import MEASURES, AgreementSettings, Partitions, count_matches, signal_correlation


def listed(consensus, n, sentences=None, at=None):
    """A crowd that is only a list of boundaries."""
    places = np.arange(float(n)) if at is None else np.asarray(at, dtype=float)
    length = float(n) if at is None else float(places[-1] + 1)
    return crowd_of_marks(
        [], places, length, release=places[list(consensus)], sentences=sentences, timed=at is not None,
        rule=ConsensusRule("release"),
    )  # fmt: skip


def observed(rows, n, **options):
    """A crowd of observers given as lists of units."""
    return crowd_of_marks(
        [np.array(row, dtype=float) for row in rows], np.arange(float(n)), float(n), timed=False, **options
    )


@st.composite
def pairs(draw, most=40):
    n = draw(st.integers(4, most))
    ours = draw(st.sets(st.integers(1, n - 1), max_size=n - 1))
    theirs = draw(st.sets(st.integers(1, n - 1), min_size=1, max_size=n - 1))
    return n, sorted(ours), sorted(theirs)


def masses(starts, n):
    return tuple(np.diff([0, *starts, n]).tolist())


# --- one-to-one matching ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(pairs(), st.integers(0, 8))
def test_matching_is_the_best_assignment(pair, tolerance):
    n, ours, theirs = pair
    settings = AgreementSettings(tolerance=tolerance)
    crowd = listed(theirs, n)
    near = np.abs(np.subtract.outer(ours, theirs)) <= tolerance if ours else np.zeros((0, len(theirs)))
    rows, columns = linear_sum_assignment(-near.astype(float))
    hits = int(near[rows, columns].sum())
    assert count_matches(np.array(ours), np.array(theirs), tolerance) == hits
    assert MEASURES["recall"].score(ours, crowd, settings) == pytest.approx(hits / len(theirs))
    assert MEASURES["f1"].score(ours, crowd, settings) == pytest.approx(2 * hits / (len(ours) + len(theirs)))
    precision = MEASURES["precision"].score(ours, crowd, settings)
    assert np.isnan(precision) if not ours else precision == pytest.approx(hits / len(ours))


def test_matching_by_hand():
    # 10 can take 9 or 12; only if it takes 12 can 8 take 9.
    crowd = listed([9, 12, 30], 40)
    two = AgreementSettings(tolerance=2)
    assert MEASURES["precision"].score([0, 8, 10], crowd, two) == 1.0
    assert MEASURES["recall"].score([0, 8, 10], crowd, two) == pytest.approx(2 / 3)
    # Three proposals around one boundary of the people match it once.
    assert MEASURES["precision"].score([29, 30, 31], crowd, two) == pytest.approx(1 / 3)
    assert MEASURES["matched_precision"].score([29, 30, 31], crowd, two) == 1.0


def test_a_tolerance_in_seconds_goes_by_the_clock():
    at = [0, 1, 2, 10, 11, 12]
    crowd = listed([3], 6, at=at)
    near, far = AgreementSettings(tolerance=1, tolerance_unit="s"), AgreementSettings(tolerance=1)
    assert MEASURES["recall"].score([2], crowd, near) == 0.0
    assert MEASURES["recall"].score([2], crowd, far) == 1.0
    assert MEASURES["recall"].score([4], crowd, near) == 1.0
    with pytest.raises(OptionError, match="needs times"):
        MEASURES["recall"].score([2], listed([3], 6), near)


def test_a_tolerance_holds_at_its_very_edge():
    crowd = listed([1], 4, at=[0.0, 0.1, 0.3, 0.9])
    assert MEASURES["recall"].score([2], crowd, AgreementSettings(tolerance=0.2, tolerance_unit="s")) == 1.0


# --- windows and edits -----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(pairs())
def test_pk_and_window_diff_are_segevals(pair):
    segeval = pytest.importorskip("segeval")
    n, ours, theirs = pair
    crowd = listed(theirs, n)
    window = segeval.compute_window_size(masses(theirs, n))
    if n <= window:
        assert np.isnan(MEASURES["pk"].score(ours, crowd))
        return
    assert MEASURES["pk"].score(ours, crowd) == pytest.approx(float(segeval.pk(masses(ours, n), masses(theirs, n))))
    theirs_says = float(segeval.window_diff(masses(ours, n), masses(theirs, n)))
    assert MEASURES["window_diff"].score(ours, crowd) == pytest.approx(theirs_says)


@settings(max_examples=60)
@given(pairs(), st.integers(1, 6))
def test_pk_and_window_diff_are_nltks(pair, window):
    """nltk.metrics.segmentation: strings with a 1 between two units; counts within each window of k places."""
    n, ours, theirs = pair
    crowd, settings = listed(theirs, n), AgreementSettings(window=window)
    text = {name: "".join("1" if i in b else "0" for i in range(1, n)) for name, b in (("o", ours), ("t", theirs))}
    windows = range(len(text["o"]) - window + 1)
    if not len(windows):
        assert np.isnan(MEASURES["pk"].score(ours, crowd, settings))
        return
    counts = [(text["o"][i : i + window].count("1"), text["t"][i : i + window].count("1")) for i in windows]
    assert MEASURES["pk"].score(ours, crowd, settings) == pytest.approx(
        np.mean([(a > 0) != (b > 0) for a, b in counts])
    )
    assert MEASURES["window_diff"].score(ours, crowd, settings) == pytest.approx(np.mean([a != b for a, b in counts]))


@settings(max_examples=60)
@given(pairs(), st.integers(1, 6))
def test_boundary_similarity_is_segevals(pair, n_t):
    segeval = pytest.importorskip("segeval")
    n, ours, theirs = pair
    value = MEASURES["boundary_similarity"].score(ours, listed(theirs, n), AgreementSettings(transposition=n_t))
    assert value == pytest.approx(float(segeval.boundary_similarity(masses(ours, n), masses(theirs, n), n_t=n_t)))


def test_boundary_similarity_by_hand():
    # 5 matches, 10 and 11 are a near miss at half the cost, 20 is added: 1 - (1 + 1/2) / 3.
    assert MEASURES["boundary_similarity"].score([5, 10, 20], listed([5, 11], 30)) == pytest.approx(0.5)


# --- sentences and positions -----------------------------------------------------------------------------------------


def test_hamming_by_hand():
    # Sentences begin at 0, 4, 8, 12. Ours at 5 and 6 go to 4 (6 is as near to 8: the earlier); theirs to 8 and 12.
    crowd = listed([7, 13], 16, sentences=np.array([0, 4, 8, 12]))
    assert MEASURES["hamming"].score([5, 6], crowd) == pytest.approx(1.0)
    assert MEASURES["hamming"].score([7], crowd) == pytest.approx(1 / 3)
    assert MEASURES["hamming"].score([], crowd) == pytest.approx(2 / 3)
    assert np.isnan(MEASURES["hamming"].score([5], listed([7], 16, sentences=np.array([0]))))


@settings(max_examples=60)
@given(pairs(), st.data())
def test_wasserstein_is_scipys(pair, data):
    n, ours, theirs = pair
    gaps = data.draw(st.lists(st.floats(0.05, 3), min_size=n, max_size=n))
    at = np.cumsum(gaps)
    crowd = listed(theirs, n, at=at)
    measure = MEASURES["wasserstein"]
    if not ours:
        assert np.isnan(measure.score(ours, crowd))
        return
    assert measure.score(ours, crowd) == pytest.approx(wasserstein_distance(ours, theirs))
    seconds = wasserstein_distance(at[ours], at[theirs])
    assert measure.score(ours, crowd, variant="s") == pytest.approx(seconds)
    assert measure.score(ours, crowd, variant="share") == pytest.approx(seconds / crowd.length)
    assert MEASURES["count_ratio"].score(ours, crowd) == len(ours) / len(theirs)


@settings(max_examples=40)
@given(pairs())
def test_what_is_tested_of_wasserstein_is_the_distance_around_the_circle(pair):
    """On a circle of the units but the first it is the least W1 over all places to cut, here by scipy."""
    n, ours, theirs = pair
    measure, places = MEASURES["wasserstein"], n - 1
    found = [measure.tested_many(Partitions.of([ours], n), listed(theirs, n), AgreementSettings(), variant)[0]
             for variant in ("units", "share")]  # fmt: skip
    if not ours:
        assert np.isnan(found).all()
        return

    def least(a, b):
        # Moving both sides together changes what the cut of the line cuts; mass may go round either way, so the
        # cumulative distributions are compared about every value that their difference takes.
        apart = [np.mean(np.array(a) <= i) - np.mean(np.array(b) <= i) for i in range(1, places + 1)]
        return min(sum(abs(value - about) for value in apart) for about in apart)

    assert found == pytest.approx([least(ours, theirs)] * 2)
    assert found[0] <= wasserstein_distance(ours, theirs) + 1e-9
    moved = [[(b - 1 + 3) % places + 1 for b in one] for one in (ours, theirs)]
    assert least(*moved) == pytest.approx(found[0])  # wherever the circle is cut


def test_around_the_circle_the_last_unit_is_near_the_first():
    measure = MEASURES["wasserstein"]
    found = measure.tested_many(Partitions.of([[1], [5], [9]], 10), listed([9], 10), AgreementSettings(), "units")
    assert found.tolist() == [1, 4, 0]  # 9 places: from 1 to 9 it is one step


# --- observers -------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_point_biserial_is_scipys_and_the_agreement_index_is_its_definition(data):
    n = data.draw(st.integers(5, 30))
    rows = data.draw(st.lists(st.lists(st.integers(1, n - 1), max_size=n), min_size=1, max_size=6))
    ours = data.draw(st.sets(st.integers(1, n - 1), min_size=1, max_size=n - 2))
    crowd = observed(rows, n, rule=ConsensusRule("proportion"))
    if not crowd.consensus.any():
        return
    boundary = np.isin(np.arange(1, n), list(ours)).astype(float)
    proportion = np.array([np.mean([u in row for row in rows]) for u in range(1, n)])
    if np.ptp(proportion) == 0:
        assert np.isnan(MEASURES["point_biserial"].score(ours, crowd))
        assert np.isnan(MEASURES["agreement_index"].score(ours, crowd))
        return
    r = pointbiserialr(boundary, proportion).statistic
    assert MEASURES["point_biserial"].score(ours, crowd) == pytest.approx(r, abs=1e-9)
    # Sasmita & Swallow's own computation: both series sorted the same way, and the opposite way.
    highest = np.corrcoef(np.sort(boundary), np.sort(proportion))[0, 1]
    lowest = np.corrcoef(np.sort(boundary), -np.sort(-proportion))[0, 1]
    index = (r - lowest) / (highest - lowest)
    assert MEASURES["agreement_index"].score(ours, crowd) == pytest.approx(index, abs=1e-9)


def test_the_surprise_index_is_the_poisson_tail():
    crowd = listed([10, 20, 30, 60], 100)
    settings = AgreementSettings(tolerance=1)
    ours = [9, 21, 45, 59]  # three overlaps
    expected = 4 * 4 * 3 / 100  # both rates times the places of three units
    tail = sum(poisson.pmf(k, expected) for k in range(3, 34))
    assert MEASURES["surprise_index"].score(ours, crowd, settings) == pytest.approx(-np.log2(tail))
    assert MEASURES["surprise_index"].score([45], crowd, settings) == 0.0
    assert np.isnan(MEASURES["surprise_index"].score([], crowd, settings))


def test_matched_counts_what_is_near_and_how_near_ours_are():
    crowd = listed([10, 20, 30, 60], 100)
    three = AgreementSettings(tolerance=3)
    assert MEASURES["matched"].score([12, 18, 80], crowd, three) == 0.5
    assert MEASURES["matched_precision"].score([12, 18, 80], crowd, three) == pytest.approx(2 / 3)
    assert MEASURES["matched"].score(range(100), crowd, three) == 1.0  # more proposals always match more
    assert MEASURES["matched_precision"].score(range(100), crowd, three) == pytest.approx(4 * 7 / 99)


def test_boundary_density_is_the_magnitude_at_the_boundaries():
    crowd = observed([[10, 50], [10]], 100, rule=ConsensusRule("proportion"))
    units = np.arange(100)
    peak = 1 / np.sqrt(2 * np.pi)
    magnitude = peak * (2 * np.exp(-((units - 10) ** 2) / 2) + np.exp(-((units - 50) ** 2) / 2))
    expected = magnitude[[10, 50]].mean() / magnitude[1:].mean()
    assert MEASURES["boundary_density"].score([10, 50], crowd) == pytest.approx(expected, rel=1e-6)


# --- what all of them share ------------------------------------------------------------------------------------------


def crowd_for_all(n=60, seed=0):
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(np.arange(1, n), 6, replace=False)) for _ in range(5)]
    at = np.cumsum(rng.uniform(0.1, 0.9, n))
    crowd = crowd_of_marks([at[row] for row in rows], at, float(at[-1] + 1), sentences=np.arange(0, n, 7))
    assert crowd.consensus.any()
    return crowd


EACH = [(name, variant) for name, measure in MEASURES.items() for variant in measure.variants]


@pytest.mark.parametrize(("name", "variant"), EACH)
def test_a_batch_gives_what_each_partition_gives(name, variant):
    crowd, rng = crowd_for_all(), np.random.default_rng(1)
    mask = rng.random((30, crowd.n_units)) < 0.1
    mask[0] = False
    settings = AgreementSettings(tolerance=2, transposition=4)
    measure = MEASURES[name]
    one_by_one = [measure.score(np.flatnonzero(row), crowd, settings, variant) for row in mask]
    np.testing.assert_allclose(measure.score_many(Partitions(mask), crowd, settings, variant), one_by_one)


@pytest.mark.parametrize(("name", "variant"), EACH)
def test_boundary_0_never_counts(name, variant):
    crowd, measure = crowd_for_all(), MEASURES[name]
    with_0 = dataclasses.replace(crowd, marked=crowd.marked.copy())
    assert measure.score([0, 9, 33], with_0, None, variant) == measure.score([9, 33], crowd, None, variant)


@pytest.mark.parametrize(("name", "variant"), EACH)
def test_people_agree_best_with_themselves(name, variant):
    crowd, measure = crowd_for_all(), MEASURES[name]
    own = measure.score(crowd.starts, crowd, None, variant)
    rng = np.random.default_rng(2)
    mask = np.zeros((200, crowd.n_units), dtype=bool)
    for row in mask:
        row[rng.choice(np.arange(1, crowd.n_units), len(crowd.starts), replace=False)] = True
    null = measure.score_many(mask, crowd, None, variant)
    if measure.higher is None:
        assert own == 1.0
    elif measure.higher:
        assert own > np.nanmean(null)
    else:
        assert own == 0.0 < np.nanmean(null)


def test_the_registry_says_what_a_row_needs():
    crowd = listed([3, 7], 12)
    assert MEASURES["wasserstein"].unit_of(crowd) == "words"
    assert MEASURES["wasserstein"].missing(crowd, "s") == "there are no times"
    assert MEASURES["point_biserial"].missing(crowd) == "there are no observers, only a list"
    assert MEASURES["hamming"].missing(crowd) == "sentences are unknown"
    assert MEASURES["f1"].missing(crowd) is None
    assert MEASURES["f1"].missing(listed([], 12)) == "the consensus has no boundary"
    with pytest.raises(DataError, match=r"point_biserial .*no observers"):
        MEASURES["point_biserial"].score([3], crowd)
    with pytest.raises(DataError, match="9 units and the crowd 12"):
        MEASURES["f1"].score_many(np.zeros((1, 9), dtype=bool), crowd)
    with pytest.raises(OptionError, match=r"variant of wasserstein 'hours'.*units, s, share"):
        MEASURES["wasserstein"].score([3], crowd, variant="hours")
    assert all(beside in MEASURES for measure in MEASURES.values() for beside in measure.beside)


def test_a_batch_is_made_of_lists_or_of_a_padded_matrix():
    lists = Partitions.of([[0, 2, 4], [3]], n_units=5)
    padded = Partitions.of(np.array([[2, 4, -1], [3, 5, 5]]), n_units=5)
    np.testing.assert_array_equal(lists.mask, padded.mask)
    assert lists.counts.tolist() == [2, 1]
    assert [places.tolist() for places in lists.places] == [[0, 0, 1], [2, 4, 3]]
    with pytest.raises(DataError, match="boundary 5 lies outside the 5 units"):
        Partitions.of([[5]], n_units=5)


@pytest.mark.parametrize(
    "wrong", [{"tolerance": -1}, {"tolerance_unit": "ms"}, {"window": 0}, {"transposition": 0}, {"bandwidth": 0}]
)
def test_settings_are_checked(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        AgreementSettings(**wrong)


def test_another_segmentation_can_stand_for_the_people():
    other = crowd_of_boundaries([0, 3, 7], 12)
    assert MEASURES["f1"].score([0, 3, 7], other) == 1.0
    assert MEASURES["wasserstein"].score([4, 8], other) == 1.0
    assert MEASURES["wasserstein"].missing(other, "s") == "there are no times"
    clocked = crowd_of_boundaries([2], np.array([0.0, 1.0, 5.0]), 9.0)
    assert MEASURES["wasserstein"].score([1], clocked, variant="s") == 4.0
    assert MEASURES["wasserstein"].score([1], clocked, variant="share") == pytest.approx(4 / 9)
    with pytest.raises(DataError, match="boundary 12 lies outside the 12 units"):
        crowd_of_boundaries([12], 12)


def test_a_signal_is_correlated_with_the_proportion_of_observers():
    rows = [[2, 5], [2, 8], [2]]
    crowd, rng = observed(rows, 12), np.random.default_rng(0)
    signal = rng.normal(size=12)
    signal[[0, 4]] = np.nan, np.nan
    kept = [i for i in range(1, 12) if i != 4]
    proportion = [np.mean([i in row for row in rows]) for i in kept]
    assert signal_correlation(signal, crowd) == pytest.approx(pearsonr(signal[kept], proportion).statistic)
    assert np.isnan(signal_correlation(np.ones(12), crowd))
    with pytest.raises(DataError, match="the crowd 12 units"):
        signal_correlation(np.ones(11), crowd)
