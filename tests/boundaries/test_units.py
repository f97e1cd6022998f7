"""Words and sentences as places to begin, and the nearest of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.boundaries import nearest, sentence_characters, sentence_tokens, word_tokens


@pytest.mark.parametrize(
    "sentences",
    [
        ["One."],
        ["It rained.", "Nobody came!", "Why?", "Who knows."],
        ["Hi 😀 there.", "Une été é\u0301 passa.", "漢字 again."],
        ['"Stop," he said.', "Dr. Venn walked 3.5 miles.", "“Why?”", "She left."],
        ["no full stop at all"],
    ],
)
@pytest.mark.parametrize("between", [" ", "\n\n", "  \r\n\r\n "])
def test_sentences_begin_at_their_first_character(sentences, between):
    text = "  " + between.join(sentences) + " \n"
    wanted = np.cumsum([2, *(len(s) + len(between) for s in sentences)])[:-1]
    assert sentence_characters(text).tolist() == wanted.tolist()


def test_a_paragraph_ends_a_sentence():
    assert sentence_characters("no stop here\n\nand none here").tolist() == [0, 14]


@given(st.text(st.sampled_from("aB.?! \n\t😀é”“'\u200b漢"), min_size=1))
def test_starts_of_sentences_are_visible_characters_in_order(text):
    starts = sentence_characters(text)
    assert (np.diff(starts) > 0).all()
    assert all(not text[start].isspace() for start in starts)
    if text.strip():
        assert starts[0] == len(text) - len(text.lstrip())


def test_word_tokens():
    assert word_tokens(np.array([0, 0, 1, 3, 3, 4])).tolist() == [0, 2, 3, 5]
    assert word_tokens(np.array([-1, -1])).tolist() == [0]


@pytest.mark.parametrize(
    ("tokens", "starts"),
    [
        (["One", ".", " Two", "."], [0, 2]),
        (["One", ".", " ", "Two", "."], [0, 2]),  # the space is of the word after it
        (["One", ".", "\n\n", "Two"], [0, 2]),
        (["One", ".", "\n", " ", " Two"], [0, 2]),
        (["One", ". ", "Two", "."], [0, 2]),  # but this one is also of the word before
        (["One", ". Two", " ran."], [0, 1]),
        (["One. ", "😀", "", "", " ran", ".", " ", "😀", "", ""], [0, 1, 6]),
        (["  ", "One", ". ", " Two"], [0, 3]),
        (["One. Two. Three."], [0]),
    ],
)
def test_the_first_token_of_a_sentence(tokens, starts):
    assert sentence_tokens("".join(tokens), np.cumsum([len(t) for t in tokens])).tolist() == starts


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 41))
def test_nearest_equals_a_search_through_all(places, n):
    ordered = sorted(places)
    wanted = [min(ordered, key=lambda p: (abs(p - t), p)) for t in range(n)]
    assert nearest(np.array(ordered), n).tolist() == wanted
