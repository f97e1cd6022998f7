"""The HTML report's page as Python makes it: what the data say, how the tables read, what can never run."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcog.errors import DataError, OptionError, StorageError
from emcog.viz import ReportMethod, ReportPeople, html_report, save_report
from emcog.viz.report.payload import as_json, payload
from emcog.viz.report.results import number

COLUMNS = (
    "analysis dataset story model method metric variant unit bin tolerance estimate ci_low ci_high ceiling null_model "
    "null_mean null_sd z p p_bh n n_null seed note"
).split()


def result(**given):
    row = dict.fromkeys(COLUMNS) | {
        "dataset": "crowd", "method": "S", "metric": "f1", "variant": "exact", "unit": "share", "estimate": 0.123456789,
        "ci_low": 0.1, "ci_high": 0.2, "ceiling": 0.5, "null_model": "uniform", "null_mean": 0.05, "null_sd": 0.0125,
        "z": 5.876, "p": 0.0002, "p_bh": 0.0004, "n": 7, "n_null": 1000, "seed": 3, "note": "n: boundaries",
    }  # fmt: skip
    return row | given


def results(*rows):
    return pd.DataFrame([result(**row) for row in rows or ({},)])


def method(segmentation, name="S", **more):
    s = segmentation
    return ReportMethod(name, s.events, s.tokens, s.words, s.provenance, **more)


def page_of(segmentation, **more):
    return html_report([method(segmentation)], title=segmentation.name, **more)


def data_of(page):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def shown_events(data, which=0):
    """Each event's text, put together as the page's script does."""
    events = data["methods"][which]["events"]
    edges = [*zip(events["place"], events["cut"], strict=True), (len(data["words"]), 0)]
    texts = []
    for (first, begin), (stop, end) in pairwise(edges):
        text = ""
        for w in range(first, stop + (end > 0)):
            units = data["words"][w].encode("utf-16-le")
            piece = units[2 * begin if w == first else 0 : 2 * end if w == stop else None].decode("utf-16-le")
            text += ("" if w == first else data["gaps"].get(str(w), " ")) + piece
        texts.append(text)
    return texts


class Cells(HTMLParser):
    """Every `data` element of a page: (exact value, what is shown)."""

    def __init__(self, page):
        super().__init__()
        self.found, self._value = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "data":
            self._value = dict(attrs)["value"]

    def handle_data(self, data):
        if self._value is not None:
            self.found.append((self._value, data))

    def handle_endtag(self, tag):
        self._value = None if tag == "data" else self._value


def test_the_events_shown_are_the_tables(make_segmentation):
    segmentation = make_segmentation(timed=True)
    data = data_of(page_of(segmentation))
    assert data["words"] == segmentation.words["word"].tolist()
    assert shown_events(data) == [text.strip() for text in segmentation.events["text"]]
    events = data["methods"][0]["events"]
    for name in ("start_word", "end_word", "n_tokens", "start_token", "end_token", "onset_s", "offset_s", "surprise"):
        assert events[name] == pytest.approx(segmentation.events[name].tolist())
    assert data["signals"][0]["entropy"] == pytest.approx(segmentation.words["entropy"].tolist())


def test_a_boundary_inside_a_word_cuts_it_there_and_counts_as_scripts_do(make_segmentation):
    # Four tokens in "😀ab": the emoji is two units of UTF-16, and Python's one character.
    s = make_segmentation("go 😀abc on", (0, 1, 2))
    tokens = pd.DataFrame({"text": ["go", " 😀a", "bc", " on"]})
    events = s.events.assign(start_token=[0, 1, 2], end_token=[1, 2, 4])
    data = data_of(html_report([ReportMethod("S", events, tokens, s.words, s.provenance)], title="x"))
    assert data["methods"][0]["events"]["place"] == [0, 1, 1]
    assert data["methods"][0]["events"]["cut"] == [0, 0, 3]
    assert shown_events(data) == ["go", "😀a", "bc on"]


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.split), st.data())
def test_whatever_the_text_and_wherever_the_cuts_nothing_is_lost(make_segmentation, text, draw):
    s = make_segmentation(text, (0,))
    n = len(text)
    cuts = draw.draw(st.lists(st.integers(1, n), max_size=4, unique=True).map(sorted))
    edges = [0, *[c for c in cuts if c < n]]
    tokens = pd.DataFrame({"text": [text[a:b] for a, b in zip(edges, [*edges[1:], n], strict=True)]})
    k = len(edges)
    events = pd.DataFrame({c: np.zeros(k) for c in s.events.columns}).assign(
        start_token=range(k), end_token=range(1, k + 1), text=tokens["text"]
    )
    data = json.loads(as_json(payload([ReportMethod("S", events, tokens, s.words)], [], None, {}, "x")))
    whole = "".join(data["gaps"].get(str(i), " " if i else "") + word for i, word in enumerate(data["words"]))
    assert whole + data["gaps"].get(str(len(data["words"])), "") == text
    assert "".join("".join(shown_events(data)).split()) == "".join(text.split())


def test_a_script_in_a_story_is_text(make_segmentation):
    evil = '</script><script>alert(1)</script> <!-- {{data}} "quoted" \u2028 end.'
    segmentation = make_segmentation(evil, (0, 2), name="<img src=x onerror=alert(1)>")
    rows = results({"method": "<b>", "note": "<script>", "dataset": '"><script>'})
    crowd = ReportPeople("<script>", np.array([1]))
    page = page_of(segmentation, results=rows, people=[crowd], meanings={"f1": "</td><script>"})
    assert len(re.findall(r"<script", page)) == 2
    assert "<img" not in page
    assert data_of(page)["words"] == evil.split()


def test_only_the_pages_own_script_and_style_may_run_and_nothing_is_fetched(make_segmentation):
    page = page_of(make_segmentation())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    for tag, where in (("script", r'<script type="module">(.*?)</script>'), ("style", r"<style>(.*?)</style>")):
        content = re.search(where, page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://|\bimport\b.*from|@import|url\(|innerHTML\s*=| on\w+=\"| style=\"", page)


def test_the_same_tables_give_the_same_page(make_segmentation, tmp_path):
    one, other = (page_of(make_segmentation(), results=results()) for _ in range(2))
    assert one == other
    assert save_report(tmp_path / "a.html", one).read_text(encoding="utf-8") == other


def test_a_place_that_cannot_be_written_to_is_said(make_segmentation, tmp_path):
    (tmp_path / "a.html").write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        save_report(tmp_path / "a.html" / "b.html", page_of(make_segmentation()))


def test_the_statistics_shown_are_the_tables(make_segmentation):
    table = results(
        {}, {"method": "R", "estimate": np.nan, "ci_low": np.nan, "p": 0.4, "p_bh": np.float64(0.5), "n": 1234}
    )
    page = page_of(make_segmentation(), results=table)
    cells = Cells(page).found
    first = [
        result()[c] for c in ("estimate", "ci_low", "ci_high", "ceiling", "null_mean", "null_sd", "z", "p", "p_bh", "n")
    ]
    assert [float(value) for value, _ in cells[:10]] == first
    shown = [shown for _, shown in cells[:10]]
    assert shown == ["0.123", "0.100", "0.200", "0.500", "0.0500", "0.0125", "5.88", "< .001", "< .001", "7"]
    assert [shown for _, shown in cells[10:]] == ["0.500", "0.0500", "0.0125", "5.88", ".400", ".500", "1,234"]
    assert page.count("<b><data") == 1  # what is below .05 after correction, and nothing else
    stored = data_of(page)["results"]
    assert stored["columns"] == list(COLUMNS)
    assert stored["rows"][0][COLUMNS.index("estimate")] == 0.123456789
    assert stored["rows"][1][COLUMNS.index("estimate")] is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1e-17, "0"), (0.5, "0.500"), (-0.01234, "-0.0123"), (12.345, "12.3"), (99.99, "100."), (132.137, "132"),
     (12345.6, "12346"), (0.00001234, "1.23e-05")],
)  # fmt: skip
def test_numbers_have_three_digits_that_count(value, shown):
    assert number(value).rstrip(".") == shown.rstrip(".")


def test_pictures_of_one_measure_share_a_scale(make_segmentation):
    bare = {"ci_low": np.nan, "null_mean": np.nan}
    table = results(bare | {"estimate": 0.0, "ceiling": np.nan}, bare | {"estimate": 1.0, "ceiling": 0.5})
    page = page_of(make_segmentation(), results=table)
    dots = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)" cy="9', page)]
    diamond = float(re.search(r'<path class="ceiling" d="M([\d.]+) 3.0l', page)[1])
    assert dots[0] < diamond < dots[1]
    assert diamond == pytest.approx(np.mean(dots), abs=0.06)


def test_methods_of_one_listening_share_its_signals(make_segmentation):
    one, other = make_segmentation(), make_segmentation(starts=(0, 2))
    data = data_of(html_report([method(one, "a"), method(other, "b", signal="entropy")], title="x"))
    assert len(data["signals"]) == 1
    assert [m["signal"] for m in data["methods"]] == ["surprisal", "entropy"]
    third = make_segmentation(starts=(0, 2))
    third.words["entropy"] += 1
    data = data_of(html_report([method(one, "a"), method(third, "b")], title="x"))
    assert [m["signals"] for m in data["methods"]] == [0, 1]


def test_people_are_stored_by_word_and_undefined_numbers_are_null(make_segmentation):
    segmentation = make_segmentation()
    n = len(segmentation.words)
    segmentation.words.loc[2, "surprisal"] = np.nan
    share = np.zeros(n)
    share[[3, 4]] = 0.25, 1.0
    people = [ReportPeople("crowd", np.array([4]), share, 4), ReportPeople("list", np.array([2, 7]))]
    page = page_of(segmentation, people=people)
    data = data_of(page)
    assert data["people"] == [
        {"name": "crowd", "consensus": [4], "share": {"3": 0.25, "4": 1.0}, "n": 4},
        {"name": "list", "consensus": [2, 7], "share": None, "n": 0},
    ]
    assert data["signals"][0]["surprisal"][2] is None
    assert data["onset"] is None
    assert "4 observers" in page and "a list of boundaries" in page


def test_what_cannot_be_one_report_is_said(make_segmentation):
    one, other = make_segmentation(), make_segmentation("Quite another story. With words.", (0, 2))
    with pytest.raises(DataError, match="one story"):
        html_report([method(one, "a"), method(other, "b")], title="x")
    with pytest.raises(DataError, match="called 'a'"):
        html_report([method(one, "a"), method(one, "a")], title="x")
    with pytest.raises(DataError, match="at least one"):
        html_report([], title="x")
    empty = ReportMethod("a", one.events, one.tokens, one.words.iloc[:0])
    with pytest.raises(DataError, match="no words"):
        html_report([empty], title="x")
    with pytest.raises(DataError, match="do not lie"):
        page_of(one, people=[ReportPeople("far", np.array([len(one.words)]))])
    with pytest.raises(OptionError, match="choose from surprisal"):
        html_report([method(one, signal="surprise")], title="x")
