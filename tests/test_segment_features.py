"""Any series into events: against the pieces it is made of, against planted boundaries, and for what always holds."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import emcog
from emcog.boundaries import fixed, merge_short, refine, shuffled, split_long, take_ranked, threshold
from emcog.boundaries.features import running_prediction_distance
from emcog.boundaries.hierarchy import hierarchy
from emcog.boundaries.optimal import optimal
from emcog.errors import DataError, EmcogError, OptionError
from emcog.graph import similarity
from emcog.series import SERIES_KINDS, SERIES_PROPOSALS, features, segment_features

TRUE = np.array([0, 50, 83, 120, 171])


def planted(noise=0.3, seed=0, n=210):
    """Rows around one centre an event."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(len(TRUE), 20)), np.diff(np.append(TRUE, n)), axis=0)
    return centres + noise * rng.normal(size=centres.shape)


ROWS = planted()


def test_the_public_name_is_the_function_also_after_its_module_was_imported():
    assert emcog.segment_features is segment_features
    assert callable(emcog.segment_features)


@pytest.mark.parametrize(
    "options",
    [
        {"propose": "optimal", "n_events": 5},
        {"propose": "optimal", "kind": "correlation"},
        {"propose": "top", "n_events": 5, "half_life": 3, "min_event": 5},
        {"propose": "peaks", "n_events": 5, "half_life": 3},
        {"min_event": 5, "gamma": 5, "half_life": 3},
        {"min_event": 5, "gamma": 5, "half_life": 3, "distance_kind": "correlation", "refine": "modularity"},
    ],
)
def test_planted_boundaries_are_found(options):
    assert segment_features(ROWS, **options).boundaries.tolist() == TRUE.tolist()


@pytest.mark.parametrize("metric", ["modularity", "conductance"])
def test_refinement_mends_late_proposals(metric):
    late = np.arange(0, 210, 42)  # equal lengths lie 1 to 34 rows off
    found = segment_features(ROWS, propose="fixed", n_events=5, refine=metric).boundaries
    assert len(set(found) & set(TRUE)) > len(set(late) & set(TRUE))
    assert segment_features(ROWS, propose="fixed", n_events=5).boundaries.tolist() == late.tolist()


@pytest.mark.parametrize("kind", SERIES_KINDS)
@pytest.mark.parametrize("negative", ["clip", "keep", "shift"])
def test_refinement_equals_the_pieces(kind, negative):
    rows = planted(1.0, seed=3)
    shown = rows - rows.mean(1, keepdims=True) if kind == "correlation" else rows
    graph = similarity(shown, kind="dot" if kind == "dot" else "cosine")
    starts = merge_short(threshold(running_prediction_distance(rows, half_life=4.0), 0.8, 64), len(rows), 3)
    expected = refine(graph, starts, "modularity", min_size=3, negative=negative)
    options = {"gamma": 0.8, "window": 64, "half_life": 4.0, "min_event": 3, "kind": kind, "negative": negative}
    assert segment_features(rows, refine="modularity", **options).boundaries.tolist() == expected.tolist()


def test_each_proposal_equals_its_piece():
    rows = planted(1.5, seed=5)
    n, signal = len(rows), running_prediction_distance(rows, "window", window=6, distance="cosine")
    shared = {"prediction": "window", "prediction_window": 6, "distance_kind": "cosine"}
    starts = threshold(signal, 1.0, 512)
    assert len(starts) > 3

    def found(**options):
        return segment_features(rows, **(shared | options)).boundaries.tolist()

    np.testing.assert_array_equal(segment_features(rows, **shared).signal, signal)
    assert found() == starts.tolist()
    assert found(propose="random", seed=4) == shuffled(starts, n, 4).tolist()
    assert found(propose="fixed") == fixed(n, len(starts)).tolist()
    order = np.argsort(-np.nan_to_num(signal, nan=-np.inf), kind="stable")
    assert found(propose="top", n_events=6, min_event=4) == take_ranked(order, 6, n, 4).tolist()
    merged = merge_short(starts, n, 6)
    assert found(propose="random", min_event=6) == shuffled(merged, n, 0).tolist()
    assert found(max_event=12, min_event=6) == split_long(merged, n, 12, 6, signal).tolist()
    graph = similarity(rows, kind="cosine")
    best = optimal(graph, penalty=0.01, max_event=60, min_event=2)
    assert found(propose="optimal", penalty=0.01, max_event=60, min_event=2) == best.boundaries.tolist()


