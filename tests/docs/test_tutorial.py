"""The pages with code run as they stand, and what they say is printed is about what is printed."""

import re
from math import isclose
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
@pytest.mark.parametrize(
    ("page", "n_blocks", "n_outputs"), [("tutorial.md", 8, 5), ("own-data.md", 8, 5), ("measures/regression.md", 3, 1)]
)
def test_the_page_runs_and_shows_what_it_prints(page, n_blocks, n_outputs, running, tmp_path):
    text = (DOCS / page).read_text(encoding="utf-8")
    ran = running.run_page(DOCS / page, tmp_path)
    assert len(ran) == text.count("\n```python") + text.count("\n```sh") + text.count("\n```csv") >= n_blocks
    python = [one for one in ran if one.language == "python"]
    others = [(one.shown, one.printed) for one in python if not agree(one.shown, one.printed)]
    assert others == [], "run docs/tools/running.py --write"
    assert sum(bool(one.shown.strip()) for one in python) >= n_outputs


FRACTION = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?(?![\w.])")


def agree(shown: str, printed: str) -> bool:
    """Whether two outputs have the same words and whole numbers, and fractions that differ by rounding at most.

    What a model computes differs in its last digits from machine to machine: two in the last place that is shown, or a
    hundredth of it, are let pass. How wide a table's columns are is not looked at.
    """
    first, second = FRACTION.findall(shown), FRACTION.findall(printed)
    words = [re.sub(r"\s+|-{2,}", " ", FRACTION.sub("#", text)).strip() for text in (shown, printed)]
    return words[0] == words[1] and all(
        isclose(float(a), float(b), rel_tol=0.01, abs_tol=2.01 * last_place(a))
        for a, b in zip(first, second, strict=True)
    )


def last_place(number: str) -> float:
    """What one in the last digit of a number as it is written is worth."""
    digits, _, power = number.partition("e")
    return 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))


def test_outputs_agree_up_to_rounding():
    shown = "word  z\n12    0.1234\n13   -2.50\n"
    assert agree(shown, "word   z\n12     0.1235\n13    -2.51\n")
    for other in ("word  z\n12    0.1434\n13   -2.50\n",  # another number
                  "word  z\n12    0.1234\n14   -2.50\n",  # another word's number
                  "word  z\n12    0.1234\n13    2.50\n",  # another sign
                  "word  z\n-12    0.1234\n13   -2.50\n",  # and of a whole number
                  "name  z\n12    0.1234\n13   -2.50\n",  # another heading
                  "word  z\n12    0.1234\n"):  # a row less  # fmt: skip
        assert not agree(shown, other)


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
