"""The HTML report in a browser: headless Chromium, where there is one, opens the file as a reader would."""

import csv
import io
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emcog.segmentation import Segmentation
from emcog.viz import ReportMethod, ReportPeople, html_report, save_report

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: no browser to open a page in"
)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

STORY = "The bell rang twice before anybody in the low grey house by the harbour so much as stirred. " * 40
FRAME_MS = 1000 / 30  # of the page's own thread, which other work on the machine does not stretch as it does wall time


SETTLED = "() => new Promise((y) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(y, 30))))"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        path = CHROMIUM or engine.chromium.executable_path  # the machine's own, or what playwright has fetched
        if not Path(path).is_file():
            pytest.skip("no Chromium on this machine: apt-get install chromium, or playwright install chromium")
        # A sandbox of its own is not to be had for the user that runs tests in a container.
        opened = engine.chromium.launch(executable_path=path, args=["--no-sandbox"])
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
         "ci_low": 0.1, "ci_high": 0.9, "ceiling": 0.8, "null_model": "uniform", "null_mean": 0.2, "null_sd": 0.05,
         "z": 3.2, "p": 0.001, "p_bh": 0.002, "n": 3, "n_null": 100, "seed": 0, "note": "n: boundaries"}
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
    page.evaluate(SETTLED)


@pytest.fixture
def page(browser, file):
    with opened(browser, file) as shown:
        yield shown


def shown_texts(page):
    """Each event's text on one line; people's triangles stand among its words, and are no part of it."""
    joined = "all => all.map((e) => [...e.children].map((p) => p.textContent).join(' '))"
    return [" ".join(text.replace("▶", "").split()) for text in page.eval_on_selector_all(".event > div", joined)]


def chosen(page):
    return int(page.get_attribute("#timeline", "aria-valuenow"))


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
        headings = page.eval_on_selector_all(".event h3", "all => all.map((e) => e.textContent)")
        for heading, row in zip(headings, method.events.itertuples(), strict=True):
            assert f"Event {row.event} " in heading
            assert f"words {row.start_word}–{row.end_word - 1}, {row.n_tokens} tokens" in heading
            assert f"{row.surprise:.2f} bits" in heading
        marked = page.eval_on_selector_all(".results tr.chosen", "all => all.map((e) => e.dataset.method)")
        assert marked == [method.name]


def test_the_signal_switch_changes_the_shading_as_the_numbers_say(page, story):
    words = story[0][0].words
    for signal in ("surprisal", "entropy"):
        page.select_option("#signal", signal)
        settle(page)
        steps = page.eval_on_selector_all(".w", "all => all.map((e) => e.className.match(/q(\\d)/)?.[1] ?? null)")
        value = words[signal].to_numpy()
        there = ~np.isnan(value)
        assert [step is None for step in steps] == (~there).tolist()
        assert len({step for step in steps if step is not None}) >= 6
        order = np.argsort(value[there], kind="stable")
        assert (np.diff(np.array([int(s) for s in steps if s is not None])[order]) >= 0).all()
        assert signal in page.text_content("#scale")


def test_hovering_shows_a_words_numbers(page, story):
    row = story[0][0].words.iloc[7]
    page.hover("[data-w='7']")
    said = page.inner_text("#tip")
    assert row["word"] in said and "word 7" in said
    assert f"{row['surprisal']:.2f} bits" in said and f"{row['entropy']:.2f} bits" in said
    assert "0:03.5" in said and "event\n0 (of 4)" in said
    page.keyboard.press("Escape")
    assert page.is_hidden("#tip")
    page.hover("[data-w='5']")
    assert re.search(r"surprisal\s+undefined", page.inner_text("#tip"))


def test_peoples_boundaries_stand_in_the_margin_beside_their_words(page):
    def marked():
        return page.eval_on_selector_all(".start", "all => all.map((e) => Number(e.dataset.w))")

    assert marked() == [250, 500]
    assert page.locator(".some").count() == 1  # a word that one in four marked, and the consensus did not take
    page.locator("[data-w='250']").scroll_into_view_if_needed()
    settle(page)
    word, sign = page.locator("[data-w='250']").bounding_box(), page.locator(".agreed").first.bounding_box()
    assert abs((word["y"] + word["height"] / 2) - (sign["y"] + sign["height"] / 2)) < 8
    assert sign["x"] + sign["width"] < page.locator("[data-w='251']").bounding_box()["x"]
    page.select_option("#people", label="list")
    assert marked() == [100]
    page.select_option("#people", label="hidden")
    assert marked() == [] and page.locator(".agreed, .some").count() == 0


def test_the_statistics_are_the_tables(page, story):
    columns = ["estimate", "ci_low", "ci_high", "ceiling", "null_mean", "null_sd", "z", "p", "p_bh", "n"]
    for row in story[2].to_dict("records"):
        found = cells(page, f"tbody tr[data-method='{row['method']}'] data")
        assert [value for value, _ in found] == [row[column] for column in columns]
        assert found[0][1] == f"{row['estimate']:.3f}"


