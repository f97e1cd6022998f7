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


def test_the_gallery_shows_what_was_drawn_and_says_so_where_nothing_was(made, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "FIGURES", tmp_path)
    monkeypatch.setattr(made, "SUMMARY", tmp_path / "SUMMARY.md")
    assert "make figures" in made.gallery()
    assert made.pictures() == {}
    for name in ("key_graph", "gamma"):
        (tmp_path / f"{name}.png").write_bytes(b"picture")
    (tmp_path / "gamma.txt").write_text("Error bars: 95%, n = 12 <events>.\n")
    (tmp_path / "SUMMARY.md").write_text("# Summary\n\n## Claims\n\n| claim | here |\n| --- | --- |\n| a | b |\n")
    page = made.gallery()
    assert page.index("## Gamma") < page.index("n = 12 &lt;events>") < page.index("## Key graph")
    assert "![Key graph](gallery/key_graph.png)" in page
    assert page.count("No caption lies beside this figure") == 1
    assert "### Claims" in page
    assert "| a | b |" in page
    assert made.pictures()["gallery/gamma.png"] == tmp_path / "gamma.png"


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
