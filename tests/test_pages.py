"""Pages that scripts fill in: marked places, tables, and the pages of this project themselves."""

import re
from pathlib import Path

import pandas as pd
import pytest

from emcog import pages
from emcog.errors import DataError

DOCS = Path(__file__).parents[1] / "docs"


def test_a_block_is_replaced_and_the_rest_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# é\n<!-- begin a: by x.py -->\nold\n<!-- end a -->\nkept\n<!-- begin ab: x -->\n<!-- end ab -->\n"
    )
    for text in ("one \\1 | two", "three"):
        pages.fill(page, "a", text)
    expected = (
        "# é\n<!-- begin a: by x.py -->\n\nthree\n\n<!-- end a -->\nkept\n<!-- begin ab: x -->\n<!-- end ab -->\n"
    )
    assert page.read_text() == expected
    pages.fill(page, "ab", "four")
    assert "four" in page.read_text()
    with pytest.raises(DataError, match="0 places marked 'begin b'"):
        pages.fill(page, "b", "lost")


def test_a_table_as_markdown():
    table = pd.DataFrame({"name": ["a|b", "c"], "n": [1, 2], "x": [0.12345, float("nan")], "told": [True, False]})
    assert pages.markdown_table(table, digits=2).splitlines() == [
        "| name | n | x | told |",
        "| --- | --- | --- | --- |",
        "| a\\|b | 1 | 0.12 | True |",
        "| c | 2 |  | False |",
    ]


def test_what_was_measured_on_is_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert re.fullmatch(r"Measured on \d{4}-\d\d-\d\d, CPU: .+, \d+ cores, 1 thread.*commit.*\.", pages.measured_on())
    monkeypatch.setattr(pages, "ROOT", Path(__file__).parent / "nowhere")
    assert pages.commit() == "no commit known"
    monkeypatch.setenv("EMCOG_COMMIT", "abc1234")
    assert pages.commit() == "commit abc1234"
    with pytest.raises(DataError, match="from a checkout"):
        pages.docs_page("graph.md")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_marked_place_is_filled_by_a_script_that_exists(page):
    text = page.read_text(encoding="utf-8")
    found = re.findall(
        r"<!-- begin (\S+): written by (\S+\.py)(?: --campaign)? --write -->(.*?)<!-- end \1 -->", text, re.DOTALL
    )
    assert len(found) == text.count("<!-- begin")
    for name, script, filled in found:
        assert (DOCS.parent / script).is_file()
        assert f'"{name}"' in (DOCS.parent / script).read_text(encoding="utf-8")
        assert filled.strip(), f"{name} is empty: run {script} --write"
