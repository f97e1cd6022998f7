"""The built site: strict, every link leads somewhere, nothing is fetched, every public name and measure is there."""

import ast
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="the documentation's tools are not installed: pip install emcog[docs]")
pytest.importorskip("mkdocstrings", reason="the documentation's tools are not installed: pip install emcog[docs]")

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = {"cli", "_data"}  # the command line has a page of its own


class Links(HTMLParser):
    """What a page points at, what can be pointed at in it, and what a browser loads with it."""

    def __init__(self):
        super().__init__()
        self.links, self.ids, self.loads = [], set(), []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        loaded = given.get("src") or (tag == "link" and given.get("rel") != "canonical" and given.get("href"))
        if loaded:
            self.loads.append(loaded)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def parsed(site):
    out = {}
    for path in sorted(site.rglob("*.html")):
        out[path] = Links()
        out[path].feed(path.read_text(encoding="utf-8"))
    assert len(out) > 30
    return out


def test_every_link_leads_somewhere(site, parsed):
    wrong, followed = [], 0
    for path, page in parsed.items():
        if path.name == "404.html":  # its links begin at the root of a server
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            ids = parsed[target].ids if target in parsed else set()
            followed += 1
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in ids):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert followed > 1000
    assert wrong == []


def test_nothing_is_fetched_from_elsewhere(site, parsed):
    loads = [(path.name, load) for path, page in parsed.items() for load in page.loads]
    assert len(loads) > 60
    assert [pair for pair in loads if "//" in pair[1]] == []
    styles = list(site.rglob("*.css"))
    assert styles
    assert [path.name for path in styles if re.search(r"url\(\s*[\"']?(https?:)?//", path.read_text("utf-8"))] == []


def test_formulas_are_mathml(site):
    drawn = 0
    for path in sorted((site / "measures").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        drawn += text.count("<math")
        assert "arithmatex" not in text
        assert "$$" not in text
        assert "<merror" not in text
    assert drawn > 150


def test_no_fact_is_left_open(site):
    assert [path.name for path in site.rglob("*.html") if "<!-- fact:" in path.read_text(encoding="utf-8")] == []


def rooms():
    """Every package of emcog with a public face, and the names in it."""
    for file in sorted((ROOT / "emcog").rglob("__init__.py")):
        room = ".".join(file.parent.relative_to(ROOT / "emcog").parts)
        if not room or room.split(".")[0] in HIDDEN:
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                yield room, ast.literal_eval(node.value)


@pytest.mark.parametrize(("room", "names"), [pair for pair in rooms() if "." not in pair[0]], ids=lambda v: str(v)[:20])
def test_every_public_name_has_a_place(site, room, names):
    page = (site / "api" / f"{room}.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'(?:id|href)="[^"]*?[.#](\w+)"', page))
    assert [name for name in names if name not in shown] == []


def test_the_public_face_is_listed(site):
    import emcog

    page = (site / "api" / "index.html").read_text(encoding="utf-8")
    assert [name for name in emcog.__all__ if name != "__version__" and f"emcog.{name}</code>" not in page] == []


def test_every_measure_and_metric_has_a_section(site, parsed):
    from emcog.graph import METRICS
    from emcog.signals import SIGNALS
    from emcog.stats import COLUMNS, MEASURES, NULLS

    ids = {path.stem: page.ids for path, page in parsed.items() if path.parent.name == "measures"}
    assert [name for name in MEASURES if name not in ids["agreement"]] == []
    assert [name for name in METRICS if name not in ids["cohesion"]] == []
    assert [name for name in SIGNALS if name not in ids["signals"]] == []
    for name in ("lag_crp", "forward_asymmetry", "temporal_clustering", "serial_position"):
        assert name in ids["recall"]
    regression = ("slope", "wald", "likelihood_ratio", "delta_log_likelihood", "delta_log_likelihood_ratio")
    assert [name for name in regression if name not in ids["regression"]] == []
    columns = (site / "measures" / "index.html").read_text(encoding="utf-8")
    assert [name for name in COLUMNS if f"<code>{name}</code>" not in columns] == []
    chance = (site / "measures" / "chance.html").read_text(encoding="utf-8")
    assert [name for name in NULLS if f"<code>{name}</code>" not in chance] == []


def test_every_formula_has_a_source():
    text = (ROOT / "docs" / "measures" / "agreement.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE))
    # Precision, recall, a ratio of counts and the second half of `matched` are nobody's invention.
    plain = {"precision", "recall", "count_ratio", "matched_precision"}
    from emcog.stats import MEASURES

    for name in MEASURES:
        assert f"<!-- fact: measure: {name} -->" in sections[name]
        assert "$$" in sections[name]
        assert ("*Source:" in sections[name]) == (name not in plain), name


def test_the_page_of_the_embedded_model_types_no_number():
    text = (ROOT / "docs" / "embedded-lm.md").read_text(encoding="utf-8")
    written_by_scripts = r"<!-- begin (\w+).*?<!-- end \1 -->"
    told = re.sub(rf"{written_by_scripts}|<!--.*?-->|\]\([^)]*\)", "", text, flags=re.DOTALL)
    assert re.findall(r"\d", told) == []
