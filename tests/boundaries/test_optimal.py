"""The exact optimum against every segmentation there is, and the gap of others from it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries.optimal import optimal, optimality_gap
from emcog.boundaries.refinement import refine
from emcog.errors import DataError, EmcogError, OptionError
from emcog.graph import METRICS, BandedGraph, block_sums, conductance, modularity, score


def all_objectives(weights, metric, n_events, low, high, allowed, negative="clip", volume="degree"):
    """{starts: summed objective} of every segmentation into n_events (None: any number) for which it is defined."""
    n = len(weights)
    places = [place for place in allowed if place > 0]
    sums, found = block_sums(weights, negative), {}
    for count in range(1, n + 1) if n_events is None else [n_events]:
        for inner in combinations(places, count - 1):
            lengths = np.diff([0, *inner, n])
            if lengths.min() >= low and lengths.max() <= high:
                events = score(sums, [0, *inner], metric, volume=volume, per_event=True).value
                total = events.sum() * (-1 if metric == "conductance" else 1)
                if not np.isnan(total):
                    found[(0, *inner)] = total
    return found


def graph(seed, n, low=-0.5):
    weights = np.random.default_rng(seed).uniform(low, 1, size=(n, n))
    return weights + weights.T


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 10),
    metric=st.sampled_from(METRICS),
    share=st.floats(0, 1),
    low=st.integers(1, 3),
    extra=st.integers(0, 9),
    few=st.booleans(),
    negative=st.sampled_from(["clip", "shift"]),
    volume=st.sampled_from(["degree", "internal"]),
)
def test_no_segmentation_into_as_many_events_is_better(seed, n, metric, share, low, extra, few, negative, volume):
    weights = graph(seed, n)
    n_events = 1 + int(share * (n - 1))
    allowed = np.arange(0, n, 2) if few else np.arange(n)
    high = min(low + extra, n)
    everything = all_objectives(weights, metric, n_events, low, high, allowed, negative, volume)

    def find():
        return optimal(
            weights,
            n_events,
            objective=metric,
            min_event=low,
            max_event=low + extra,
            candidates=allowed if few else None,
            negative=negative,
            volume=volume,
        )

    if not everything and not (n_events == 1 and low <= n <= high):
        with pytest.raises(EmcogError):
            find()
        return
    best = find()
    if not everything:
        assert np.isnan(best.objective)
        assert "one event" in best.note
        return
    assert best.objective == pytest.approx(max(everything.values()), abs=1e-9)
    assert best.objective == pytest.approx(everything[tuple(best.boundaries.tolist())], abs=1e-9)
    assert best.note == ""
    for starts, value in everything.items():
        assert best.gap(list(starts)) == pytest.approx(best.objective - value, abs=1e-9)
        assert best.gap(list(starts)) >= -1e-9


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 9),
    metric=st.sampled_from(METRICS),
    penalty=st.floats(-0.3, 0.3),
    high=st.integers(1, 9),
)
def test_no_segmentation_is_worth_more_than_its_events_cost(seed, n, metric, penalty, high):
    weights = graph(seed, n, low=0.0)
    everything = all_objectives(weights, metric, None, 1, min(high, n), range(n))
    best = optimal(weights, penalty=penalty, objective=metric, max_event=high)
    worth = {starts: value - penalty * len(starts) for starts, value in everything.items()}
    assert best.objective - penalty * best.n_events == pytest.approx(max(worth.values()), abs=1e-9)
    for starts, value in worth.items():
        assert best.gap(list(starts)) == pytest.approx(max(worth.values()) - value, abs=1e-9)


def test_without_number_and_penalty_modularity_finds_its_own_number():
    weights = np.kron(np.eye(4), np.ones((3, 3))) + 0.01
    best = optimal(weights)
    assert best.boundaries.tolist() == [0, 3, 6, 9]
    assert best.score == pytest.approx(modularity(weights, best.boundaries))
    assert best.objective == pytest.approx(best.score)


def test_the_score_of_conductance_is_the_mean_and_its_objective_the_sum_turned():
    weights = np.kron(np.eye(3), np.ones((4, 4))) + 0.1
    best = optimal(weights, 3, objective="conductance")
    assert best.boundaries.tolist() == [0, 4, 8]
    assert best.score == pytest.approx(conductance(weights, [0, 4, 8]))
    assert best.objective == pytest.approx(-3 * best.score)


def test_a_long_text_in_blocks_equals_a_plain_recurrence():
    """Long enough that the blocks of rows, which keep the arrays in the cache, begin and end inside it."""
    rng = np.random.default_rng(2)
    centres = np.repeat(rng.normal(size=(40, 6)), rng.integers(3, 30, 40), axis=0)
    keys = centres + 0.3 * rng.normal(size=centres.shape)
    n, high, count = len(keys), 300, 25
    sums = block_sums(keys @ keys.T)
    table = np.full((n + 1, n + 1), -np.inf)
    for end in range(1, n + 1):
        starts = np.arange(max(0, end - high), end)
        total = sums.total
        table[starts, end] = (
            sums.within(starts, np.full_like(starts, end)) / total
            - (sums.volume(starts, np.full_like(starts, end)) / total) ** 2
        )
    best = np.full(n + 1, -np.inf)
    best[0] = 0
    for _ in range(count):
        best = np.max(best[:, None] + table, axis=0)
    found = optimal(sums, count, max_event=high)
    assert found.objective == pytest.approx(best[-1], abs=1e-12)
    assert np.diff(np.append(found.boundaries, n)).max() <= high
    assert found.n_events == count


def test_the_banded_graph_gives_the_optimum_of_its_edges():
    weights = graph(4, 60, low=0.0) + np.kron(np.eye(6), np.ones((10, 10)))
    banded = BandedGraph.from_dense(weights, 15)
    found, dense = optimal(banded, 6, max_event=20), optimal(banded.to_dense(), 6, max_event=20)
    assert found.boundaries.tolist() == dense.boundaries.tolist()
    assert found.objective == pytest.approx(dense.objective, abs=1e-12)


def test_the_gap_of_the_greedy_refinement():
    weights = np.kron(np.eye(3), np.ones((6, 6))) + 0.01
    proposals = [0, 8, 13]
    gap, best = optimality_gap(weights, proposals)
    refined_gap, _ = optimality_gap(weights, refine(weights, proposals))
    assert best.boundaries.tolist() == [0, 6, 12]
    assert gap > refined_gap >= 0
    assert refined_gap == pytest.approx(0, abs=1e-12)
    assert gap == pytest.approx(modularity(weights, [0, 6, 12]) - modularity(weights, proposals))


def test_degenerate_input_has_the_obvious_answer():
    assert optimal([[2.0]]).boundaries.tolist() == [0]
    assert optimal(np.ones((5, 5)), 1, objective="conductance").boundaries.tolist() == [0]
    assert optimal(np.ones((5, 5)), 5).boundaries.tolist() == [0, 1, 2, 3, 4]
    equal = optimal(np.ones((6, 6)), 3)
    assert equal.n_events == 3
    assert equal.objective == pytest.approx(0, abs=1e-12)
    nothing = optimal(np.zeros((4, 4)), 1)
    assert np.isnan(nothing.objective)
    assert "do not sum to a positive number" in nothing.note


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: optimal(np.eye(3), 4), OptionError, "n_events=4 is more than the 3 places"),
        (lambda: optimal(np.eye(3), 0), OptionError, "n_events"),
        (lambda: optimal(np.eye(3), 2, penalty=1), OptionError, "exclude each other"),
        (lambda: optimal(np.eye(3), objective="conductance"), OptionError, "needs n_events or a penalty"),
        (lambda: optimal(np.eye(3), 2, objective="purity"), OptionError, "choose from"),
        (lambda: optimal(np.eye(9), 2, max_event=3), OptionError, "9 tokens cannot be cut into 2 events of 1 to 3"),
        (lambda: optimal(np.eye(9), 5, min_event=2), OptionError, "of 2 to 9"),
        (lambda: optimal(np.eye(3), 2, min_event=4), OptionError, "min_event=4"),
        (lambda: optimal(np.ones((9, 9)), 3, candidates=[0, 1, 8], max_event=3), OptionError, "candidates"),
        (lambda: optimal(np.zeros((4, 4)), 2), DataError, "no positive weight"),
        (lambda: optimal(-np.ones((4, 4))), DataError, "no positive weight"),
        (lambda: optimal(np.zeros((2, 3, 3)) + np.eye(3), 2), DataError, "stack"),
        (lambda: optimal(BandedGraph.from_lower(np.ones((2**16, 1)))), OptionError, "max_event"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
