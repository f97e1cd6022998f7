"""The graph of keys: dense and banded, from arrays and tensors, in one piece and chunk by chunk."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.errors import DataError, OptionError
from emcog.graph import BandedGraph, similarity

RNG = np.random.default_rng(7)
KEYS = RNG.normal(size=(3, 2, 20, 4))


def by_hand(keys, layers, heads):
    n = keys.shape[2]
    graph = np.zeros((n, n))
    for layer in layers:
        for head in heads:
            for i in range(n):
                for j in range(n):
                    graph[i, j] += float(np.dot(keys[layer, head, i], keys[layer, head, j]))
    return graph


@pytest.mark.parametrize(
    ("layers", "heads", "which"),
    [
        (None, None, ([0, 1, 2], [0, 1])),
        ([2, 0], 1, ([0, 2], [1])),
        (slice(1, None), [0], ([1, 2], [0])),
        (-1, np.array([0, 1]), ([2], [0, 1])),
    ],
)
def test_dot_products_are_summed_over_the_chosen_heads_and_layers(layers, heads, which):
    np.testing.assert_allclose(similarity(KEYS, layers=layers, heads=heads), by_hand(KEYS, *which), atol=1e-12)


def test_cosine_is_the_mean_of_each_heads():
    unit = KEYS / np.linalg.norm(KEYS, axis=-1, keepdims=True)
    np.testing.assert_allclose(similarity(KEYS, kind="cosine"), by_hand(unit, range(3), range(2)) / 6, atol=1e-12)
    assert similarity(KEYS * 3, kind="cosine").max() <= 1 + 1e-12


def test_a_zero_key_has_cosine_0():
    np.testing.assert_array_equal(similarity(np.array([[0.0, 0.0], [3.0, 4.0]]), kind="cosine"), [[0, 0], [0, 1]])


def test_tensors_give_a_tensor_and_the_same_numbers():
    tensor = similarity(torch.tensor(KEYS), layers=[0, 2])
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), similarity(KEYS, layers=[0, 2]), atol=1e-12)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(kind):
    keys = torch.tensor(KEYS).to(kind)
    graph = similarity(keys)
    assert graph.dtype == torch.float32
    np.testing.assert_allclose(graph.numpy(), similarity(keys.double().numpy()), atol=1e-5)


def test_heads_and_layers_can_be_left_apart_or_come_as_a_list():
    apart = similarity(KEYS, pool=False)
    assert apart.shape == (3, 2, 20, 20)
    np.testing.assert_allclose(apart[1, 1], by_hand(KEYS, [1], [1]), atol=1e-12)
    np.testing.assert_allclose(similarity(list(KEYS)), similarity(KEYS), atol=1e-12)
    np.testing.assert_allclose(similarity(torch.tensor(KEYS), pool=False).numpy(), apart, atol=1e-12)
    np.testing.assert_allclose(similarity(KEYS[0, 0]), apart[0, 0], atol=1e-12)


def in_band(graph, band):
    place = np.arange(len(graph))
    return np.where(np.abs(place[:, None] - place) < band, graph, 0)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 60),
    band=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    as_tensor=st.booleans(),
)
def test_the_banded_graph_grown_in_chunks_is_the_band_of_the_dense_one(n, band, cuts, as_tensor):
    keys = np.random.default_rng(n).normal(size=(2, 2, n, 3))
    graph = BandedGraph(band)
    for chunk in np.split(keys, sorted(min(cut, n) for cut in cuts), axis=2):
        graph.append(torch.tensor(chunk) if as_tensor else chunk)
    assert graph.shape == (n, n)
    dense = similarity(keys)
    np.testing.assert_allclose(graph.to_dense(), in_band(dense, band), atol=1e-12)
    low = n // 3
    np.testing.assert_allclose(graph.window(low, n), in_band(dense, band)[low:, low:], atol=1e-12)
    np.testing.assert_allclose(BandedGraph.from_dense(dense, band).lower, graph.lower, atol=1e-12)
    np.testing.assert_allclose(similarity(keys, band=band).lower, graph.lower, atol=1e-12)


def test_a_chunk_longer_than_the_band_is_cut_up():
    keys = RNG.normal(size=(1500, 3))
    graph = BandedGraph.from_keys(keys, band=5)
    np.testing.assert_allclose(graph.window(250, 262), in_band(similarity(keys), 5)[250:262, 250:262], atol=1e-12)
    assert graph._tail.shape[0] == 4
    assert graph.lower.shape == (1500, 5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: similarity(np.zeros(3)), DataError, "shape"),
        (lambda: similarity(np.zeros((2, 0, 5, 3))), DataError, "empty"),
        (lambda: similarity([np.zeros((1, 3, 2)), np.zeros((1, 4, 2))]), DataError, "different numbers of tokens"),
        (lambda: similarity(KEYS, layers=[3]), OptionError, "0 to 2"),
        (lambda: similarity(KEYS, heads=[]), OptionError, "heads"),
        (lambda: similarity(KEYS, kind="cosin"), OptionError, "did you mean 'cosine'"),
        (lambda: similarity(KEYS, band=0), OptionError, "band"),
        (lambda: similarity(KEYS, band=3, pool=False), OptionError, "pool"),
        (lambda: BandedGraph.from_dense(np.eye(4), 2).append(KEYS), DataError, "not built from keys"),
        (lambda: BandedGraph.from_dense(np.zeros((2, 3)), 2), DataError, "square"),
        (lambda: BandedGraph.from_lower(np.zeros(3)), DataError, "(n, band)"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_chunk_with_other_features_is_refused():
    graph = BandedGraph.from_keys(np.ones((3, 2)), band=2)
    with pytest.raises(DataError, match="3 features"):
        graph.append(np.ones((3, 3)))


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
def test_cosines_of_very_large_and_small_keys(scale):
    keys = np.random.default_rng(0).normal(size=(2, 3, 7, 4))
    for convert in (np.asarray, torch.tensor):
        found = similarity(convert(keys * scale), kind="cosine")
        np.testing.assert_allclose(found, similarity(keys, kind="cosine"), rtol=1e-12)
