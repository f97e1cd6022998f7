"""A segmentation that is interrupted goes on where it was, and comes to the same tables."""

import numpy as np
import pandas as pd
import pytest

from emcog.lm import journal
from emcog.segmenting import segment
from emcog.transcript import Transcript


class Stopped(Exception):  # noqa: N818
    """As if the process had ended."""


@pytest.fixture(scope="module")
def long_story():
    """Some 2,600 tokens, six chunks."""
    words = "sea letter cart door fog river stone boy train winter lamp road".split()
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(words, 11)).capitalize() + "." for _ in range(200)]
    return Transcript.from_text(" ".join(lines), "long")


def tables(made):
    return made.events, made.tokens, made.words


@pytest.mark.parametrize(
    ("options", "runs"),
    [  # chunks that are read before each interruption
        ({"method": "S"}, [2]),
        ({"method": "SM", "snap": "word", "window": 100, "min_event": 3}, [1, 1, 2]),
        ({"method": "SC", "gamma": 0.2, "snap": "sentence"}, [3]),
        ({"method": "RM", "n_events": 40}, [1, 7, 1]),  # in the first pass of six chunks, twice in the second
        ({"propose": "lexical", "n_events": 5}, [5]),
    ],
)
def test_interrupted_and_gone_on_with_is_the_same(tiny, long_story, tmp_path, monkeypatch, options, runs):
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    read = []
    whole = segment(long_story, tiny, progress=lambda done, _: read.append(done), **options)
    in_all = len(read)
    assert in_all == (12 if options.get("method") == "RM" else 6)
    read.clear()

    def stop_after(n_chunks):
        last = len(read) + n_chunks

        def progress(done, total):
            read.append(done)
            if len(read) == last:
                raise Stopped

        return progress

    for n_chunks in runs:
        with pytest.raises(Stopped):
            segment(long_story, tiny, progress=stop_after(n_chunks), checkpoint=tmp_path / "kept", **options)
    found = segment(long_story, tiny, progress=stop_after(-1), checkpoint=tmp_path / "kept", **options)
    assert len(read) == in_all  # no chunk was read twice
    for one, other in zip(tables(found), tables(whole), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_graph_of_a_short_text_keeps_nothing(tiny, story, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    segment(story, tiny, method="optimal", n_events=4, checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_other_settings_begin_anew(tiny, long_story, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    segment(long_story, tiny, method="SM", checkpoint=tmp_path / "kept")
    found = segment(long_story, tiny, method="SM", gamma=0.5, checkpoint=tmp_path / "kept")
    wanted = segment(long_story, tiny, method="SM", gamma=0.5)
    pd.testing.assert_frame_equal(found.events, wanted.events, check_exact=True)
