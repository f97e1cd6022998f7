"""Modularity, conductance and intra/inter similarity: against networkx, against sums by hand, alone and in batches."""

import warnings

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.errors import DataError, OptionError
from emcog.graph import (
    METRICS,
    BandedGraph,
    block_sums,
    conductance,
    intra_inter_similarity,
    modularity,
    score,
)

FACES = {"modularity": modularity, "conductance": conductance, "intra_inter": intra_inter_similarity}


def random_graph(seed, n, low=0.0):
    graph = np.random.default_rng(seed).uniform(low, 1, size=(n, n))
    return graph + graph.T


def random_starts(seed, n):
    flags = np.random.default_rng(seed).random(n) < 0.25
    flags[0] = True
    return np.flatnonzero(flags)


def sets(starts, n):
    return [set(range(a, b)) for a, b in zip(starts, [*starts[1:], n], strict=True)]


def networkx_graph(weights):
    """networkx counts a loop twice, so the diagonal goes in by half."""
    halved = weights - np.diag(np.diag(weights)) / 2
    graph = nx.from_numpy_array(halved)
    graph.add_nodes_from(range(len(weights)))
    return graph


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 25), sparse=st.booleans())
def test_equal_to_networkx_on_graphs_that_are_not_negative(seed, n, sparse):
    weights = random_graph(seed, n)
    if sparse:
        weights = np.where(weights > 1.2, weights, 0) + np.eye(n) * 0.1
    starts = random_starts(seed + 1, n)
    graph = networkx_graph(weights)
    parts = sets(starts, n)
    assert modularity(weights, starts) == pytest.approx(
        nx.community.modularity(graph, parts, weight="weight"), abs=1e-9
    )
    assert modularity(weights, starts, "paper") == pytest.approx(modularity(weights, starts) / 2, abs=1e-15)
    if len(parts) > 1:
        theirs = [nx.conductance(graph, part, weight="weight") for part in parts]
        np.testing.assert_allclose(conductance(weights, starts, per_event=True), theirs, atol=1e-9)
        assert conductance(weights, starts) == pytest.approx(np.mean(theirs), abs=1e-9)


def by_hand(weights, starts, metric, volume="degree"):
    """The definitions, pair by pair."""
    n, degree, total = len(weights), weights.sum(1), weights.sum()
    values = []
    for part in sets(starts, n):
        mine, rest = sorted(part), sorted(set(range(n)) - part)
        inside = weights[np.ix_(mine, mine)]
        cut = weights[np.ix_(mine, rest)].sum()
        if metric == "modularity":
            chance = np.outer(degree[mine], degree[mine])
            values.append((inside - chance / total).sum() / total if total > 0 else np.nan)
        elif metric == "conductance":
            if volume == "degree":
                smaller = min(degree[mine].sum(), degree[rest].sum())
            else:
                smaller = min(inside.sum(), weights[np.ix_(rest, rest)].sum())
            values.append(cut / smaller if smaller > 1e-12 else np.nan)
        else:
            between = weights[np.ix_(mine, rest)]
            values.append(inside.mean() / between.mean() if rest and between.mean() > 1e-12 else np.nan)
    return np.array(values)


