"""Lexical cohesion: against a plain computation of the same cosines and depths, and on texts whose break is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.boundaries import lexical as module
from emcog.boundaries.lexical import lexical
from emcog.errors import DataError, OptionError

FRUIT, SHIPS = ["apple", "pear", "plum"], ["mast", "sail", "keel"]


def cosine_by_hand(words, gap, window):
    stretches = [set(words[i : i + window]) for i in range(0, len(words), window)]
    count = len(stretches)
    idf = {w: math.log((1 + count) / (1 + sum(w in s for s in stretches))) + 1 for w in set(words)}
    left, right = words[max(gap - window, 0) : gap], words[gap : gap + window]
    a = {w: left.count(w) * idf[w] for w in left}
    b = {w: right.count(w) * idf[w] for w in right}
    dot = sum(a[w] * b.get(w, 0) for w in a)
    return dot / math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))


@settings(max_examples=40, deadline=None)
@given(words=st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=60), window=st.integers(1, 20))
def test_similarity_is_the_tf_idf_cosine_of_the_windows(words, window):
    found = lexical(words, window).similarity
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], [cosine_by_hand(words, i, window) for i in range(1, len(words))], atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_depth_is_how_far_one_climbs_on_both_sides(values):
    values = [value / 4 for value in values]

    def climb(i, step):
        j = i
        while 0 <= j + step < len(values) and values[j + step] >= values[j]:
            j += step
        return values[j] - values[i]

    expected = [climb(i, -1) + climb(i, 1) for i in range(len(values))]
    np.testing.assert_allclose(module._depth(np.array(values)), expected, atol=1e-12)


def test_the_break_between_two_topics_is_found_and_ranked_first():
    result = lexical(FRUIT * 10 + SHIPS * 12, window=15)
    assert result.boundaries(n_events=2).tolist() == [0, 30]
    assert result.boundaries(n_events=1).tolist() == [0]
    table = result.table()
    assert table.word[0] == 30
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table.depth.is_monotonic_decreasing
    assert table.similarity[0] == 0


def test_case_and_punctuation_do_not_count():
    plain = lexical(FRUIT * 4 + SHIPS * 4, window=6)
    dressed = lexical(["Apple,", "(pear)", "PLUM!"] * 4 + ["“mast”", "sail;", "keel."] * 4, window=6)
    np.testing.assert_array_equal(plain.similarity, dressed.similarity)
    assert lexical(["--", "--", "--"], window=1).similarity[1:].tolist() == [0, 0]


def test_boundaries_keep_their_distance():
    rng = np.random.default_rng(0)
    words = [str(word) for word in rng.zipf(1.5, 2000)]
    result = lexical(words, window=30, smoothing=3)
    starts = result.boundaries(cutoff="liberal", min_size=25)
    assert len(starts) > 10
    assert np.diff(np.append(starts, len(words))).min() >= 25
    fewer = result.boundaries(cutoff="conservative", min_size=25)
    assert len(fewer) < len(starts)
    assert result.boundaries(n_events=5, min_size=25).size == 5


def test_a_long_text_is_done_in_stretches(monkeypatch):
    words = [str(word) for word in np.random.default_rng(1).zipf(1.5, 500)]
    whole = lexical(words, 20)
    monkeypatch.setattr(module, "ROWS", 37)
    np.testing.assert_allclose(lexical(words, 20).similarity, whole.similarity, atol=1e-12)


def test_degenerate_texts():
    assert lexical(["one"]).boundaries().tolist() == [0]
    assert lexical(["same"] * 50, window=10).boundaries().tolist() == [0]
    with pytest.raises(DataError, match="empty"):
        lexical([])
    with pytest.raises(OptionError, match=r"text\.split"):
        lexical("one string")
    with pytest.raises(OptionError, match="window"):
        lexical(["a"], window=0)
    with pytest.raises(OptionError, match="liberal, conservative"):
        lexical(["a"]).boundaries(cutoff="strict")