def test_levels_nest_and_say_who_holds_whom():
    result = segment_features(ROWS, propose="optimal", levels=[2, 3, 5], kind="dot")
    tree = hierarchy(similarity(ROWS), [2, 3, 5])
    events = result.events
    assert result.boundaries.tolist() == tree.levels[-1].tolist()
    for column, coarse in (("level_0", tree.levels[0]), ("level_1", tree.levels[1])):
        assert events.groupby(column).start.min().tolist() == coarse.tolist()
    assert events.parent.tolist() == events.level_1.tolist() == tree.parents[-1].tolist()
    assert segment_features(ROWS, propose="top", levels=[4]).events.parent.tolist() == [-1] * 4


def test_times_become_onsets_and_offsets():
    times = np.arange(210) * 1.5 - 4.5
    events = segment_features(ROWS, times, propose="optimal", n_events=5).events
    assert events.onset_s.tolist() == (TRUE * 1.5 - 4.5).tolist()
    assert events.offset_s.tolist() == [*(TRUE[1:] * 1.5 - 4.5), 210 * 1.5 - 4.5]
    uneven = segment_features(ROWS[:4], [0, 1, 2, 5], propose="fixed", n_events=2).events
    assert uneven.offset_s.tolist() == [2, 6]


def test_a_longer_series_has_a_banded_graph_with_the_same_boundaries(monkeypatch):
    options = {"refine": "conductance", "min_event": 5, "gamma": 2.0}
    dense = [segment_features(ROWS, **options), segment_features(ROWS, propose="optimal", n_events=5)]
    monkeypatch.setattr(features, "DENSE", 100)
    banded = [segment_features(ROWS, **options), segment_features(ROWS, propose="optimal", n_events=5)]
    for one, other in zip(dense, banded, strict=True):
        assert one.boundaries.tolist() == other.boundaries.tolist()
        assert one.provenance["graph"]["form"] == "dense"
        assert other.provenance["graph"]["form"] == "banded"
    monkeypatch.setattr(features, "BAND", 40)
    narrow = segment_features(ROWS, propose="optimal")
    assert narrow.events.n_rows.max() <= 40
    assert narrow.provenance["graph"] == {"form": "banded", "band": 40, "max_event": 40}
    assert len(segment_features(ROWS, propose="optimal", n_events=4).events) == 4  # 4 times 40 rows would be too few
    monkeypatch.setattr(features, "MAX_EDGES", 1000)
    with pytest.raises(OptionError, match="too large"):
        segment_features(ROWS, propose="optimal")


def test_the_record_is_whole_and_runs_repeat():
    one, two = (segment_features(ROWS, np.arange(210), propose="random", refine="modularity", seed=3) for _ in range(2))
    assert one.events.equals(two.events)
    record = json.loads(json.dumps(one.provenance, allow_nan=False))
    assert record["settings"]["seed"] == record["seed"] == 3
    assert record["input"] == two.provenance["input"]
    other = segment_features(ROWS + 1e-9, np.arange(210), propose="random").provenance["input"]
    assert record["input"]["sha256"] != other["sha256"]
    assert record["input"]["times_sha256"] == other["times_sha256"]
    assert "5 events" in repr(segment_features(ROWS, propose="top", n_events=5))


