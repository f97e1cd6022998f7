import numpy as np
import pandas as pd
import pytest

from emcog.errors import DataError, OptionError
from emcog.human import AnnotationSet, ConsensusRule, make_marks, make_ratings
from emcog.transcript import Transcript


def timed(onsets, text=None):
    text = text or " ".join(f"w{i}" for i in range(len(onsets)))
    made = Transcript.from_text(text, "tale")
    onsets = np.array(onsets, dtype=float)
    made.words["onset_s"] = onsets
    made.words["offset_s"] = onsets + 0.2
    return made


@pytest.fixture
def tale():
    return AnnotationSet.from_times({"ann": [2.1, 6.0], "bob": [2.4, 6.2, 8.0], "cy": []}, "tale", 10.0)


def test_a_mark_belongs_to_the_word_whose_onset_is_nearest(tale):
    crowd = tale.crowd(timed(np.arange(10)))
    assert [np.flatnonzero(row).tolist() for row in crowd.marked] == [[2, 6], [2, 6, 8], []]
    assert crowd.proportion[[2, 6, 8, 3]].tolist() == [2 / 3, 2 / 3, 1 / 3, 0]
    assert (crowd.unit, crowd.timed, crowd.length, crowd.names) == ("word", True, 10.0, ("ann", "bob", "cy"))


def test_halfway_goes_to_the_earlier_word_and_the_first_word_never_counts():
    crowd = AnnotationSet.from_times({"ann": [0.4, 1.5]}, "tale", 4.0).crowd(timed([0, 1, 2, 3]))
    assert np.flatnonzero(crowd.marked[0]).tolist() == [1]


def test_a_word_without_an_onset_lies_between_its_neighbours():
    crowd = AnnotationSet.from_times({"ann": [2.1]}, "tale", 5.0).crowd(timed([0, 1, np.nan, 3, 4]))
    assert crowd.at.tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(crowd.marked[0]).tolist() == [2]