TREAT = {
    "clip": lambda weights: np.maximum(weights, 0),
    "keep": lambda weights: weights,
    "shift": lambda weights: weights - min(weights.min(), 0),
}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 20),
    metric=st.sampled_from(METRICS),
    negative=st.sampled_from(sorted(TREAT)),
    volume=st.sampled_from(["degree", "internal"]),
)
def test_equal_to_the_definitions_with_negative_weights_too(seed, n, metric, negative, volume):
    weights = random_graph(seed, n, low=-0.4)
    starts = random_starts(seed + 1, n)
    expected = by_hand(TREAT[negative](weights), starts, metric, volume)
    found = score(weights, starts, metric, volume=volume, negative=negative, per_event=True)
    np.testing.assert_allclose(found.value, expected, atol=1e-9)
    assert bool(found.note) == bool(np.isnan(expected).any())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 24),
    band=st.integers(1, 30),
    metric=st.sampled_from(METRICS),
    negative=st.sampled_from(["clip", "keep"]),
)
def test_the_banded_graph_scores_as_the_dense_one_without_the_edges_it_lacks(seed, n, band, metric, negative):
    weights = random_graph(seed, n, low=-0.3)
    starts = random_starts(seed + 1, n)
    graph = BandedGraph.from_dense(weights, band)
    found = score(graph, starts, metric, negative=negative, per_event=True).value
    dense = graph.to_dense()
    if metric != "intra_inter":
        expected = score(dense, starts, metric, negative=negative, per_event=True).value
    else:  # means over the pairs that the band has
        place = np.arange(n)
        has = np.abs(place[:, None] - place) < band
        used, expected = TREAT[negative](dense), []
        for part in sets(starts, n):
            mine = np.isin(place, sorted(part))
            inside, outside = used[np.ix_(mine, mine)], used[np.ix_(mine, ~mine)]
            pairs = has[np.ix_(mine, ~mine)].sum()
            between = outside.sum() / pairs if pairs else 0
            expected.append(inside.sum() / has[np.ix_(mine, mine)].sum() / between if between > 0 else np.nan)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_shift_in_a_banded_graph_raises_only_the_weights_it_has():
    weights = random_graph(3, 9, low=-0.9)
    graph = BandedGraph.from_dense(weights, 4)
    place = np.arange(9)
    has = np.abs(place[:, None] - place) < 4
    raised = np.where(has, weights - weights[has].min(), 0)
    assert modularity(graph, [0, 3, 7], negative="shift") == pytest.approx(modularity(raised, [0, 3, 7]), abs=1e-12)


def test_many_segmentations_at_once_in_every_form():
    weights = random_graph(5, 30)
    many = [random_starts(seed, 30) for seed in range(12)]
    flags = np.zeros((12, 30), bool)
    padded = np.full((12, 30), -1)
    for row, starts in enumerate(many):
        flags[row, starts] = True
        padded[row, : len(starts)] = starts
    for metric, face in FACES.items():
        one_by_one = [face(weights, starts) for starts in many]
        for form in (many, flags, padded, torch.tensor(padded), torch.tensor(flags), list(flags)):
            np.testing.assert_allclose(face(block_sums(weights), form), one_by_one, rtol=1e-12)
        assert face(weights, flags[3]) == one_by_one[3]
        assert face(weights, many[:1]).shape == (1,), metric


def test_per_event_values_of_many_are_filled_up_with_nan():
    weights = random_graph(6, 10)
    values = conductance(weights, [[0, 5], [0, 2, 7]], per_event=True)
    assert values.shape == (2, 3)
    assert np.isnan(values[0, 2])
    np.testing.assert_allclose(values[1], conductance(weights, [0, 2, 7], per_event=True))


def test_a_stack_of_graphs_one_for_each_layer_and_head():
    graphs = np.stack([[random_graph(10 * a + b, 12) for b in range(2)] for a in range(3)])
    many = [[0, 4], [0, 5, 6], [0, 11]]
    for face in FACES.values():
        found = face(torch.tensor(graphs), many)
        assert found.shape == (3, 2, 3)
        assert face(graphs, [0, 4]).shape == (3, 2)
        np.testing.assert_allclose(found[2, 1, 1], face(graphs[2, 1], many[1]))
    assert conductance(graphs, many, per_event=True).shape == (3, 2, 3, 3)
    shifted = modularity(graphs - 1, [0, 4], negative="shift")
    np.testing.assert_allclose(shifted[1, 0], modularity(graphs[1, 0] - 1, [0, 4], negative="shift"))


def test_prefix_sums_are_exact_where_float32_ones_are_not():
    n = 2048
    rng = np.random.default_rng(0)
    keys = rng.normal(size=(n, 8)).astype(np.float32) + 3
    weights = keys @ keys.T
    exact = weights[1000:1004, 1000:1004].astype(float).sum()
    sums = block_sums(weights, "keep")
    assert sums.within(np.array([1000]), np.array([1004]))[0] == pytest.approx(exact, rel=1e-9)
    rough = weights.cumsum(0, dtype=np.float32).cumsum(1, dtype=np.float32)
    naive = rough[1003, 1003] - rough[999, 1003] - rough[1003, 999] + rough[999, 999]
    assert abs(naive / exact - 1) > 1e-3


