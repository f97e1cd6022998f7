"""The analyses on a transcript and marks of one's own."""

import json
from pathlib import Path

import pytest

from emcog.cli import main
from emcog.errors import DataError, OptionError
from emcog.reproduce import Setting, analyse, find_stories, read_report

SENTENCES = (
    "The bell rang twice.", "Anna ran home in the rain.", "A year later, in Rome, she was back at the harbour.",
    "Nobody saw the ship.", "He slept until noon; then the letters came, and the clerk read them aloud.",
)  # fmt: skip


@pytest.fixture
def files(tmp_path):
    story, marks = tmp_path / "bell.txt", tmp_path / "presses.csv"
    story.write_text(" ".join(SENTENCES * 4))
    marks.write_text("observer,word\n" + "".join(f"{who},{word}\n" for who in "abc" for word in (42, 84, 126)))
    return str(story), str(marks)


def test_a_file_is_a_story_with_its_marks(files):
    story, marks = files
    (found,), missing = find_stories([story], human=marks)
    assert (found.dataset, found.name, missing) == ("own", "bell", {})
    assert found.crowd().names == ("a", "b", "c")
    assert found.crowd().starts.tolist() == [42, 84, 126]
    (without,), _ = find_stories([story], people=False)
    assert without.people is None
    none, missing = find_stories([story])
    assert none == [] and "--human" in missing[story]


def test_what_does_not_fit_is_told_at_once(files, tmp_path):
    story, marks = files
    for data in (None, ["demo"], [story, marks]):
        with pytest.raises(OptionError, match="one transcript"):
            find_stories(data, human=marks)
    with pytest.raises(OptionError, match="a file"):
        find_stories([str(tmp_path / "nowhere.txt")])
    times = tmp_path / "times.csv"
    times.write_text("observer,time_s\na,2.5\nb,3\n")
    with pytest.raises(DataError, match="time"):
        find_stories([story], human=str(times))  # a text without times


def test_files_count_by_their_content(files):
    story, marks = files
    first = Setting(data=[story], human=marks).settings
    assert first["data"] == ["bell.txt"]  # not where it lies
    assert len(first["own"]["bell.txt"]) == len(first["human"]) == 64
    Path(marks).write_text("observer,word\na,40\n")
    second = Setting(data=[story], human=marks).settings
    assert second["own"] == first["own"] and second["human"] != first["human"]


def test_an_analysis_of_the_own_story_alone(files):
    story, marks = files
    table = analyse("gamma", data=[story], human=marks, quick=True)
    assert set(table["dataset"]) == {"own"} and set(table["story"]) == {"bell"}
    assert set(table["metric"]) >= {"event_length", "f1", "modularity"}
    assert list(table.attrs["provenance"]["inputs"]) == ["own/bell"]
    assert table.attrs["provenance"]["checksums"] == {}  # nothing else was read


def test_the_command_takes_a_story_and_its_marks(files, tmp_path, monkeypatch, capsys):
    story, marks = files
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "granularity", "--data", story, "--human", marks]) == 0
    assert "| own/bell |" in Path("results/SUMMARY.md").read_text()
    assert Path("figures/out/granularity.pdf").is_file()
    told = json.loads(Path("results/granularity/provenance.json").read_text())
    assert told["settings"]["data"] == ["bell.txt"] and "human" in told["settings"]
    assert set(read_report(Path("results/granularity"))["story"]) == {"bell"}
    capsys.readouterr()
    assert main(["reproduce", "granularity", "--human", marks]) == 2
    assert "one transcript" in capsys.readouterr().err


def test_the_script_takes_them_too(files, tmp_path, monkeypatch, capsys):
    from emcog.cli.scripts import analysis

    story, marks = files
    monkeypatch.setattr("sys.argv", ["granularity.py", "--quick", "--data", story, "--human", marks,
                                     "--out", str(tmp_path / "results")])  # fmt: skip
    assert analysis("granularity", "doc") == 0
    assert set(read_report(tmp_path / "results" / "granularity")["dataset"]) == {"own"}
