"""The Transcript itself, and the words of token spans."""

import hashlib
import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import DataError, TranscriptError
from emcog.transcript import WORD_COLUMNS, Transcript

TEXT = st.text(st.sampled_from("ab é🙂\u0301\n\t\u2028\u3000\u200b"), min_size=1).filter(lambda text: text.split())


def test_from_text_keeps_the_text_and_finds_its_words():
    text = " One\r\ntwo\tthree "
    transcript = Transcript.from_text(text, name="tale")
    assert transcript.text == text
    assert transcript.words["word"].tolist() == ["One", "two", "three"]
    assert transcript.words["char_start"].tolist() == [1, 6, 10]
    assert transcript.words["char_end"].tolist() == [4, 9, 15]
    assert tuple(transcript.words.columns) == WORD_COLUMNS
    assert [str(kind) for kind in transcript.words.dtypes[["char_start", "onset_s", "interpolated"]]] == [
        "int64",
        "float64",
        "bool",
    ]
    assert (transcript.name, transcript.format) == ("tale", "text")
    assert transcript.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert not transcript.has_times
    assert np.isnan(transcript.duration_s)


@given(TEXT)
def test_words_are_those_of_str_split(text):
    words = Transcript.from_text(text).words
    assert words["word"].tolist() == text.split()
    assert [text[a:b] for a, b in zip(words["char_start"], words["char_end"], strict=True)] == text.split()


@pytest.mark.parametrize("text", ["", " \n\u3000", "a\0b", "a\ud800b", b"bytes"])
def test_from_text_refuses_what_cannot_be_a_transcript(text):
    with pytest.raises(TranscriptError) as caught:
        Transcript.from_text(text)
    assert len(str(caught.value).splitlines()) == 1


def test_it_is_frozen_and_its_repr_is_one_line():
    transcript = Transcript.from_text("Once upon\na time")
    with pytest.raises(FrozenInstanceError):
        transcript.text = "other"
    assert repr(transcript) == "<Transcript 'text' (text): 4 words, no times: 'Once upon a time'>"


def test_words_must_lie_in_the_text():
    transcript = Transcript.from_text("one two")
    with pytest.raises(DataError, match="lie in its text"):
        Transcript("one", transcript.words, "x", "text", "")
    with pytest.raises(DataError, match="onset_s"):
        Transcript("one two", transcript.words.drop(columns="onset_s"), "x", "text", "")


def oracle(text, words, spans):
    """Word of each span, one character at a time, as the docstring of word_of_spans says it."""
    owners = []
    for start, end in spans:
        if start == end and owners:
            owners.append(owners[-1])
            continue
        visible = next((i for i in range(start, max(end, start + 1)) if i < len(text) and not text[i].isspace()), None)
        after = start if visible is None else visible
        holding = [k for k, word in enumerate(words.itertuples()) if word.char_end > after]
        owners.append(holding[0] if holding else len(words) - 1)
    return owners


@given(TEXT, st.data())
def test_word_of_spans_agrees_with_a_character_by_character_oracle(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = [0, *cuts, len(text)]
    spans = list(itertools.pairwise(edges))
    transcript = Transcript.from_text(text)
    found = transcript.word_of_spans([a for a, _ in spans], [b for _, b in spans])
    assert found.dtype == np.int64
    assert found.tolist() == oracle(text, transcript.words, spans)


def test_word_of_spans_by_hand():
    transcript = Transcript.from_text("a big  🙂 ")
    #         "a"    " big"  " "     " "     "🙂"     its second byte  " "
    starts = [0, 1, 5, 6, 7, 8, 8]
    ends = [1, 5, 6, 7, 8, 8, 9]
    assert transcript.word_of_spans(starts, ends).tolist() == [0, 1, 2, 2, 2, 2, 2]
    assert transcript.word_of_spans([], []).tolist() == []
    with pytest.raises(DataError):
        transcript.word_of_spans([0, 1], [1])


def test_word_of_spans_is_not_quadratic():
    transcript = Transcript.from_text("word " * 100_000)
    edges = np.arange(0, 500_001, 2)
    found = transcript.word_of_spans(edges[:-1], edges[1:])
    assert found[-1] == 99_999
    assert np.all(np.diff(found) >= 0)
