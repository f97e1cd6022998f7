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