@pytest.mark.parametrize(
    ("weights", "starts", "metric", "words"),
    [
        (np.zeros((4, 4)), [0, 2], "modularity", "do not sum to a positive number"),
        (-np.ones((4, 4)), [0, 2], "modularity", "do not sum to a positive number"),
        (np.ones((4, 4)), [0], "conductance", "one event holds the whole text"),
        (np.ones((4, 4)), [0], "intra_inter", "one event holds the whole text"),
        (np.diag([1.0, 1.0, 0.0, 0.0]), [0, 2], "conductance", r"event 0 \(tokens 0 to 1\)"),
        (np.kron(np.eye(2), np.ones((2, 2))), [0, 2], "intra_inter", "the weight between it and the rest"),
    ],
)
def test_an_undefined_score_is_nan_with_its_reason(weights, starts, metric, words):
    result = score(weights, starts, metric)
    assert np.isnan(result.value)
    with pytest.warns(UserWarning, match=words):
        assert np.isnan(FACES[metric](weights, starts))


def test_notes_of_many_stand_beside_the_segmentations_they_are_about():
    result = score(np.ones((4, 4)), [[0, 2], [0]], "conductance")
    assert not np.isnan(result.value[0])
    assert np.isnan(result.value[1])
    assert result.note[0] == ""
    assert "not positive" in result.note[1]


def test_the_obvious_answers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert modularity([[5.0]], [0]) == 0  # one token
        assert modularity(np.ones((6, 6)), [0]) == 0  # one event
        assert modularity(np.ones((6, 6)), [0, 1, 4]) == pytest.approx(0, abs=1e-12)  # all keys equal
        assert conductance(np.kron(np.eye(2), np.ones((3, 3))), [0, 3]) == 0  # nothing crosses
        assert intra_inter_similarity(np.ones((6, 6)), [0, 3]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("weights", "starts", "words"),
    [
        (np.ones((3, 4)), [0], "square"),
        (np.ones((0, 0)), [0], "empty"),
        (np.triu(np.ones((3, 3))), [0], "not symmetric"),
        (np.full((3, 3), np.nan), [0], r"NaN, infinite or overflowing value at \(0, 0\)"),
        (np.array([["a"]]), [0], "must hold numbers"),
        (np.ones((3, 3)), [1, 2], "do not begin with 0"),
        (np.ones((3, 3)), [], "do not begin with 0"),
        (np.ones((3, 3)), [0, 2, 2], "must increase"),
        (np.ones((3, 3)), [0, 3], "0 to 2"),
        (np.ones((3, 3)), [0, 1.5], "whole"),
        (np.ones((3, 3)), [True, False], "2 flags, but the graph has 3"),
        (np.ones((3, 3)), [[0, 1], [1, 2]], "of segmentation 1 do not begin with 0"),
        (np.ones((3, 3)), [[0, 1], [0, 1, 5]], "of segmentation 1"),
        (np.ones((3, 3)), np.array([[0, 1, 0]]), "flags need dtype bool"),
        (np.ones((3, 3)), np.zeros((2, 4), bool), "4 flags a row"),
        (np.ones((3, 3)), np.zeros((2, 2, 2)), "shape"),
    ],
)
def test_malformed_input_is_told_in_one_line(weights, starts, words):
    with pytest.raises(DataError, match=words) as caught:
        modularity(weights, starts)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: modularity(np.eye(2), [0], "newmann"),
        lambda: conductance(np.eye(2), [0], "external"),
        lambda: modularity(np.eye(2), [0], negative="drop"),
        lambda: score(np.eye(2), [0], "purity"),
    ],
)
def test_unknown_options_list_the_right_ones(call):
    with pytest.raises(OptionError, match="choose from"):
        call()
