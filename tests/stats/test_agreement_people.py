"""The ceiling, peakiness, a signal around boundaries."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gaussian_kde

from emcog.errors import DataError
from emcog.human import ConsensusRule, crowd_of_marks, load_dataset
from emcog.stats.agreement import MEASURES, AgreementSettings, Partitions, ceiling, ceilings, peakiness, peri_event


def crowd(people, n=60, **options):
    return crowd_of_marks(
        [np.array(p, dtype=float) for p in people], np.arange(float(n)), float(n), timed=False, **options
    )


# --- ceiling ----------------------------------------------------------------------------------------------------------


def test_masses_of_many_rows_are_those_of_each():
    from emcog.stats.agreement.peri_event import _clusters, _largest_mass

    z = np.random.default_rng(0).normal(scale=2, size=(300, 12))
    z[:5, 3] = np.nan
    z[5:9] = 0
    one_by_one = [max((abs(mass) for *_, mass in _clusters(row, 1.5)), default=0.0) for row in z]
    np.testing.assert_allclose(_largest_mass(z, 1.5), one_by_one)


def test_the_ceiling_by_hand():
    # Each is compared with what the other two marked on average: one place, the earlier of two as high.
    people = crowd([[10], [10], [40]])
    settings = AgreementSettings(tolerance=1)
    found = ceiling(MEASURES["f1"], people, settings)
    assert found.values.tolist() == [1.0, 1.0, 0.0]
    assert (found.mean, found.n) == (pytest.approx(2 / 3), 3)


def test_an_observer_is_no_part_of_their_own_consensus():
    # Everybody marks a place of their own: with themselves in the crowd they would agree with it.
    people = crowd([[10], [20], [30], [40]], rule=ConsensusRule("proportion", threshold=0.2))
    assert people.starts.tolist() == [10, 20, 30, 40]
    assert MEASURES["precision"].score([10], people) == 1.0
    assert ceiling(MEASURES["precision"], people).values.tolist() == [0, 0, 0, 0]
    correlations = ceiling(MEASURES["point_biserial"], people).values
    assert (correlations < 0).all()


def test_observers_without_marks_do_not_count_in_the_mean():
    found = ceiling(MEASURES["precision"], crowd([[10, 30], [10, 30], []]), AgreementSettings(tolerance=0))
    assert np.isnan(found.values[2])
    assert found.n == 2


def test_no_ceiling_is_said():
    assert ceiling(MEASURES["f1"], crowd([[10]])).note == "no ceiling: 1 observer"
    silent = ceiling(MEASURES["f1"], crowd([[10], [], []]))
    assert silent.values[1:].tolist() == [0.0, 0.0] or silent.n <= 2
    unknown = ceiling(MEASURES["hamming"], crowd([[10], [12], [40]]))
    assert (unknown.n, unknown.note) == (0, "no ceiling: sentences are unknown")


def test_many_ceilings_at_once_are_the_same():
    rng = np.random.default_rng(0)
    people = crowd([np.sort(rng.choice(np.arange(1, 60), 5, replace=False)) for _ in range(6)])
    chosen = [(MEASURES["f1"], None), (MEASURES["wasserstein"], "share"), (MEASURES["agreement_index"], None)]
    for (measure, variant), found in zip(chosen, ceilings(chosen, people), strict=True):
        np.testing.assert_array_equal(found.values, ceiling(measure, people, None, variant).values)


def test_people_agree_about_films():
    try:
        films = load_dataset("films")
    except DataError:
        pytest.skip("real human data are not beside this checkout (../shared/human)")
    for people in films.annotations.values():
        marks = people.marks[people.marks["time_s"] <= people.duration_s]
        laid = type(people)(people.stimulus, marks, people.observers, people.duration_s).crowd()
        rng = np.random.default_rng(0)
        shuffled = []
        for own in laid.marks:  # each person's gaps in another order
            edges = np.diff(np.concatenate([[0], own, [laid.length]]))
            shuffled.append(np.cumsum(rng.permutation(edges))[:-1])
        chance = crowd_of_marks(shuffled, laid.at, laid.length, unit="bin", bin_s=1.0)
        for name in ("agreement_index", "point_biserial", "f1", "boundary_similarity", "surprise_index"):
            real, null = ceiling(MEASURES[name], laid), ceiling(MEASURES[name], chance)
            assert real.n == 40
            assert real.mean > null.mean + 3 * np.nanstd(null.values, ddof=1) / np.sqrt(40), name
        assert peakiness(laid.marks, laid.length) > peakiness(chance.marks, laid.length) > 1


@pytest.fixture(autouse=True)
def real_data(monkeypatch):
    from pathlib import Path

    shared = Path(__file__).parents[3] / "shared" / "human"
    monkeypatch.setenv("EMCOG_DATA", str(shared))


# --- peakiness --------------------------------------------------------------------------------------------------------


def test_peakiness_is_the_ratio_of_rugosities():
    """seewave's rugo is sqrt(sum of squared steps / n); the densities are scipy's, with a fixed bandwidth."""
    rng = np.random.default_rng(0)
    presses = np.sort(rng.uniform(0, 100, 40))
    grid = np.arange(1.0 - 2, 100 + 2 + 0.5)

    def rugo(points):
        kernel = gaussian_kde(points, bw_method=1.0 / points.std(ddof=1))
        return np.sqrt(np.sum(np.diff(kernel(grid)) ** 2) / len(grid))

    expected = rugo(presses) / rugo(np.linspace(0, 100, 40))
    assert peakiness([presses[:25], presses[25:]], 100.0) == pytest.approx(expected)


def test_peakiness_is_1_for_even_presses_and_high_where_everybody_agrees():
    even = np.linspace(0, 200, 60)
    assert peakiness([even], 200.0) == pytest.approx(1.0)
    assert peakiness([np.array([30.0, 90.0, 150.0])] * 20, 200.0) > 5
    assert np.isnan(peakiness([np.array([1.0])], 200.0))
    assert np.isnan(peakiness([], 200.0))


# --- a signal around boundaries ---------------------------------------------------------------------------------------


def nulls(n, k, many, seed=0):
    rng = np.random.default_rng(seed)
    return Partitions.of(np.array([rng.choice(np.arange(1, n), k, replace=False) for _ in range(many)]), n)


@settings(max_examples=40)
@given(st.data())
def test_the_average_is_the_mean_of_what_lies_around(data):
    n = data.draw(st.integers(8, 40))
    signal = np.array(data.draw(st.lists(st.floats(-5, 5) | st.just(np.nan), min_size=n, max_size=n)))
    at = sorted(data.draw(st.sets(st.integers(1, n - 1), min_size=1, max_size=6)))
    found = peri_event(signal, at, nulls(n, 2, 5), before=3, after=4).curve
    for row in found.itertuples():
        around = [signal[b + row.lag] for b in at if 0 <= b + row.lag < n and not np.isnan(signal[b + row.lag])]
        assert row.n == len(around)
        assert np.isnan(row.mean) if not around else row.mean == pytest.approx(np.mean(around), abs=1e-9)


def test_a_rise_at_boundaries_is_found_where_it_is():
    rng = np.random.default_rng(1)
    n, at = 2000, np.arange(40, 2000, 50)
    signal = rng.normal(size=n)
    for lag, height in ((0, 2.0), (1, 1.5), (2, 1.0)):
        signal[at + lag] += height
    batches = [nulls(n, len(at), 300, seed) for seed in range(2)]
    found = peri_event(signal, at, batches, before=6, after=6)
    best = found.clusters.sort_values("mass").iloc[-1]
    assert (best["first_lag"], best["last_lag"], found.n_null) == (0, 2, 600)
    assert best["p"] == pytest.approx(1 / 601)
    curve = found.curve.set_index("lag")
    assert curve.loc[0, "mean"] > curve.loc[0, "band_high"] > curve.loc[0, "null_mean"] > curve.loc[0, "band_low"]
    assert curve.loc[0, "z"] == pytest.approx(
        (curve.loc[0, "mean"] - curve.loc[0, "null_mean"]) / curve.loc[0, "null_sd"]
    )


def test_noise_has_clusters_as_often_as_it_should():
    rng = np.random.default_rng(2)
    n, k, hits, runs = 400, 20, 0, 100
    same = nulls(n, k, 199)
    for _ in range(runs):
        own = rng.choice(np.arange(1, n), k, replace=False)
        clusters = peri_event(rng.normal(size=n), own, same, before=5, after=5).clusters
        hits += bool((clusters["p"] < 0.05).any())
    # Binomial(100, .05) is 12 or fewer with 99.9%: p holds for all lags together.
    assert hits <= 12


def test_peri_event_needs_boundaries_and_nulls():
    with pytest.raises(DataError, match="needs a boundary"):
        peri_event(np.zeros(10), [0], nulls(10, 2, 3))
    with pytest.raises(DataError, match="same 10 units"):
        peri_event(np.zeros(10), [3], nulls(9, 2, 3))
    with pytest.raises(DataError, match="one or more"):
        peri_event(np.zeros(10), [3], [])


# --- speed ------------------------------------------------------------------------------------------------------------


def test_ten_thousand_permutations_of_ten_thousand_words_take_seconds():
    """A tenth of them here, in processor time; the whole took under 4 s on one core when this was written."""
    rng = np.random.default_rng(0)
    n, at = 10_000, np.cumsum(rng.uniform(0.2, 0.6, 10_000))
    people = crowd_of_marks(
        [np.sort(rng.uniform(1, at[-1], 100)) for _ in range(10)], at, float(at[-1] + 1), sentences=np.arange(0, n, 15)
    )
    lengths = rng.geometric(1 / 25, 380)
    starts = np.cumsum(rng.permuted(np.tile(lengths, (1000, 1)), axis=1), axis=1)
    began = time.process_time()
    for part in np.split(starts, 2):
        batch = Partitions.of(part, n)
        for measure in MEASURES.values():
            for variant in measure.variants:
                assert len(measure.score_many(batch, people, None, variant)) == 500
    assert time.process_time() - began < 3.0
