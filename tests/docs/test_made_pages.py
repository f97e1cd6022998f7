"""Facts are filled in from where they are known, docstrings become Markdown, the gallery follows what was drawn."""

import pytest

from emcog.errors import DataError


@pytest.fixture(scope="module")
def facts(tool):
    return tool("facts")


@pytest.fixture(scope="module")
def made(tool):
    return tool("made")


@pytest.fixture(scope="module")
def to_markdown(tool):
    return tool("docstrings").to_markdown


def test_numbers_of_the_model_come_from_its_card(facts, tmp_path, monkeypatch):
    card = tmp_path / "MODEL_CARD.md"
    rows = "| file | 3 MB |\n| look-up inside the context, exact answers | 25 of 500 |"
    card.write_text(f"# Card\n\n## Data\n\nBooks.\n\n## Measured\n\n{rows}\n")
    monkeypatch.setattr(facts, "CARD", card)
    page = "<!-- fact: card value: file --> and <!-- fact: look-up share -->: <!-- fact: card section: Data -->"
    assert facts.fill(page, "x.md") == "3 MB and 5%: Books."
    for wrong in ("card value: colour", "card section: Dreams", "weather"):
        with pytest.raises(DataError, match=wrong.split(": ")[-1]):
            facts.fill(f"<!-- fact: {wrong} -->", "x.md")


def test_a_measure_is_told_as_the_registry_knows_it(facts):
    told = facts.measure("wasserstein")
    assert "W1 between boundary positions" in told
    assert "lower is more agreement" in told
    assert "variants: units, s, share" in told
    assert "never shown without `count_ratio`" in told
    assert "has a tolerance" not in told
    assert "has a tolerance" in facts.measure("f1")


def test_the_gallery_shows_what_was_drawn(tool, tmp_path):
    from PIL import Image

    make = tool("gallery").gallery
    with pytest.raises(DataError, match="make figures"):
        make(tmp_path, tmp_path)
    for name, width in (("key_graph", 1004), ("gamma", 2125)):
        Image.new("RGB", (width, 80), "white").save(tmp_path / f"{name}.png")
        (tmp_path / f"{name}.txt").write_text("About.\nError bars: 95% <b>.\nn: late_letter: n = 12\n")
    (tmp_path / "SUMMARY.md").write_text("# What came out\n\n## Claim\n\n| data | agrees |\n| --- | --- |\n| a | b |\n")
    files = make(tmp_path, tmp_path)
    assert sorted(files) == ["gallery.md", "gallery/gamma.png", "gallery/key_graph.png"]
    page = files["gallery.md"].decode()
    assert page.index("## Key graph") < page.index("## Gamma")  # in the order of `FIGURES`
    assert '![Key graph](gallery/key_graph.png){ width="401" }\n\nAbout.\n\n- Error bars: 95% \\<b>.\n' in page
    assert "![Gamma](gallery/gamma.png)\n" in page and "- n: late\\_letter: n = 12" in page
    assert "## What came out" in page and "### Claim" in page and "| a | b |" in page


def test_the_gallery_in_the_repository_has_every_figure_and_is_small(made):
    from emcog.reproduce import FIGURES

    docs = made.ROOT / "docs"
    page = (docs / "gallery.md").read_text(encoding="utf-8")
    sizes = [(docs / "gallery" / f"{name}.png").stat().st_size for name in FIGURES]
    assert [name for name in FIGURES if f"(gallery/{name}.png)" not in page] == []
    assert sum(sizes) < 1_500_000
    assert "## What came out" in page


def test_every_command_and_option_is_on_the_page(made):
    page = made.commands()
    for name in ("emcog segment", "emcog compare", "emcog datasets fetch", "emcog train-lm"):
        assert f"## `{name}`" in page
    assert "`--n-events`" in page
    assert "callback" not in page


def test_every_card_is_on_the_page(made):
    page = made.datasets()
    assert page.count("\n## ") == len(list((made.ROOT / "datasets").glob("*.toml")))
    assert "AUTHOR'S OWN" in page


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One line.", "One line."),
        ("A < B, a * b, `a * b < c`.", "A &lt; B, a \\* b, `a * b < c`."),
        ("X.\n\nReturns\n-------\nfloat; NaN\n    without any.", "X.\n\n**Returns**\n\nfloat; NaN without any."),
        (
            'X.\n\nParameters\n----------\na, b : first\n    second:\n    "one": x;\n    "two": y\n    z.',
            'X.\n\n**Parameters**\n\n- `a, b`: first second:\n    - `"one"`: x;\n    - `"two"`: y z.',
        ),
        ("Use:\n\n    a()\n        b()\n\nEnd.", "Use:\n\n```python\na()\n    b()\n\n```\n\nEnd."),
        (">>> f(1)\n2\n\nEnd.", "```pycon\n>>> f(1)\n2\n```\n\nEnd."),
    ],
)
def test_docstrings_become_markdown(to_markdown, docstring, expected):
    assert to_markdown(docstring) == expected
