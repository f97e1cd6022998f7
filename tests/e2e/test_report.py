"""The HTML report in a browser: headless Chromium, where there is one, opens the file as a reader would."""

import csv
import io
import re
import shutil
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from emcog.segmentation import Segmentation
from emcog.viz import ReportMethod, ReportPeople, html_report, save_report

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: no browser to open a page in"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

STORY = "The bell rang twice before anybody in the low grey house by the harbour so much as stirred. " * 40
FRAME_MS = 1000 / 30  # of the page's own thread, which other work on the machine does not stretch as it does wall time


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        # A sandbox of its own is not to be had for the user that runs tests in a container.
        opened = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def story(make_segmentation):
    """Two methods, people, statistics; a story with times."""
    one = make_segmentation(STORY, (0, 100, 250, 431), timed=True)
    other = make_segmentation(STORY, (0, 300), timed=True)
    one.words.loc[5, "surprisal"] = np.nan
    other.words.loc[5, "surprisal"] = np.nan
    share = np.zeros(len(one.words))
    share[[99, 250, 500]] = 0.25, 0.75, 0.5
    rows = [
        {"dataset": "crowd", "method": name, "metric": "f1", "variant": "exact", "unit": "share", "estimate": estimate,
         "ci_low": 0.1, "ci_high": 0.9, "ceiling": 0.8, "null_model": "uniform", "null_mean": 0.2, "null_sd": 0.05, "z": 3.2,
         "p": 0.001, "p_bh": 0.002, "n": 3, "n_null": 100, "seed": 0, "note": "n: boundaries"}
        for name, estimate in (("SM", 0.666666), ("F", 0.25))
    ]  # fmt: skip
    methods = [ReportMethod(n, s.events, s.tokens, s.words, s.provenance) for n, s in (("SM", one), ("F", other))]
    people = [ReportPeople("crowd", np.array([250, 500]), share, 4), ReportPeople("list", np.array([100]))]
    return methods, people, pd.DataFrame(rows)


@pytest.fixture(scope="module")
def file(story, tmp_path_factory):
    methods, people, rows = story
    page = html_report(methods, title="The bell", people=people, results=rows, units={"surprisal": "bits"})
    return save_report(tmp_path_factory.mktemp("report") / "report.html", page)


@contextmanager
def opened(browser, path, width=1280, height=800, **options):
    """A page that must not complain, nor ask for anything outside its own file."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url == path.as_uri() else complaints.append(request.url[:80]))
    page.goto(path.as_uri())
    settle(page)
    yield page
    assert [told for told in complaints if not told.startswith("blob:")] == []
    context.close()


def settle(page):
    """Two frames later: what a scroll or a switch set off is done."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30))))"
    )


@pytest.fixture
def page(browser, file):
    with opened(browser, file) as shown:
        yield shown


def shown_texts(page):
    """Each event's text on one line; people's triangles stand among its words, and are no part of it."""
    joined = "all => all.map((e) => [...e.children].map((p) => p.textContent).join(' '))"
    return [" ".join(text.replace("▶", "").split()) for text in page.eval_on_selector_all(".event > div", joined)]


def chosen(page):
    return int(page.get_attribute("#timeline", "aria-valuenow")) - 1


def cells(page, path="tbody tr[data-method='SM'] data"):
    return page.eval_on_selector_all(f"#statistics {path}", "all => all.map((e) => [Number(e.value), e.textContent])")


