import numpy as np
import pytest

from emcog.errors import DataError
from emcog.human import spread_by_characters, timed_transcript
from emcog.transcript import Transcript


def test_words_that_are_cut_differently_share_their_letters():
    made = timed_transcript(
        "An ice-cream, he said.", ["an", "ice", "cream", "he", "said"], np.arange(5.0), np.arange(5) + 0.5, "x"
    )
    assert made.words["onset_s"].tolist() == [0, 1, 3, 4]
    assert made.words["offset_s"].tolist() == [0.5, 2.5, 3.5, 4.5]
    split = timed_transcript("ice cream now", ["icecream", "now"], np.array([1.0, 2.0]), np.array([1.9, 2.5]), "x")
    assert split.words["onset_s"].tolist() == [1, 1, 2]


def test_a_word_that_was_not_aligned_has_no_time():
    made = timed_transcript("one two three", ["one", "three"], np.array([0.0, 2.0]), np.array([0.5, 2.5]), "x")
    np.testing.assert_array_equal(made.words["onset_s"], [0, np.nan, 2])


def test_speech_at_a_constant_rate_is_marked_as_approximate():
    made = spread_by_characters(Transcript.from_text("aaaa bb cc"), 10.0, 20.0)
    assert made.words["onset_s"].tolist() == pytest.approx([10, 15, 18])
    assert made.words["offset_s"].tolist() == pytest.approx([14, 17, 20])
    assert made.words["interpolated"].all()
    with pytest.raises(DataError, match="the end must be after the start"):
        spread_by_characters(Transcript.from_text("a"), 5.0, 5.0)