def test_bins_hold_what_falls_into_them(tale):
    crowd = tale.crowd(bin_s=2.5)
    assert crowd.at.tolist() == [0, 2.5, 5, 7.5]
    assert crowd.marked.astype(int).tolist() == [[0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert (crowd.unit, crowd.bin_s) == ("bin", 2.5)


def test_words_are_marked_by_their_index(make_segmentation):
    marks = make_marks(["ann", "ann", "bob"], word=[4, 7, 4])
    people = AnnotationSet("bell", marks, ("ann", "bob"))
    assert people.unit == "word"
    assert people.crowd(make_segmentation()).marked[:, [4, 7]].tolist() == [[True, True], [True, False]]
    timed_crowd = people.crowd(make_segmentation(timed=True))
    assert timed_crowd.marks[0].tolist() == [2.0, 3.5]  # the onsets of words 4 and 7
    with pytest.raises(DataError, match="no reaction time"):
        people.shifted(1.0)


def test_a_marked_word_is_that_word_whatever_its_onset(make_segmentation):
    shared = np.arange(60.0)
    shared[31] = 30.0  # two words with one onset
    cut = np.arange(60.0)
    cut[50:] = np.nan
    people = AnnotationSet("tale", make_marks(["ann", "bob"], word=[31, 55]), ("ann", "bob"))
    listed = AnnotationSet("tale", make_marks([]), (), lists={"own": np.array([31, 55])}, unit="word")
    for onsets in (shared, cut):
        assert [row.tolist() for row in map(np.flatnonzero, people.crowd(timed(onsets)).marked)] == [[31], [55]]
        assert listed.crowd(timed(onsets)).starts.tolist() == [31, 55]
        assert people.event_count(timed(onsets)) == 2
    story = make_segmentation(timed=True)
    story.words.loc[3, "onset_s"] = story.words.loc[2, "onset_s"]
    tokens = AnnotationSet("bell", make_marks(["ann"], word=[3]), ("ann",)).crowd(story, unit="token")
    assert np.flatnonzero(tokens.marked[0]).tolist() == [np.flatnonzero(story.tokens["word_index"] == 3)[0]]


@pytest.mark.parametrize(
    ("onsets", "duration_s", "at"),
    [
        ([np.nan, np.nan, 4, 6, np.nan, np.nan], np.nan, [0, 2, 4, 6, 8, 10]),  # at the known pace of 2 s
        ([np.nan, np.nan, 3, 6, np.nan, np.nan], 9.0, [0, 1.5, 3, 6, 7, 8]),  # 0 and 9 s leave less room
        ([np.nan, 10, 11, np.nan], np.nan, [9, 10, 11, 12]),
    ],
)
def test_words_without_an_onset_at_the_ends_follow_evenly(onsets, duration_s, at):
    crowd = AnnotationSet.from_times({"ann": [0.5]}, "tale", duration_s).crowd(timed(onsets))
    assert crowd.at.tolist() == pytest.approx(at)
    assert crowd.length >= at[-1]


def test_a_mark_goes_to_the_first_token_of_its_word(make_segmentation):
    story = make_segmentation(timed=True)
    tokens = story.tokens.assign(word_index=np.arange(len(story.tokens)) // 2)
    two_a_word = type("Two", (), {"tokens": tokens, "words": story.words.iloc[: len(tokens) // 2 + 1]})()
    people = AnnotationSet.from_times({"ann": [1.1]}, "bell", 7.0)
    crowd = people.crowd(two_a_word, unit="token")
    assert np.flatnonzero(crowd.marked[0]).tolist() == [4]  # word 2 begins at 1.0 s, with token 4
    assert (crowd.unit, crowd.n_units) == ("token", len(tokens))
    with pytest.raises(DataError, match="tokens are a segmentation's"):
        people.crowd(timed([0, 1]), unit="token")


def test_sentences_come_from_the_text(tale):
    story = timed(range(10), "It rained all day. Then Ann came home. She sat.")
    assert tale.crowd(story).sentences.tolist() == [0, 4, 8]


def test_reaction_time_is_in_seconds(tale):
    with pytest.raises(OptionError, match=r"nobody takes 800 .*: 800 ms are 0.8"):
        tale.shifted(800)


def test_reaction_time_is_taken_off_and_told(tale):
    with pytest.warns(UserWarning, match=r"1 of 5 marks came less than 2.3 s after the beginning"):
        early = tale.shifted(2.3)
    assert early.marks["time_s"].round(6).tolist() == [0.0, 3.7, 0.1, 3.9, 5.7]
    assert early.reaction_time_s == 2.3
    assert "2.3 s taken off" in repr(early)
    with pytest.warns(UserWarning, match="2 of 5 marks"):
        assert early.shifted(0.2).reaction_time_s == pytest.approx(2.5)
    lists = AnnotationSet("tale", make_marks([]), (), lists={"own": np.array([1.0, 5.0])}).shifted(2.0).lists
    assert lists["own"].tolist() == [0.0, 3.0]


def test_people_saw_as_many_events_as_the_median_of_them_plus_one(tale):
    assert tale.event_count() == 3  # 2, 3 and 0 marks
    assert AnnotationSet.from_times({"a": [1, 2], "b": [1, 2, 3]}).event_count() == 4  # 2.5 is rounded up
    only_list = AnnotationSet("tale", make_marks([]), (), lists={"own": np.arange(18.0)})
    assert only_list.event_count() == 19
    with pytest.raises(DataError, match="nothing to count"):
        AnnotationSet("tale", make_marks([]), ()).event_count()


def test_grades_and_observers_can_be_selected():
    marks = make_marks(["a", "a", "b"], time_s=[1, 2, 3], grade=["coarse", "fine", "fine"])
    people = AnnotationSet("tale", marks, ("a", "b"))
    assert people.grades == ("coarse", "fine")
    coarse = people.select(grade="coarse")
    assert (coarse.marks["time_s"].tolist(), coarse.observers) == ([1.0], ("a", "b"))
    assert people.select(observers=["b"]).observers == ("b",)
    with pytest.raises(OptionError, match=r"grade 'medium'.*coarse, fine"):
        people.select(grade="medium")


def test_coarse_and_fine_marks_are_never_pooled():
    marks = make_marks(["a", "a", "a"], time_s=[1, 2, 3], grade=["coarse", "fine", "fine"])
    people = AnnotationSet("tale", marks, ("a",), 5.0)
    for pooled in (lambda: people.crowd(timed(range(5))), people.crowd, people.event_count):
        with pytest.raises(DataError, match=r"'coarse', 'fine'.*choose with select\(grade=\.\.\.\)"):
            pooled()
    assert people.select(grade="fine").event_count() == 3
    assert people.select(grade="coarse").crowd(timed(range(5))).marked.sum() == 1


def test_ratings_are_averaged_over_those_who_gave_any():
    ratings = make_ratings(["a", "a", "b", "b"], [0, 10, 5, 10], [0, 10, 1, 1])
    people = AnnotationSet("tale", make_marks([]), ("a", "b"), ratings=ratings)
    assert people.mean_rating(np.array([0, 4, 5, 10])).tolist() == [0, 4, 3, 5.5]
    assert np.isnan(people.mean_rating(np.array([11.0]))).all()
    with pytest.raises(DataError, match="no continuous ratings"):
        AnnotationSet("tale", make_marks([]), ()).mean_rating(np.zeros(1))


@pytest.mark.parametrize(
    ("marks", "observers", "said"),
    [
        (make_marks(["a"], time_s=[1]), ("b",), "not among the observers"),
        (make_marks(["a"]), ("a",), "every mark must have a time"),
        (make_marks(["a", "a"], time_s=[1, np.nan], word=[-1, 3]), ("a",), "every mark must have a time"),
        (pd.DataFrame({"observer": ["a"]}), ("a",), "need the columns time_s"),
    ],
)
def test_what_is_no_annotation_set_is_refused(marks, observers, said):
    with pytest.raises(DataError, match=said):
        AnnotationSet("tale", marks, observers)


def test_times_need_a_story_with_times_and_bins_a_length(tale):
    with pytest.raises(DataError, match="without word times"):
        tale.crowd(Transcript.from_text("a b c"))
    with pytest.raises(DataError, match="give duration_s"):
        AnnotationSet.from_times({"ann": [1.0]}).crowd()
    with pytest.raises(DataError, match="give the transcript"):
        tale.crowd(unit="word")


def test_a_release_list_is_the_consensus_where_nobody_is_known():
    people = AnnotationSet("tale", make_marks([]), (), 10.0, {"own": np.array([2.2, 6.0]), "other": np.array([8.0])})
    story = timed(range(10))
    assert people.crowd(story).starts.tolist() == [2, 6]
    assert people.crowd(story, rule=ConsensusRule("release", list="other")).starts.tolist() == [8]
    with pytest.raises(OptionError, match=r"list 'third'.*own, other"):
        people.crowd(story, rule=ConsensusRule("release", list="third"))
    with pytest.raises(DataError, match="needs observers"):
        people.crowd(story, rule=ConsensusRule("density"))
