"""The table of events, where tokens and words do not match one to one."""

import numpy as np
import pandas as pd

from emcog.lm.hearing import Hearing
from emcog.segmenting.events import event_table
from emcog.transcript import Transcript
from emcog.transcript.words import timed_words


def test_a_word_without_a_token_belongs_to_the_event_of_the_token_that_holds_it():
    """Tokens "one two", " three", " fo", "ur five": two and five share theirs with the word before them."""
    text, words = timed_words("one two three four five".split(), np.arange(5.0), np.arange(5.0) + 0.8)
    transcript = Transcript(text, words, "t", "csv", "")
    ends, owner = np.array([7, 13, 16, 23]), np.array([0, 2, 3, 3])
    hearing = Hearing(transcript, None, np.arange(4), ends, owner, {"surprisal": np.array([5.0, 6, 7, 8])})
    events = event_table(hearing, np.array([0, 1, 3]), "surprisal")
    assert events["start_word"].tolist() == [0, 2, 3]
    assert events["end_word"].tolist() == [2, 4, 5]
    assert events["onset_s"].tolist() == [0, 2, 3]
    assert events["offset_s"].tolist() == [1.8, 3.8, 4.8]
    assert events["surprise"].tolist() == [5, 6, 8]
    assert events["text"].tolist() == ["one two", " three fo", "ur five"]
    parts = [event_table(hearing, np.array([0, 1, 3]), "surprisal", None, i, i + 1) for i in range(3)]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), events)
    assert list(events) == [
        "event", "onset_s", "offset_s", "start_token", "end_token", "start_word", "end_word", "n_tokens", "surprise",
        "text",
    ]  # fmt: skip