@pytest.mark.parametrize("width", [400, 800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint_and_fits(browser, file, width, scheme):
    with opened(browser, file, width=width, color_scheme=scheme) as page:
        assert page.title() == "The bell – emcog report"
        assert page.locator(".event").count() == 4
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_events_shown_are_the_tables_and_the_method_switch_changes_them(page, story):
    for method in story[0]:
        page.select_option("#method", label=method.name)
        settle(page)
        assert shown_texts(page) == [" ".join(t.split()) for t in method.events["text"]]
    _, results = fetch("results")
    assert [float(row["estimate"]) for row in results] == rows["estimate"].tolist()


def test_the_table_of_events_is_the_tables_and_leads_to_them(page, story):
    page.click("#event-list summary")
    settle(page)
    body = page.eval_on_selector_all(
        "#event-table tbody tr", "all => all.map((r) => [...r.cells].map((c) => c.textContent))"
    )
    events = story[0][0].events
    assert [row[:2] for row in body] == [
        [str(e + 1), f"{a + 1}–{b}"] for e, a, b in events[["event", "start_word", "end_word"]].to_numpy()
    ]
    assert [row[2] for row in body] == [f"{t:.2f}" for t in events["onset_s"]]
    page.click("#event-table button >> nth=2")
    assert chosen(page) == 250


def test_a_script_in_a_story_is_shown_and_not_run(browser, make_segmentation, tmp_path):
    text = "He said </script><script>document.title='owned'</script> <img src=x onerror=alert(1)> and left."
    s = make_segmentation(text, (0, 3), name="<b>bold</b>")
    page = html_report([ReportMethod("S", s.events, s.tokens, s.words, s.provenance)], title=s.name)
    with opened(browser, save_report(tmp_path / "evil.html", page)) as shown:
        assert shown.title() == "<b>bold</b> – emcog report"
        assert " ".join(shown_texts(shown)) == text
        assert shown.locator("img").count() == 0
        assert shown.is_hidden("#people")


def test_motion_is_left_out_where_it_is_not_wanted(browser, file):
    duration = "getComputedStyle(document.querySelector('.now')).transitionDuration"
    with opened(browser, file, reduced_motion="reduce") as page:
        assert page.evaluate(duration) == "0s"
    with opened(browser, file, reduced_motion="no-preference") as page:
        assert page.evaluate(duration) != "0s"


FRAMES = """async (steps) => {
  for (let i = 0; i < steps; i++) {
    window.scrollBy(0, 160);
    await new Promise((done) => requestAnimationFrame(done));
  }
}"""


@pytest.mark.parametrize("n_events", [1, 400])
def test_twenty_thousand_words_scroll_smoothly(browser, make_segmentation, tmp_path, record_property, n_events):
    text = " ".join((STORY * 28).split()[:20_000])
    inner = np.random.default_rng(0).choice(np.arange(1, 20_000), n_events - 1, replace=False)
    s = make_segmentation(text, (0, *sorted(map(int, inner))))
    path = save_report(
        tmp_path / "long.html", html_report([ReportMethod("S", s.events, s.tokens, s.words, {})], title="long")
    )
    with opened(browser, path) as page:
        assert page.locator(".w").count() == 20_000
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def busy():
            return next(
                m["value"] for m in session.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration"
            )

        before = busy()
        page.evaluate(FRAMES, 60)
        milliseconds = (busy() - before) * 1000 / 60
        record_property("ms_a_scroll_step", round(milliseconds, 1))
        assert milliseconds < FRAME_MS
        page.focus("#timeline")
        page.keyboard.press("End")
        settle(page)
        assert 0 < page.locator("[data-w='19999']").bounding_box()["y"] < 800


def test_the_command_writes_it(shell, make_segmentation, browser):
    for name, starts in (("one", (0, 4, 7)), ("two", (0, 7))):
        made = make_segmentation(STORY, starts, timed=True)
        made.save(shell.folder / name)
    (shell.folder / "presses.csv").write_text("observer,time_s\na,2.1\nb,2.2\nb,3.4\nc,100.0\n")
    command = "emcog report one two/bell --human presses.csv --n-null 20 -o out/report.html"
    done = shell(command)
    assert done.returncode == 0, done.stderr.decode()
    first = (shell.folder / "out" / "report.html").read_bytes()
    assert shell(command).returncode == 0
    assert (shell.folder / "out" / "report.html").read_bytes() == first
    from emcog.stats import compare

    loaded = [Segmentation.load(shell.folder / name) for name in ("one", "two")]
    named = dict(zip(("S (one)", "S (two/bell)"), loaded, strict=True))
    table = compare(named, shell.folder / "presses.csv", n_null=20)
    with opened(browser, shell.folder / "out" / "report.html") as page:
        found = [value for value, _ in cells(page, "tbody tr[data-method] td:nth-child(2) data")]
        assert found == table["estimate"].dropna().tolist()
        assert page.locator("#method option").all_text_contents() == list(named)
    wrong = shell("emcog report one -o report.json")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"something.html" in wrong.stderr
