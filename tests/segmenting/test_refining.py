"""Boundaries from the key graph: what segment() finds equals the pieces, put together over the whole text at once."""

import numpy as np
import pytest
import torch

from emcog.boundaries import merge_short, place_apart, refine, sentence_tokens, threshold, word_tokens
from emcog.boundaries.hierarchy import hierarchy
from emcog.boundaries.optimal import optimal
from emcog.errors import OptionError
from emcog.graph import similarity
from emcog.lm import listen
from emcog.segmenting import make_settings, refining, segment
from emcog.transcript import Transcript


@pytest.fixture(scope="module")
def long_story():
    """Some 1,300 tokens, several chunks: words in an order that says nothing, in sentences of eleven."""
    words = "sea letter cart door fog river stone boy train winter lamp road".split()
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(words, 11)).capitalize() + "." for _ in range(100)]
    return Transcript.from_text(" ".join(lines), "long")


@pytest.fixture(scope="module")
def heard(tiny, long_story):
    """The listening of the long story, and the keys of all its tokens (layers, kv_heads, n, head_dim)."""
    chunks = []
    listening = listen(long_story, tiny, on_keys=lambda start, keys, signals: chunks.append(keys.numpy()))
    assert len(chunks) > 2
    return listening, np.concatenate(chunks, axis=2)


@pytest.mark.parametrize("signal", ["surprisal", "bayesian_surprise"])
@pytest.mark.parametrize(("method", "metric"), [("SM", "modularity"), ("SC", "conductance")])
def test_refining_while_listening_equals_refining_afterwards(method, metric, signal, tiny, long_story, heard):
    listening, keys = heard
    found = threshold(listening[signal].to_numpy(), 1.0, 100)
    proposed = merge_short(found, len(listening), 3)
    wanted = refine(similarity(keys, layers=[1]), proposed, metric, min_size=3, max_window=refining.MAX_WINDOW)
    made = segment(long_story, tiny, method=method, signal=signal, window=100, min_event=3)
    assert made.boundaries.tolist() == wanted.tolist()
    assert len(proposed) == len(made.events) > 50 and set(wanted) != set(proposed) < set(found)
    assert made.provenance["graph"] == {"layers": [1], "kind": "dot"}


@pytest.mark.parametrize("min_event", [1, 2, 17, 60])
@pytest.mark.parametrize("snap", [None, "word", "sentence"])
def test_what_is_refined_while_listening_is_what_would_be_proposed(snap, min_event, tiny, long_story, heard):
    options = {"gamma": 0.2, "window": 100, "min_event": min_event, "snap": snap}
    plain = segment(long_story, tiny, method="S", **options).boundaries
    graph = similarity(heard[1], layers=[1])
    wanted = refine(graph, plain, "modularity", min_size=min_event, max_window=refining.MAX_WINDOW)
    if snap is not None:
        tokens = heard[0]
        places = word_tokens(tokens["word_index"].to_numpy())
        if snap == "sentence":
            places = sentence_tokens(long_story.text, tokens["char_end"].to_numpy())
        wanted = place_apart(wanted, len(tokens), min_event, places)
    assert segment(long_story, tiny, method="SM", **options).boundaries.tolist() == wanted.tolist()
    assert len(wanted) == len(plain) > 10


def test_the_end_of_the_text_drops_a_proposal_however_the_chunks_fall(tiny, heard):
    """An online refiner fed one token at a time, with proposals up to the very last token."""
    signal, keys = np.zeros(90), heard[1][:, :, :90]
    signal[::2] = 0.1
    signal[[40, 44, 60, 84, 87, 89]] = 9.0
    settings = make_settings("SM", window=32, min_event=5)
    landing = np.minimum(np.arange(90) + 1, 89)
    for lands, proposed in ((None, [0, 40, 60, 84]), (landing, [0, 41, 61, 85])):
        online = refining.OnlineRefiner(tiny, settings, lands)
        for t in range(90):
            known = signal[max(0, t - 1) : t] if t < 89 else signal[88:]
            online.push(t, torch.from_numpy(keys[:, :, t : t + 1]), {"surprisal": known})
        wanted = refine(similarity(keys, layers=[1]), proposed, min_size=5, max_window=refining.MAX_WINDOW)
        assert online.finish().tolist() == wanted.tolist()


@pytest.mark.parametrize("method", ["FM", "RC", "SM"])
def test_proposals_that_need_the_whole_signal_are_refined_in_a_second_pass(method, tiny, long_story, heard):
    plain, refined = (
        segment(long_story, tiny, method=name, n_events=40, **graph)
        for name, graph in ((method[0], {}), (method, {"layers": [0, 1], "heads": [1]}))
    )
    metric = "modularity" if method[1] == "M" else "conductance"
    graph = similarity(heard[1], layers=[0, 1], heads=[1])
    wanted = refine(graph, plain.boundaries, metric, max_window=refining.MAX_WINDOW)
    assert refined.boundaries.tolist() == wanted.tolist() != plain.boundaries.tolist()


def test_the_optimum_is_that_of_the_banded_graph(tiny, long_story, heard):
    graph = similarity(heard[1], layers=[1], band=refining.MAX_WINDOW)
    few = segment(long_story, tiny, propose="optimal", n_events=3)
    assert few.boundaries.tolist() == optimal(graph, 3).boundaries.tolist()  # no limit on length is felt
    limited = segment(long_story, tiny, propose="optimal", penalty=0.001, max_event=90, min_event=20)
    best = optimal(graph, penalty=0.001, max_event=90, min_event=20)
    assert limited.boundaries.tolist() == best.boundaries.tolist()
    assert len(segment(long_story, tiny, propose="optimal", min_event=600).events) <= 2


def test_levels_nest_in_the_table_of_events(tiny, long_story, heard):
    made = segment(long_story, tiny, levels=[3, 9, 30])
    graph = similarity(heard[1], layers=[1], band=refining.MAX_WINDOW)
    tree = hierarchy(graph, [3, 9, 30], segment(long_story, tiny, n_events=30).boundaries)
    assert made.boundaries.tolist() == tree.levels[-1].tolist()
    for column, coarse in (("level_0", tree.levels[0]), ("level_1", tree.levels[1])):
        assert made.events.groupby(column)["start_token"].min().tolist() == coarse.tolist()
    assert made.events["parent"].tolist() == made.events["level_1"].tolist()


def test_levels_of_refined_events(tiny, long_story):
    made = segment(long_story, tiny, method="SM", levels=[2, 10])
    assert made.boundaries.tolist() == segment(long_story, tiny, method="SM", n_events=10).boundaries.tolist()
    assert made.events["level_0"].nunique() == 2


def test_what_cannot_be_had_is_said(tiny, story, monkeypatch):
    with pytest.raises(OptionError, match=r"^levels=2,400: 400 events cannot be had"):
        segment(story, tiny, method="SM", levels=[2, 400])
    with pytest.raises(OptionError, match="cannot be cut into 2 events"):
        segment(story, tiny, propose="optimal", n_events=2, max_event=30)
    with pytest.raises(OptionError, match="layers 0 to 1"):
        segment(story, tiny, method="SM", layers=[2])
    monkeypatch.setattr(refining, "SHORT", 50)
    with pytest.raises(OptionError, match="texts of up to 50 tokens"):
        segment(story, tiny, method="optimal")
