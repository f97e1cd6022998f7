import sys

import numpy as np
import pytest

from emcog.errors import DataError, OptionError
from emcog.graph import conductance, modularity, similarity
from emcog.stats import Keys, cohesion, draws
from emcog.stats.nulls import two_sided_p

STARTS = np.array([0, 20, 45, 60, 90])


def planted(n=110, noise=0.5, layers=2, heads=2, seed=0):
    """Keys that scatter around one centre an event."""
    rng = np.random.default_rng(seed)
    lengths = np.diff(np.append(STARTS, n))
    centres = np.repeat(rng.normal(size=(layers, heads, len(STARTS), 16)), lengths, axis=2)
    return centres + noise * rng.normal(size=centres.shape)


@pytest.fixture(scope="module")
def found():
    elsewhere = np.array([7, 33, 52, 77])
    return cohesion(planted(), {"people": STARTS, "elsewhere": elsewhere}, n_null=199, story="s", model="m")


def pick(found, method, metric, variant):
    rows = found[(found.method == method) & (found.metric == metric) & (found.variant == variant)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_events_that_are_in_the_keys_cohere_and_others_do_not(found):
    for metric, sign in (("modularity", 1), ("conductance", -1), ("intra_inter", 1)):
        for variant in ("layer 0", "layer 1 head 1", "all layers"):
            ours, theirs = (pick(found, method, metric, variant) for method in ("people", "elsewhere"))
            assert ours.estimate * sign > 0 and ours.p <= 0.05
            assert ours.z * sign > 2 * theirs.z * sign
    assert len(found) == 2 * 3 * (2 + 4 + 1)


def test_a_row_is_the_graphs_score_less_the_nulls(found):
    keys = planted()
    graph = similarity(keys[1])
    random = np.pad(draws(STARTS, 110, found.null_model[0], 199, 0), ((0, 0), (1, 0)))
    for metric, function in (("modularity", modularity), ("conductance", conductance)):
        scores = function(graph, random)
        row = pick(found, "people", metric, "layer 1")
        assert row.null_mean == pytest.approx(scores.mean())
        assert row.estimate == pytest.approx(function(graph, STARTS) - scores.mean())
        assert row.z == pytest.approx(row.estimate / scores.std(ddof=1))
        assert row.ci_low < row.estimate < row.ci_high
        assert (row.n, row.n_null, row.story, row.model) == (5, 199, "s", "m")


def test_the_interval_is_the_test_turned_round():
    """What is taken off the score may lie inside where the test would not find the rest, by the table's own p."""
    keys, elsewhere = planted(), np.array([7, 33, 52, 77])
    row = cohesion(keys, {"x": elsewhere}, metrics=["conductance"], n_null=199, per_head=False).iloc[-1]
    graph = similarity(keys)
    null = conductance(graph, np.pad(draws(elsewhere, 110, n_null=199), ((0, 0), (1, 0))))
    observed = row.estimate + row.null_mean
    for edge, inside in ((row.ci_low, 1), (row.ci_high, -1)):
        assert two_sided_p(observed - (edge + inside * 1e-9), null) > 0.05
        assert two_sided_p(observed - (edge - inside * 1e-3), null) <= 0.05
    assert row.ci_low < row.estimate < row.ci_high


def test_events_of_one_length_have_no_p():
    even, other = np.arange(0, 110, 22), np.array([0, 20, 47, 60, 88])
    nulls = {"shift": "circular_shift", "order": "shuffled_lengths", "anywhere": "uniform"}
    made = dict.fromkeys(nulls, even) | {"other": other}
    found = cohesion(planted(), made, null=nulls, n_null=99, per_head=False)
    assert dict(zip(found.method, found.null_model, strict=True)) == nulls | {"other": "circular_shift"}
    alike = found[found.method != "other"]
    assert (
        alike.p.isna().all() and alike.p_bh.isna().all() and alike.note.str.contains("events of one length: no").all()
    )
    assert found[found.method == "other"][["p", "z", "ci_low"]].notna().all(axis=None)
    described = alike.method == "anywhere"
    for column in ("z", "ci_low", "ci_high"):
        assert alike[column].notna().tolist() == described.tolist()
    assert alike[["estimate", "null_mean"]].notna().all(axis=None)
    with pytest.raises(OptionError, match="uniform"):
        cohesion(planted(), {"a": even}, null={"a": "rotation"})


def test_keys_are_collected_chunk_by_chunk_and_layer_by_layer():
    keys, whole = Keys([1]), planted()
    for start in range(0, 110, 40):
        keys(start, whole[:, :, start : start + 40], {})
    np.testing.assert_array_equal(keys.array(), whole[1:].astype(np.float32))
    table = cohesion(keys, {"people": STARTS}, n_null=9, per_head=False)
    assert set(table.variant) == {"layer 1"}
    with pytest.raises(DataError, match="listen"):
        Keys().array()


def test_zero_may_be_left_out_and_the_rest_is_checked():
    with_zero = cohesion(planted(), {"a": STARTS, "b": STARTS[1:]}, n_null=9, per_head=False)
    assert with_zero[with_zero.method == "a"].estimate.tolist() == with_zero[with_zero.method == "b"].estimate.tolist()
    with pytest.raises(DataError, match="'a' has a boundary outside"):
        cohesion(planted(), {"a": [0, 400]})
    with pytest.raises(DataError, match="no boundary beside 0"):
        cohesion(planted(), {"a": [0]})
    with pytest.raises(OptionError, match="modularity"):
        cohesion(planted(), {"a": STARTS}, metrics=["density"])
    with pytest.raises(DataError, match="head_dim"):
        cohesion(planted()[0], {"a": STARTS})


def test_long_texts_take_the_banded_graph(monkeypatch):
    room = sys.modules["emcog.stats.cohesion"]  # the package hands on the function of the same name
    monkeypatch.setattr(room, "DENSE", 50)
    monkeypatch.setattr(room, "BAND", 30)
    table = cohesion(
        planted(), {"people": STARTS}, metrics=["modularity"], n_null=99, per_head=False, null="shuffled_lengths"
    )
    expected = modularity(similarity(planted()[0], band=30), STARTS)
    row = table.iloc[0]
    assert row.estimate + row.null_mean == pytest.approx(expected)
    assert row.p <= 0.05
