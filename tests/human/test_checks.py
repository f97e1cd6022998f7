"""Bad annotations are found and named with their row."""

import warnings

import numpy as np
import pytest

from emcog.errors import DataError
from emcog.human import AnnotationSet, find_problems, make_marks, observer_report
from emcog.human.checks import KINDS


def problems(times, duration=100.0, observer="ann", **more):
    who = [observer] * len(times) if isinstance(observer, str) else observer
    return find_problems(make_marks(who, time_s=times, row=range(2, 2 + len(times))), duration, **more)


def told(table):
    return list(zip(table["problem"], table["row"].tolist(), strict=True))


GOOD = [5.0, 20.0, 40.0, 60.0, 90.0]


def test_good_marks_have_no_problems():
    assert len(problems(GOOD)) == 0
    assert len(problems([30.0, 60.0, 10.0, 90.0], observer=["a", "a", "b", "b"])) == 0


@pytest.mark.parametrize(
    ("times", "kind", "row", "said"),
    [
        ([*GOOD, 100.5], "past the end", 7, r"row 7: time 100.5 s is past the end \(100 s\)"),
        ([-0.5, *GOOD], "negative", 2, "row 2: time -0.5 s is before the start"),
        ([5.0, 40.0, 20.0, 90.0], "unsorted", 4, "row 4: time 20 s comes after 40 s"),
        ([5.0, 20.0, 20.0, 90.0], "duplicate", 4, r"row 4: time 20 s is there already \(row 3\)"),
        ([5.0, 40.0, 20.0, 40.0, 90.0], "duplicate", 5, r"row 5: time 40 s is there already \(row 3\)"),
        ([5.0, 20.0, 20.3, 90.0], "double press", 4, "0.300 s after the mark before it"),
        ([*GOOD, 95_000.0], "past the end", 7, "in milliseconds it would be 95 s"),
    ],
)
def test_each_bad_mark_is_named_with_its_row(times, kind, row, said):
    table = problems(times)
    chosen = table[table["problem"] == kind]
    assert chosen["row"].tolist() == [row]
    assert chosen["message"].str.contains(said).all()
    assert set(table["problem"]) <= set(KINDS)


def test_milliseconds_are_guessed_and_said_for_the_one_who_gave_them():
    mixed = [5.0, 60.0, 90.0, 5_000.0, 61_000.0, 90_000.0]
    table = problems(mixed, observer=["ann"] * 3 + ["bob"] * 3)
    guess = table[table["problem"] == "milliseconds?"]
    assert guess["observer"].tolist() == ["bob"]
    assert "a guess: nothing was changed" in guess["message"].item()
    assert "time_unit='ms'" in guess["message"].item()
    # Without a duration: whole numbers far apart.
    assert told(problems([5_000.0, 21_500.0, 61_000.0], np.nan)) == [("milliseconds?", -1)]
    assert told(problems([5.0, 21.0, 61.0], np.nan)) == []


def test_milliseconds_are_never_laid_on_a_story_in_silence():
    people = AnnotationSet(
        "tale", make_marks(["a"] * 3, time_s=[5e3, 6e4, 9e4], row=[2, 3, 4]), ("a",), 100.0, source="f.csv"
    )
    with pytest.raises(DataError, match=r"f.csv: 3 of 3 marks.*row 2 \(5000 s\).*look like milliseconds"):
        people.crowd()
    other = AnnotationSet.from_times({"a": [400.0, 500.0], "b": [50.0]}, "tale", 100.0)
    with pytest.raises(DataError, match="another story's marks"):
        other.crowd()


def test_a_few_marks_past_the_end_are_left_out_and_named():
    people = AnnotationSet("tale", make_marks(["a"] * 3, time_s=[5, 60, 100.7], row=[2, 3, 4]), ("a",), 100.0)
    with pytest.warns(
        UserWarning, match=r"1 of 3 marks lie outside the story of 100 s and are left out: row 4 \(100.7 s\)"
    ):
        crowd = people.crowd()
    assert crowd.marks[0].tolist() == [5, 60]


def test_another_storys_marks_are_guessed():
    many_late = problems([10.0, 50.0, 120.0, 140.0])
    assert "another story?" in set(many_late["problem"])
    only_the_first_half = problems(list(np.linspace(1, 30, 12)))
    assert told(only_the_first_half) == [("another story?", -1)]
    words = find_problems(make_marks(["a"] * 4, word=[5, 9, 400, 700]), n_words=100)
    assert words["problem"].tolist() == ["past the end", "past the end", "another story?"]


def test_lists_are_checked_too():
    people = AnnotationSet("tale", make_marks([]), (), 100.0, {"own": np.array([20_000.0, 90_000.0])})
    assert "milliseconds?" in set(people.problems()["problem"])
    with pytest.raises(DataError, match=r"list own.*milliseconds"):
        people.crowd()


def test_an_unknown_length_is_the_storys(make_segmentation):
    people = AnnotationSet.from_times({"ann": [1.0, 3.0, 99.0]}, "bell")
    assert len(people.problems()) == 0
    assert "past the end" in set(people.problems(make_segmentation(timed=True))["problem"])


def test_observers_are_reported_and_never_dropped():
    times = {f"p{i}": list(np.linspace(1, 99, 10 + i % 3)) for i in range(8)}
    people = AnnotationSet.from_times(times | {"idle": [], "wild": list(np.linspace(0.5, 99.5, 70))}, "tale", 100.0)
    report = people.report()
    flagged = report[report["flag"] != ""].set_index("observer")["flag"].to_dict()
    assert flagged == {"idle": "no marks", "wild": "implausibly many"}
    assert report.set_index("observer").loc["p0", "per_minute"] == pytest.approx(6.0)
    assert len(report) == len(people.observers) == people.crowd().marked.shape[0] == 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        people.crowd()


def test_more_than_one_mark_a_second_is_implausible_of_anybody():
    marks = make_marks(["a"] * 30, time_s=np.linspace(0, 9, 30))
    report = observer_report(marks, ["a"], 10.0)
    assert report["flag"].tolist() == ["implausibly many"]
    assert "one a second" in report["why"].item()


def test_the_films_are_as_their_description_says(shared_human):
    from emcog.human import load_dataset

    films = load_dataset("films")
    counts = {name: people.problems()["problem"].value_counts().to_dict() for name, people in films.annotations.items()}
    assert counts == {"defeat": {"double press": 3}, "iteration": {"double press": 6, "past the end": 2}}
    assert {name: people.report()["n_marks"].median() for name, people in films.annotations.items()} == {
        "defeat": 18.5, "iteration": 22.0,
    }  # fmt: skip
