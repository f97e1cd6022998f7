from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emcog.errors import DataError
from emcog.stats import match_recall
from emcog.stats.matching_recall import _monotone, recall_trial, tfidf_cosine

EVENTS = ["Anna lost the red coat.", "The boat sank in the harbour.", "Anna found a coat in the boat."]


def test_each_sentence_goes_to_the_event_whose_words_it_has():
    found = match_recall("The boat sank. Then, um, well. She lost her red coat. Anna found it!", EVENTS)
    assert found["event"].tolist()[0] == 1 and np.isnan(found["event"][1])
    assert found["event"].tolist()[2:] == [0, 2]
    assert found["text"][1] == "Then, um, well."


def test_tfidf_by_hand():
    # idf: a is in both events: log(3/3) + 1 = 1; b in one: log(3/2) + 1
    idf = np.log(3 / 2) + 1
    found = tfidf_cosine(["a b b unknown"], ["a b", "A a"])
    norm = np.hypot(1, 2 * idf)
    np.testing.assert_allclose(found, [[(1 + 2 * idf * idf) / norm / np.hypot(1, idf), 1 / norm]])


def test_a_given_similarity_and_the_floor_decide():
    alike = np.array([[0.9, 0.2], [0.3, 0.29], [0.5, 0.5]])
    found = match_recall(["x", "y", "z"], ["e", "f"], similarity=alike, floor=0.4)
    assert found["event"].tolist()[::2] == [0, 0] and np.isnan(found["event"][1])
    assert found["similarity"].tolist() == [0.9, 0.3, 0.5]


def test_monotone_takes_the_best_order_that_never_goes_back():
    alike = np.array([[0.2, 0.9], [0.8, 0.1], [0.0, 0.5]])
    free = match_recall(["x", "y", "z"], ["e", "f"], similarity=alike, floor=0.1)
    tied = match_recall(["x", "y", "z"], ["e", "f"], similarity=alike, floor=0.1, monotone=True)
    assert free["event"].tolist() == [1, 0, 1]
    assert np.isnan(tied["event"][1]) and tied["event"].tolist()[::2] == [
        1,
        1,
    ]  # 0.8 + 0.4 beats 0.1 + 0.7 + 0.4 by not


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 3)), elements=st.integers(-8, 8).map(lambda x: x / 8)))
def test_monotone_is_the_best_of_all_matchings(gain):
    n, k = gain.shape

    def total(events):
        return sum(gain[t, e] for t, e in enumerate(events) if e >= 0)

    def ordered(events):
        kept = [e for e in events if e >= 0]
        return kept == sorted(kept)

    found = _monotone(gain).tolist()
    assert ordered(found)
    assert total(found) == max(total(events) for events in product(range(-1, k), repeat=n) if ordered(events))


def test_a_trial_has_runs_once_and_fillers_between():
    found = match_recall(list("abcde"), ["e", "f"], similarity=np.array([[1, 0], [0.9, 0], [0, 0], [0, 1], [1, 0]]))
    trial = recall_trial(found, 2, "ann")
    np.testing.assert_array_equal(trial["item"], [0, np.nan, 1, 0])
    assert trial["n_items"].tolist() == [2, 2, 2, 2] and set(trial["subject"]) == {"ann"}


def test_what_is_wrong_is_said():
    with pytest.raises(DataError, match=r"\(1, 2\)"):
        match_recall(["x"], ["e", "f"], similarity=np.ones((2, 2)))
    with pytest.raises(DataError, match="at least one"):
        match_recall("", ["e"])
