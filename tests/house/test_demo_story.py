"""The demo story, its author's breaks and its card agree with each other."""

import csv
import hashlib
import tomllib
from itertools import pairwise

import pytest

from emcog.paths import data_folder

CARD = tomllib.loads((data_folder("datasets") / "demo.toml").read_text(encoding="utf-8"))
STORY = data_folder("datasets") / "demo" / "late_letter.txt"
TEXT = STORY.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scenes() -> list[dict[str, str]]:
    with open(STORY.with_name("late_letter.scenes.tsv"), encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_break_points_at_its_first_words(scenes):
    assert [int(scene["scene"]) for scene in scenes] == list(range(12))
    for scene in scenes:
        first_words = scene["first_words"].split()
        assert TEXT[int(scene["char_start"]) :].split()[:5] == first_words
        assert TEXT.split()[int(scene["word_start"]) :][:5] == first_words


def test_a_break_is_the_start_of_a_paragraph_and_nothing_marks_it(scenes):
    starts = [int(scene["char_start"]) for scene in scenes]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert all(TEXT[start - 2 : start] == "\n\n" for start in starts[1:])
    assert "\n\n\n" not in TEXT
    assert all(paragraph[0].isalpha() or paragraph[0] == '"' for paragraph in TEXT.rstrip("\n").split("\n\n"))


def test_scenes_are_neither_scraps_nor_chapters(scenes):
    starts = [int(scene["word_start"]) for scene in scenes] + [len(TEXT.split())]
    lengths = [end - start for start, end in pairwise(starts)]
    assert 1500 <= starts[-1] <= 2500
    assert min(lengths) >= 100
    assert max(lengths) <= 350


def test_the_text_keeps_to_the_corpus_typography():
    assert {character for character in TEXT if not character.isascii()} <= {"\N{EM DASH}"}
    assert "--" not in TEXT
    assert "  " not in TEXT
    assert all(paragraph.count('"') % 2 == 0 for paragraph in TEXT.split("\n\n"))


@pytest.mark.parametrize("file", CARD["files"], ids=lambda file: file["role"])
def test_the_card_has_the_checksums(file):
    content = (data_folder("datasets") / file["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_the_card_says_whose_breaks_they_are(scenes):
    assert "AUTHOR'S OWN" in CARD["caveat"]
    assert "not people's judgements" in CARD["caveat"]
    (table,) = [file for file in CARD["files"] if file["role"] == "author_scene_breaks"]
    assert list(table["columns"]) == list(scenes[0])