def test_numbers_of_numpy_become_plain_ones():
    options = {"propose": "optimal", "min_event": 5.0, "max_event": np.int64(60), "half_life": np.float32(3)}
    one = segment_features(ROWS, penalty=np.float64(0.01), gamma=np.float32(0.5), seed=np.int64(2), **options)
    two = segment_features(ROWS, penalty=0.01, propose="optimal", min_event=5, max_event=60)
    assert one.boundaries.tolist() == two.boundaries.tolist()
    kept = json.loads(json.dumps(one.provenance))["settings"]
    assert (kept["min_event"], kept["max_event"], kept["half_life"], kept["seed"]) == (5, 60, 3.0, 2)


def test_tensors_and_one_feature():
    options = {"propose": "optimal", "n_events": 5}
    assert segment_features(torch.tensor(ROWS), **options).boundaries.tolist() == TRUE.tolist()
    steps = np.repeat([0.0, 4.0, 1.0], 40)
    assert segment_features(steps, propose="top", n_events=3, half_life=1).boundaries[1] == 40
    with pytest.raises(OptionError, match="at least 2 features"):
        segment_features(steps, refine="modularity", kind="correlation")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 70),
    dim=st.integers(2, 4),
    propose=st.sampled_from(SERIES_PROPOSALS),
    refine_by=st.sampled_from([None, "modularity", "conductance"]),
    kind=st.sampled_from(SERIES_KINDS),
    min_event=st.integers(1, 5),
    wanted=st.one_of(st.none(), st.integers(1, 6)),
    spread=st.sampled_from([0.0, 1.0]),
)
def test_whatever_is_asked_the_events_tile_the_rows(seed, n, dim, propose, refine_by, kind, min_event, wanted, spread):
    rows = np.ones((n, dim)) + spread * np.random.default_rng(seed).normal(size=(n, dim))
    options = {"propose": propose, "refine": refine_by, "kind": kind, "min_event": min_event, "n_events": wanted}
    try:
        result = segment_features(rows, np.arange(n), **options, seed=seed)
    except EmcogError as error:
        assert "\n" not in str(error)
        possible = wanted is None or wanted * min_event <= n
        assert not (possible and propose in ("fixed", "random", "threshold") and min_event == 1 and spread), error
        return
    events = result.events
    assert events.start.tolist() == [0, *events.end[:-1]]
    assert events.end.iloc[-1] == n
    assert (events.n_rows == events.end - events.start).all()
    assert (events.onset_s == events.start).all()
    assert events.n_rows.min() >= min(min_event, n)
    assert wanted is None or len(events) == wanted
    assert np.array_equal(events.surprise, result.signal[events.start], equal_nan=True)
    assert np.isnan(result.signal[0])
    assert "row 0" in result.note
    assert result.boundaries.dtype == np.int64


