"""The command that writes the page: what it calls those whose boundaries it shows."""

import numpy as np

from emcog.human import AnnotationSet, make_marks


def test_files_of_the_same_name_are_told_apart(make_segmentation, tmp_path, monkeypatch):
    from emcog.cli import main

    make_segmentation("The bell rang twice. Anna ran home in the rain. " * 6, (0, 20, 40)).save(tmp_path / "bell")
    for folder, word in (("first", 10), ("second", 30)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.csv").write_text(f"observer,word\na,{word}\nb,{word}\n")
    (tmp_path / "other.csv").write_text("observer,word\na,5\nb,5\n")
    monkeypatch.chdir(tmp_path)
    people = ["--human", "first/p.csv", "--human", "second/p.csv", "--human", "other.csv"]
    assert main(["report", "bell", *people, "--n-null", "20", "-o", "page.html", "--quiet"]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for name in ("first/p.csv", "second/p.csv", "other.csv"):
        assert f"Agreement with {name}" in page, name  # a table each
    assert "Agreement with p.csv" not in page


def test_names_grow_until_they_differ():
    from emcog.cli.report import _told_apart

    assert _told_apart(["a/p.csv", "b/p.csv", "q.csv", "a/p.csv"]) == {
        "a/p.csv": "a/p.csv", "b/p.csv": "b/p.csv", "q.csv": "q.csv"}  # fmt: skip
    assert _told_apart(["x/a/p.csv", "y/a/p.csv"]) == {"x/a/p.csv": "x/a/p.csv", "y/a/p.csv": "y/a/p.csv"}


def test_a_list_is_called_by_who_made_it(make_segmentation, tmp_path, monkeypatch):
    from emcog.cli import main

    story = make_segmentation("The bell rang twice. Anna ran home in the rain. " * 6, (0, 20, 40))
    story.save(tmp_path / "bell")
    scenes = AnnotationSet("bell", make_marks([]), (), lists={"author": np.array([10, 30])}, unit="word", source="test")
    monkeypatch.setattr("emcog.human.people_of", lambda given, name: scenes)
    monkeypatch.chdir(tmp_path)
    assert main(["report", "bell", "--human", "demo", "--n-null", "20", "-o", "page.html", "--quiet"]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "people: demo (author), a list of boundaries" in page
    assert "Agreement with demo (author)" in page


def test_people_are_read_as_told(make_segmentation, tmp_path, monkeypatch, capsys):
    from emcog.cli import main

    story = make_segmentation("The bell rang twice. Anna ran home in the rain. " * 6, (0, 20, 40), timed=True)
    story.save(tmp_path / "bell")
    onsets = story.words["onset_s"]
    rows = [(who, 1000 * (onsets[word] + 0.5), grade) for who in "ab" for word, grade in ((20, "fine"), (30, "coarse"))]
    (tmp_path / "p.csv").write_text("who,at,size\n" + "".join(f"{w},{t},{g}\n" for w, t, g in rows))
    monkeypatch.chdir(tmp_path)

    def asked(*more):
        return main(["report", "bell", "--n-null", "20", "-o", "page.html", "--quiet", *more])

    told = ["--columns", "observer=who,time=at,grade=size", "--time-unit", "ms", "--reaction-time", "0.5"]
    assert asked("--human", "p.csv", *told, "--grade", "fine") == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "people: p.csv (fine), 2 observers" in page and '"consensus":[20]' in page
    assert asked("--human", "p.csv", *told) == 2
    assert "choose with --grade\n" in capsys.readouterr().err
    assert asked("--time-unit", "ms") == 2
    assert "--time-unit: for a file of people's marks: name it with --human" in capsys.readouterr().err


def test_it_has_every_option_about_people_that_compare_has():
    from inspect import signature

    from emcog.cli.compare import compare
    from emcog.cli.people import PANEL
    from emcog.cli.report import report

    def of_people(command):
        options = {name: one.annotation.__metadata__[0] for name, one in signature(command).parameters.items()
                   if hasattr(one.annotation, "__metadata__")}  # fmt: skip
        return {name: one for name, one in options.items() if getattr(one, "rich_help_panel", None) == PANEL}

    assert len(of_people(compare)) == 12
    assert of_people(report) == of_people(compare)  # the same objects
