"""segment(match=people): as many events as people saw, whoever they are given as."""

import warnings

import numpy as np
import pytest

from emcog.boundaries import threshold
from emcog.boundaries.threshold import running_scores
from emcog.errors import DataError, OptionError
from emcog.human import AnnotationSet, make_marks
from emcog.segmenting import segment

WORDS = {"ann": [12, 40, 60], "bob": [13, 70], "cat": [12, 41, 61, 80], "dan": []}


@pytest.fixture
def people():
    """Two and a half boundaries in the middle of four people, which is three: four events."""
    pairs = [(name, word) for name, own in WORDS.items() for word in own]
    return AnnotationSet("letter", make_marks([n for n, _ in pairs], word=[w for _, w in pairs]), tuple(WORDS))


def test_the_threshold_is_the_one_that_gives_so_many_events(tiny, story, people):
    made = segment(story, tiny, match=people)
    assert len(made.events) == people.event_count(story) == 4
    # The boundaries are what one gamma gives: the lowest score among them bars all others.
    signal = made.tokens["surprisal"].to_numpy()
    scores = running_scores(signal)
    gamma = np.nextafter(scores[made.boundaries[1:]].min(), -np.inf)
    np.testing.assert_array_equal(threshold(signal, gamma), made.boundaries)
    assert made.provenance["settings"]["n_events"] == 4
    assert made.provenance["match"] == {"people": "letter", "n": 4}


@pytest.mark.parametrize("method", ["SM", "SC", "F", "R", "lexical", "optimal"])
@pytest.mark.parametrize("snap", [None, "word"])
def test_every_method_can_have_peoples_number(tiny, story, people, method, snap):
    assert len(segment(story, tiny, method=method, snap=snap, match=people).events) == 4


def test_words_count_not_marks(story):
    marks = make_marks(["ann"] * 5, word=[0, 12, 12, 12, 40])  # the first word is no boundary, a word is one
    people = AnnotationSet("letter", marks, ("ann",))
    assert people.event_count() == 6
    assert people.event_count(story) == 3


def test_marks_past_the_end_are_named_and_another_storys_refused(tiny, story):
    n = len(story.words)
    one_out = AnnotationSet("letter", make_marks(["ann"] * 3, word=[12, 40, n + 5]), ("ann",))
    with pytest.warns(UserWarning, match=f"{n + 5}"):
        assert one_out.event_count(story) == 3
    others = AnnotationSet("other", make_marks(["ann"] * 3, word=[12, n + 5, n + 9]), ("ann",))
    with pytest.raises(DataError, match="another story"):
        segment(story, tiny, match=others)


def test_times_of_a_story_without_times_are_counted_as_they_are(story):
    people = AnnotationSet.from_times({"ann": [3.0, 9.0], "bob": [4.0, 9.0, 12.0]}, "letter")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert people.event_count(story) == 4


def test_a_file_and_a_datasets_name_will_do(tiny, story, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("observer,word\nann,12\nann,40\nbob,12\nbob,60\n")
    made = segment(story, tiny, match=path)
    assert len(made.events) == 3
    assert "marks.csv" in made.provenance["match"]["people"]
    with pytest.raises(DataError, match=r"no file.*letters\.csv.*demo"):
        segment(story, tiny, match="letters.csv")
    with pytest.raises(DataError, match="got int"):
        segment(story, tiny, match=3)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"n_events": 3}, r"leave n_events \(--n-events\) out"),
        ({"levels": (2, 4)}, r"leave levels \(--levels\) out"),
        ({"gamma": 2.0}, "gamma has no effect.*match"),
        ({"max_event": 9}, "max_event and n_events.*match"),
        ({"method": "optimal", "penalty": 0.1}, "penalty.*match"),
    ],
)
def test_what_would_have_no_effect_beside_it_is_refused_before_a_model_is_loaded(story, people, beside, said):
    with pytest.raises(OptionError, match=said):
        segment(story, "no/such-model", match=people, **beside)