def test_degenerate_series_get_the_obvious_answer_and_a_note():
    one = segment_features([[1.0, 2.0]], [3.0])
    assert one.boundaries.tolist() == [0]
    assert np.isnan(one.events.offset_s[0])
    assert "offset_s is NaN" in one.note
    short = segment_features(ROWS[:33])
    assert short.boundaries.tolist() == [0]
    assert "no threshold" in short.note
    assert "no times" in short.note
    assert "no threshold" not in segment_features(ROWS[:34]).note
    equal = segment_features(np.ones((60, 3)), refine="modularity")
    assert equal.boundaries.tolist() == [0]
    assert "no positive weight" not in equal.note
    zero = segment_features(
        np.zeros((60, 3)), propose="fixed", n_events=3, refine="conductance", distance_kind="cosine"
    )
    assert zero.boundaries.tolist() == [0, 20, 40]
    assert "no positive weight" in zero.note
    assert "59 more rows" in zero.note
    assert segment_features(ROWS, min_event=500).boundaries.tolist() == [0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: segment_features(np.zeros((0, 3))), DataError, "not empty"),
        (lambda: segment_features([[1.0], [np.nan]]), DataError, "row 1"),
        (lambda: segment_features(ROWS, np.arange(5)), DataError, "each of 210 rows"),
        (lambda: segment_features(ROWS, ["a"] * 210), DataError, "type <U1"),
        (lambda: segment_features(ROWS[:3], [0, 2, 2]), DataError, "row 2 has 2"),
        (lambda: segment_features(ROWS[:3], [0, np.inf, 2]), DataError, "row 1 has inf"),
        (lambda: segment_features(np.zeros((9, 2)), propose="optimal"), DataError, "no positive weight"),
        (lambda: segment_features(ROWS, propose="sentence"), OptionError, "threshold, peaks, top"),
        (lambda: segment_features(ROWS, propose="top"), OptionError, "give n_events"),
        (lambda: segment_features(ROWS, n_events=211), OptionError, "211 events"),
        (lambda: segment_features(ROWS, propose="fixed", n_events=50, min_event=5), OptionError, "at least 5 rows"),
        (lambda: segment_features(ROWS, window=31), OptionError, "window must be"),
        (lambda: segment_features(ROWS, window=None), OptionError, "window must be"),
        (lambda: segment_features(ROWS, min_event=None), OptionError, "min_event must be"),
        (lambda: segment_features(ROWS, half_life=0), OptionError, "half_life"),
        (lambda: segment_features(ROWS, distance_kind="manhattan"), OptionError, "correlation"),
        (lambda: segment_features(ROWS, refine="modularty"), OptionError, "did you mean 'modularity'"),
        (lambda: segment_features(ROWS, kind="pearson"), OptionError, "unknown kind"),
        (lambda: segment_features(ROWS, penalty=0.1), OptionError, "penalty is for"),
        (lambda: segment_features(ROWS, n_events=3, max_event=90), OptionError, "max_event cannot hold"),
        (lambda: segment_features(ROWS, levels=[5, 2]), OptionError, "increase"),
        (lambda: segment_features(ROWS, levels=[2, 5], n_events=4), OptionError, "leave n_events out"),
        (lambda: segment_features(ROWS, min_event=5, max_event=8), OptionError, "give max_event at least 9"),
        (lambda: segment_features([[1, 2], [3]]), DataError, "different lengths"),
        (lambda: segment_features(ROWS[:2], [[1, 2], [3]]), DataError, "different lengths"),
        (lambda: segment_features(ROWS, propose="optimal", n_events=2, max_event=90), OptionError, "2 events"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", SERIES_KINDS)
@pytest.mark.parametrize("distance_kind", ["euclidean", "cosine", "correlation"])
def test_the_unit_of_the_rows_does_not_matter(kind, distance_kind):
    options = {"refine": "modularity", "min_event": 5, "kind": kind, "distance_kind": distance_kind, "gamma": 2.0}
    plain = segment_features(ROWS, **options)
    with np.errstate(all="raise", under="ignore"):
        for scale in (1e200, 1e-200, 1e300):
            other = segment_features(ROWS * scale, **options)
            assert (other.boundaries.tolist(), other.note) == (plain.boundaries.tolist(), plain.note)
            unit = scale if distance_kind == "euclidean" else 1.0
            np.testing.assert_allclose(other.signal / unit, plain.signal, rtol=1e-9)


@pytest.mark.parametrize("propose", ["threshold", "fixed", "random", "peaks"])
@pytest.mark.parametrize("wanted", [{}, {"n_events": 6}, {"levels": [2, 6]}])
def test_refinement_keeps_the_number_of_events(propose, wanted):
    options = {"propose": propose, "min_event": 6, "half_life": 3, "gamma": 0.5} | wanted
    made = [segment_features(ROWS, refine=by, **options) for by in (None, "modularity", "conductance")]
    assert len({len(one.events) for one in made}) == 1 < len(made[0].events)
    assert min(one.events.n_rows.min() for one in made) >= 6
