"""Refinement: the paper's rule against brute force, the released code's against golden numbers, and streaming."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries.refinement import refine
from emcog.boundaries.streaming import StreamingRefiner
from emcog.errors import DataError, OptionError
from emcog.graph import METRICS, BandedGraph, score, similarity

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
needs_golden = pytest.mark.skipif(
    not (GOLDEN / "refine_vectors.json").exists(), reason="golden data are not beside this checkout (../shared/golden)"
)


TREAT = {
    "clip": lambda weights: np.maximum(weights, 0),
    "keep": lambda weights: weights,
    "shift": lambda weights: weights - min(weights.min(), 0),
}


def brute_force(weights, proposals, metric, min_size, negative):
    """Algorithm 1 as the design words it: every candidate's two parts scored by the scoring function itself."""
    n = len(weights)
    bounds = [*proposals, n]
    refined = [0]
    for i in range(1, len(proposals)):
        a, b, c = refined[-1], bounds[i], bounds[i + 1]
        scores = {}
        for t in range(a + min_size, min(b, c - min_size) + 1):
            window, cut = TREAT[negative](weights[a:c, a:c]), t - a
            value = score(window, [0, cut], metric, negative="keep").value
            crossing = abs(window[:cut, cut:].sum())
            if (
                metric == "intra_inter"
                and crossing < 1e-12
                and min(window[:cut, :cut].sum(), window[cut:, cut:].sum()) > 0
            ):
                value = np.inf  # undefined to score, the best there can be to refine
            if not np.isnan(value):
                scores[t] = -value if metric == "conductance" else value
        best = max(scores.values(), default=None)
        near = 1e-10 * max([1.0, *(abs(value) for value in scores.values() if np.isfinite(value))])
        refined.append(b if best is None else min(t for t, value in scores.items() if value >= best - near))
    return refined


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 16),
    metric=st.sampled_from(METRICS),
    negative=st.sampled_from(["clip", "keep", "shift"]),
    min_size=st.integers(1, 4),
    whole=st.booleans(),
)
def test_paper_mode_equals_brute_force(seed, n, metric, negative, min_size, whole):
    """Negative weights and, with whole numbers, ties are among the graphs."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-1, 3, size=(n, n)).astype(float) if whole else rng.uniform(-0.5, 1.5, size=(n, n))
    weights = weights + weights.T
    proposals = np.flatnonzero(np.append(True, rng.random(n - 1) < 0.4))
    expected = brute_force(weights, proposals.tolist(), metric, min_size, negative)
    found = refine(weights, proposals, metric, min_size=min_size, negative=negative)
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_an_infinitely_good_split_is_taken():
    cliques = np.kron(np.eye(2), np.ones((4, 4)))
    for metric in METRICS:
        assert refine(cliques, [0, 6], metric).tolist() == [0, 4]


def test_the_earliest_of_equals_is_taken():
    ring = np.eye(6) + np.eye(6, k=1) + np.eye(6, k=-1)  # the splits at 3 - 1 and 3 + 1 mirror each other
    ring[2, 3] = ring[3, 2] = 2
    assert refine(ring, [0, 5], "modularity").tolist() == [0, 2]


def test_the_proposal_itself_is_a_candidate_and_boundaries_move_left_only():
    weights = np.kron(np.eye(2), np.ones((4, 4))) + 0.01
    assert refine(weights, [0, 4]).tolist() == [0, 4]
    moved = refine(weights, [0, 2, 7])
    assert (moved <= [0, 2, 7]).all()


def test_without_a_candidate_the_proposal_stays():
    weights = np.ones((6, 6))
    assert refine(weights, [0, 1, 2], min_size=3).tolist() == [0, 1, 2]
    assert refine(-weights, [0, 3]).tolist() == [0, 3]  # clipped to an empty graph: no score is defined
    assert refine(0 * weights, [0, 3], "conductance").tolist() == [0, 3]


def test_degenerate_input_has_the_obvious_answer():
    assert refine([[1.0]], [0]).tolist() == [0]
    assert refine(np.ones((5, 5)), []).tolist() == [0]
    assert refine(np.ones((5, 5)), [3]).tolist() == refine(np.ones((5, 5)), [0, 3]).tolist()
    assert refine(np.ones((5, 5)), np.array([0, 0, 0, 1, 0], bool)).tolist() == [0, 1]  # all equal: the earliest


def test_tensors_and_volumes_are_taken():
    weights = np.random.default_rng(1).random((30, 30))
    weights = weights + weights.T
    for volume in ("degree", "internal"):
        found = refine(torch.tensor(weights), torch.tensor([0, 9, 20]), "conductance", volume=volume)
        expected = []
        for a, b, c in ((0, 9, 20), (None, 20, 30)):
            a = expected[-1] if a is None else a
            values = [
                score(weights[a:c, a:c], [0, t - a], "conductance", volume=volume).value for t in range(a + 1, b + 1)
            ]
            expected.append(a + 1 + int(np.nanargmin(values)))
        assert found.tolist() == [0, *expected]


@needs_golden
@pytest.mark.parametrize("metric", METRICS)
def test_reference_mode_equals_the_released_code_on_its_unit_vectors(metric):
    """Source: EM-LLM reference, commit e911d1f (refine_vectors)."""
    arrays = np.load(GOLDEN / "refine_vectors.npz")
    cases = json.loads((GOLDEN / "refine_vectors.json").read_text())
    name = "intra_inter_sim" if metric == "intra_inter" else metric
    for case in cases:
        graph = arrays[f"A{case['case']}"]
        found = refine(graph, case["events"], metric, "reference", case["min_size"], case["offset"])
        assert found.tolist() == case["out"][name], case["tag"]
    assert len(cases) == 11


@needs_golden
def test_reference_scores_equal_the_released_codes_curves():
    from emcog.graph.splits import reference_scores, split_sums

    arrays = np.load(GOLDEN / "refine_vectors.npz")
    for case, end, window in ((0, 49, (0, 73)), (17, 16, (0, 24))):
        sums = split_sums(arrays[f"A{case}"][slice(*window), slice(*window)])
        for metric in METRICS:
            name = "intra_inter_sim" if metric == "intra_inter" else metric
            curve = arrays[f"curve{case}_{name}"][1:]  # its first entry is the split into nothing and all
            found = reference_scores(sums, metric)[: end - 1] * (-1 if metric == "conductance" else 1)
            np.testing.assert_allclose(found, curve, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def golden_keys():
    """Un-rotated keys of the golden model, (layers, kv_heads, n, head_dim), where the plain model equals the reference:
    its first 256 tokens."""
    transformers = pytest.importorskip("transformers")
    model = transformers.LlamaForCausalLM.from_pretrained(GOLDEN / "model", dtype=torch.float32).eval()
    caught = []
    for layer in model.model.layers:
        layer.self_attn.k_proj.register_forward_hook(lambda module, inputs, output: caught.append(output[0]))
    with torch.no_grad():
        model(torch.tensor(np.load(GOLDEN / "input_ids.npy")[:256].astype(np.int64))[None])
    keys = torch.stack(caught)
    return keys.reshape(4, 256, 4, 8).transpose(1, 2)


@needs_golden
def test_reference_mode_equals_a_run_of_the_released_code(golden_keys):
    """Chunks 0 and 1 of the run SM, keys to boundaries, with the left context of the second."""
    run = np.load(GOLDEN / "variant_SM.npz")
    refiner = StreamingRefiner("modularity", "reference", min_size=4, layers=[2, 3])
    for start in (0, 128):
        raw = start + np.flatnonzero(run["raw_boundary"][start : start + 128])
        assert len(raw) > 3
        found = refiner.push(golden_keys[:, :, start : start + 128], raw)
        assert found.tolist() == (start + np.flatnonzero(run["boundary"][start : start + 128])).tolist()
    assert refiner.finish().tolist() == []


@needs_golden
def test_the_graph_of_a_golden_chunk_is_the_released_codes(golden_keys):
    offset = int(np.load(GOLDEN / "variant_SM.npz")["refine_offset"][1])
    theirs = np.load(GOLDEN / "refine_vectors.npz")["A14"]
    ours = similarity(golden_keys[:, :, 128 - offset :], layers=[2, 3]).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_left_context_of_reference_chunks_is_the_released_codes():
    """Offset of every chunk of the run SM, from its refined boundaries; with keys that make no difference to it."""
    if not (GOLDEN / "variant_SM.npz").exists():
        pytest.skip("golden data are not beside this checkout (../shared/golden)")
    run = np.load(GOLDEN / "variant_SM.npz")
    refiner = StreamingRefiner("modularity", "reference", min_size=4)
    sides = []
    for p in range(47):
        start, count = int(run["pass_start"][p]), int(run["pass_len"][p])
        before = np.flatnonzero(run["boundary"][:start])
        refiner._last, refiner._begun = (int(before[-1]), True) if len(before) else (0, False)
        refiner._graph = lambda a, b: sides.append(b - a) or np.ones((b - a, b - a))
        refiner.push(np.ones((count, 1)), start + np.flatnonzero(run["raw_boundary"][start : start + count]))
    assert sides == run["refine_adj_size"].tolist()


def test_reference_mode_by_hand():
    weights = np.kron(np.eye(2), np.ones((6, 6))) + 0.1
    # 8 and 9 stand nearer than 4 to the raw event before, dropped or not; 7 moves left into [4, 6]
    assert refine(weights, [7, 8, 9], mode="reference", min_size=4).tolist() == [6]
    # the event at 6 is not its own candidate
    assert refine(weights, [6], mode="reference", min_size=1).tolist() == [5]
    assert refine(weights, [], mode="reference").tolist() == []


def pieces(keys, proposals, refiner, lengths, lag=0):
    """Feed a refiner chunks of the given lengths, proposals `lag` tokens late."""
    n = keys.shape[-2]
    out, position, given_to, most = [], 0, 0, 0
    while position < n:
        end = min(position + lengths[len(out) % len(lengths)], n)
        known = max(end - lag, given_to)
        now = proposals[(proposals >= given_to) & (proposals < known)]
        out.append(refiner.push(keys[..., position:end, :], now, known=known))
        position, given_to = end, known
        most = max(most, refiner.carried)
    out.append(refiner.finish(proposals[proposals >= given_to]))
    return np.concatenate(out), most


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 200),
    rate=st.sampled_from([0.0, 0.005, 0.05, 0.3]),
    metric=st.sampled_from(METRICS),
    negative=st.sampled_from(["clip", "keep", "shift"]),
    min_size=st.integers(1, 4),
    room=st.integers(0, 60),
    lengths=st.lists(st.integers(1, 80), min_size=1, max_size=4),
    lag=st.integers(0, 9),
)
def test_streaming_and_banded_equal_the_dense_one_shot(seed, n, rate, metric, negative, min_size, room, lengths, lag):
    rng = np.random.default_rng(seed)
    keys = rng.normal(size=(2, 2, n, 4)) + 0.5
    proposals = np.flatnonzero(rng.random(n) < rate)
    options = {"metric": metric, "min_size": min_size, "negative": negative}
    longest = 4 * min_size + room
    expected = refine(similarity(keys), proposals, max_window=longest, **options)
    banded = refine(similarity(keys, band=longest), proposals, **options)
    refiner = StreamingRefiner(max_window=longest, **options)
    found, carried = pieces(keys, proposals, refiner, lengths, lag)
    assert expected.tolist() == banded.tolist() == found.tolist()
    assert carried <= 2 * longest + max(lengths) + lag


def test_a_window_that_is_never_too_long_changes_nothing():
    rng = np.random.default_rng(3)
    keys = torch.tensor(rng.normal(size=(1, 2, 90, 4)) + 1)
    proposals = np.array([0, 20, 33, 60, 71])
    whole = refine(similarity(keys), proposals)
    assert refine(similarity(keys), proposals, max_window=90).tolist() == whole.tolist()
    assert pieces(keys, proposals, StreamingRefiner(max_window=90), [7])[0].tolist() == whole.tolist()


def test_what_a_stream_carries_does_not_grow_with_the_text():
    keys = np.random.default_rng(0).normal(size=(1, 1, 512, 2))
    refiner = StreamingRefiner(max_window=64)
    carried = []
    for chunk in range(40):  # no proposal at all in the second half: nothing may pile up there either
        at = chunk * 512 + np.arange(0, 512, 37) if chunk < 20 else []
        refiner.push(keys, at)
        carried.append(refiner.carried)
    assert max(carried) <= 2 * 64
    assert len(refiner.finish()) == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: refine(np.eye(3), [0], "modularty"), OptionError, "did you mean 'modularity'"),
        (lambda: refine(np.eye(3), [0], mode="papr"), OptionError, "paper, reference"),
        (lambda: refine(np.eye(3), [0], min_size=0), OptionError, "min_size must be a whole number at least 1"),
        (lambda: refine(np.eye(3), [0], offset=2), OptionError, "reference"),
        (lambda: refine(np.eye(3), [0, 3]), DataError, "0 to 2"),
        (lambda: refine(np.eye(3), [0, 2, 1]), DataError, "increase"),
        (lambda: refine(np.zeros((2, 3, 3)), [0]), DataError, "square"),
        (lambda: refine(np.triu(np.ones((3, 3))), [0]), DataError, "symmetric"),
        (lambda: refine(np.eye(30), [0, 9], max_window=7, min_size=2), OptionError, "at least 8"),
        (lambda: refine(BandedGraph(8), [0]), DataError, "empty"),
        (lambda: refine(np.eye(3), [2, 1], mode="reference"), DataError, "increase"),
        (lambda: refine(np.eye(3), [2], mode="reference", offset=1), DataError, "0 to 1"),
        (lambda: refine(np.eye(3), [1], mode="reference", offset=3), OptionError, "offset=3"),
        (lambda: refine(np.eye(3), [1], mode="reference", negative="clip"), OptionError, "its own rules"),
        (lambda: refine(BandedGraph.from_dense(np.eye(9), 4), [1], mode="reference"), DataError, "window"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_stream_refuses_what_it_cannot_place():
    refiner = StreamingRefiner(max_window=8)
    refiner.push(np.ones((10, 2)), [0, 4])
    with pytest.raises(DataError, match="10 to 14"):
        refiner.push(np.ones((5, 2)), [9])
    with pytest.raises(DataError, match="flags"):
        refiner.push(np.ones((5, 2)), np.zeros(5, bool))
    with pytest.raises(DataError, match="known=99"):
        refiner.push(np.ones((5, 2)), [], known=99)
    refiner.finish()
    with pytest.raises(DataError, match="finished"):
        refiner.push(np.ones((5, 2)), [])
