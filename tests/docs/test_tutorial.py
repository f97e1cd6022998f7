"""The tutorial and the how-to run as they stand, and what they say is printed is about what is printed."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def running(tool):
    return tool("running")


@pytest.fixture(autouse=True)
def without_a_display(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["tutorial.md", "own-data.md"])
def test_the_page_runs_and_shows_what_it_prints(page, running, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")
    ran = running.run_page(DOCS / page, tmp_path)
    assert len(ran) == text.count("\n```python") + text.count("\n```sh") + text.count("\n```csv") >= 8
    # Numbers differ with the embedded model and the machine; how many lines there are does not.
    shown = [(one.code, len(one.shown.strip().splitlines())) for one in ran if one.language == "python"]
    printed = [(one.code, len(one.printed.strip().splitlines())) for one in ran if one.language == "python"]
    assert shown == printed, "run docs/tools/running.py --write"
    assert sum(lines > 0 for _, lines in shown) >= 5


def page_of(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_go_on_where_the_one_before_ended_and_outputs_are_written_below(running, tmp_path):
    blocks = [
        '```csv title="a.csv"\nx\n1\n```',
        '```python\ny = open("a.csv").read()\n```',
        "```python\nprint(len(y))\n```",
    ]
    text = "\n\n".join(["# A", *blocks, "End.\n"])
    ran = running.run_page(page_of(tmp_path, text), tmp_path)
    assert [one.printed for one in ran] == ["", "", "4\n"]
    written = running.with_outputs(text, ran)
    assert written == text.replace("print(len(y))\n```\n", 'print(len(y))\n```\n\n```text title="Output"\n4\n```\n')
    again = running.run_page(page_of(tmp_path, written), tmp_path)
    assert again[-1].shown == "4\n"
    assert running.with_outputs(written, again) == written


def test_an_error_names_the_page_and_the_line(running, tmp_path):
    page = page_of(tmp_path, "# A\n\n```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        running.run_page(page, tmp_path)
    assert caught.value.__notes__ == ["in the block of page.md at line 4"]


def test_a_command_that_fails_is_no_success(running, tmp_path):
    with pytest.raises(RuntimeError, match="ended with 2"):
        running.run_page(page_of(tmp_path, "```sh\nemcog segment nowhere.txt\n```\n"), tmp_path)