def test_the_keyboard_does_all_of_it(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the story"
    order = []
    for _ in range(13):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate("(({id, ariaLabel, textContent}) => id || ariaLabel || textContent)(document.activeElement)")
        )
    assert order[:9] == [
        "Story",
        "Statistics",
        "Events",
        "Data",
        "Provenance",
        "method",
        "signal",
        "people",
        "timeline",
    ]
    assert order[9:] == ["Event before", "Next event", "People’s boundary before", "Next boundary of people’s"]
    page.focus("#timeline")
    keys = [("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("PageUp", 100), ("PageUp", 250), ("PageDown", 100)]
    for key, word in [*keys, ("End", len(STORY.split()) - 1), ("Home", 0)]:
        page.keyboard.press(key)
        assert chosen(page) == word, key
        box = page.locator(f"[data-w='{word}']").bounding_box()
        assert 0 < box["y"] < 800, key
    said = page.get_attribute("#timeline", "aria-valuetext")
    assert said.startswith("The, word 0 (of 720)") and "surprisal 0.00 bits" in said and "event 0 (of 4)" in said
    page.focus("[data-go='people'][data-step='1']")
    page.keyboard.press("Enter")
    assert chosen(page) == 250
    page.keyboard.press("Space")
    assert chosen(page) == 500


NAMELESS = """() => [...document.querySelectorAll("button, select, a, [role], section, [tabindex='0']")].filter((e) =>
  !(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.id === "tip" || e.closest("[hidden]")
    || document.getElementById(e.getAttribute("aria-labelledby")))).map((e) => e.outerHTML.slice(0, 80))"""


def test_what_a_screen_reader_meets_has_roles_and_names(page):
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("h1").count() == 1
    timeline = page.locator("#timeline")
    assert timeline.get_attribute("role") == "slider"
    assert (timeline.get_attribute("aria-valuemin"), timeline.get_attribute("aria-valuemax")) == ("0", "719")
    headed = "all => all.every((t) => !t.rows.length || t.querySelector('th[scope=col]'))"
    assert page.locator("table").evaluate_all(headed)


LUMINANCE = """(pairs) => pairs.map(([ink, paper]) => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colours) => {
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light([...paper, ink]), light(paper)];
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), b];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_and_shading_reads_in_greyscale(browser, file, scheme):
    with opened(browser, file, color_scheme=scheme) as page:

        def style(selector, name):
            return page.evaluate("([s, name]) => getComputedStyle(document.querySelector(s))[name]", [selector, name])

        paper, ink = style("html", "backgroundColor"), style("html", "color")
        steps = page.eval_on_selector_all("#scale i", "all => all.map((e) => getComputedStyle(e).backgroundColor)")
        shades = page.evaluate(LUMINANCE, [[ink, [paper, step]] for step in steps])
        assert min(contrast for contrast, _ in shades) >= 4.5
        lightness = np.array([luminance for _, luminance in shades])
        gaps = np.diff(np.sqrt(lightness)) * (-1 if scheme == "light" else 1)
        assert (gaps > 0.01).all(), lightness  # every step is darker (lighter on dark) than the one before
        small = [".about", ".event h3 span", ".event h3 b", ".agreed", "a"]
        found = page.evaluate(LUMINANCE, [[style(selector, "color"), [paper]] for selector in small])
        assert {s: c for s, (c, _) in zip(small, found, strict=True) if c < 4.5} == {}


def test_the_timeline_and_the_text_stay_in_step(page):
    box = page.locator("#timeline").bounding_box()
    y = box["y"] + 20
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
    page.mouse.up()
    settle(page)
    word = chosen(page)
    assert 440 < word < 540
    assert 0 < page.locator(f"[data-w='{word}']").bounding_box()["y"] < 800
    assert page.locator("[data-w].now").get_attribute("data-w") == str(word)
    before = page.get_attribute("#timeline .view", "style")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    settle(page)
    assert chosen(page) < word  # it went along, because what is chosen stays in sight
    assert page.get_attribute("#timeline .view", "style") != before
    bar = page.locator("#bar").bounding_box()
    assert page.locator(f"[data-w='{chosen(page)}']").bounding_box()["y"] >= bar["y"] + bar["height"] - 4


def test_the_downloads_are_the_tables(page, story):
    def fetch(kind):
        with page.expect_download() as waiting:
            page.click(f"[data-csv='{kind}']")
        content = waiting.value.path().read_text(encoding="utf-8")
        return waiting.value.suggested_filename, list(csv.DictReader(io.StringIO(content, newline="")))

    method, rows = story[0][0], story[2]
    name, words = fetch("words")
    assert name == "The_bell.SM.words.csv"
    assert [row["word"] for row in words] == method.words["word"].tolist()
    assert [float(row["entropy"]) for row in words] == pytest.approx(method.words["entropy"].tolist(), abs=6e-5)
    assert words[5]["surprisal"] == ""
    assert [i for i, row in enumerate(words) if row["people_boundary"] == "1"] == [250, 500]
    _, events = fetch("events")
    for column in ("start_word", "end_word", "n_tokens", "onset_s", "offset_s", "surprise"):
        assert [float(row[column]) for row in events] == pytest.approx(method.events[column].tolist(), abs=6e-5)
    assert [" ".join(row["text"].split()) for row in events] == [" ".join(t.split()) for t in method.events["text"]]
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
        [str(e), f"{a}–{b - 1}"] for e, a, b in events[["event", "start_word", "end_word"]].to_numpy()
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
        for name in named:  # measure by measure in the page, method by method in the table
            found = cells(page, f"tbody tr[data-method='{name}'] td:nth-child(2) data")
            assert [value for value, _ in found] == table["estimate"][table["method"] == name].dropna().tolist()
        assert page.locator("#method option").all_text_contents() == list(named)
    wrong = shell("emcog report one -o report.json")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
    assert b"something.html" in wrong.stderr
