"""The command that writes the page: what it calls those whose boundaries it shows."""

import numpy as np

from emcog.human import AnnotationSet, make_marks


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
