import io
from unittest import mock

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.text import Text
from PIL import Image

from emcog.errors import DataError, OptionError
from emcog.viz import figure_bytes, plot_segmentation, save_figure
from emcog.viz.style import emcog_style

STORY = "The bell rang twice before anybody in the low grey house by the harbour so much as stirred. " * 40


def spread(n_words, n_events, seed=0):
    inner = np.random.default_rng(seed).choice(np.arange(1, n_words), n_events - 1, replace=False)
    return (0, *sorted(int(i) for i in inner))


@pytest.fixture
def story(make_segmentation):
    def make(n_words=680, n_events=8, **options):
        return make_segmentation(" ".join(STORY.split()[:n_words]), spread(n_words, n_events), **options)

    return make


def texts_of(figure):
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def boxes(figure):
    """Each text that is really drawn (an axis also keeps tick labels that lie outside it), and the box around it."""
    drawn, draw = [], Text.draw
    with emcog_style(), mock.patch.object(Text, "draw", lambda text, *args: drawn.append(text) or draw(text, *args)):
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
    return [(text.get_text(), text.get_window_extent(renderer)) for text in drawn if text.get_text()]


def bars(figure):
    """The bars of the first row, each as its two ends."""
    return next(c for c in figure.axes[0].collections if isinstance(c, LineCollection)).get_segments()


def starts_drawn(figure):
    """The event numbers that stand in bold at the poles."""
    return [int(t.get_text()) for t in texts_of(figure) if t.get_weight() == "bold" and t.get_text().isdigit()]


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(("n_words", "n_events"), [(680, 1), (680, 8), (680, 40), (640, 120), (3, 2), (1, 1)])
def test_no_text_is_cut_off_or_hides_another(story, n_words, n_events, timed):
    figure = story(n_words, n_events, timed=timed).plot()
    width, height = figure.get_size_inches() * figure.dpi
    placed = boxes(figure)
    for text, box in placed:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
    lines = [(text, box) for text, box in placed if len(text) > 3 or text.isdigit()]
    for i, (text, box) in enumerate(lines):
        for other, where in lines[i + 1 :]:
            wide = min(box.x1, where.x1) - max(box.x0, where.x0)
            high = min(box.y1, where.y1) - max(box.y0, where.y0)
            assert wide <= 0.5 or high <= 2.0, (text, other)


@pytest.mark.parametrize("n_events", [1, 8, 40])
def test_every_event_is_numbered_once_as_in_the_table(story, n_events):
    assert starts_drawn(story(680, n_events).plot()) == list(range(n_events))


def test_events_are_labelled_with_their_first_words(make_segmentation):
    shown = {t.get_text() for t in texts_of(make_segmentation().plot())}
    assert {"The bell rang twice", "Anna ran home", "A year later she was back"} <= {s.rstrip(".") for s in shown}


def test_bars_are_as_high_as_the_signal(make_segmentation):
    segmentation = make_segmentation()
    drawn = bars(segmentation.plot())
    assert [bar[1][0] for bar in drawn] == list(range(13))
    assert [bar[1][1] for bar in drawn] == segmentation.words["surprisal"].tolist()


def test_another_signal_and_its_unit_are_named_on_the_axis(make_segmentation):
    segmentation = make_segmentation()
    figure = segmentation.plot(signal="bayesian_surprise", unit="bits")
    assert "Bayesian surprise (bits)" in {t.get_text() for t in texts_of(figure)}
    assert bars(figure)[1][1][1] == segmentation.words["bayesian_surprise"][1]


def test_missing_values_leave_gaps(make_segmentation):
    segmentation = make_segmentation()
    words = segmentation.words.assign(surprisal=[np.nan, 2.0] + [np.nan] * 11)
    figure = plot_segmentation(segmentation.events, segmentation.tokens, words)
    assert len(bars(figure)) == 1
    figure = plot_segmentation(segmentation.events, segmentation.tokens, words.assign(surprisal=np.nan))
    assert len(figure_bytes(figure)) > 1000


@pytest.mark.parametrize(
    ("timed", "x", "label"),
    [
        (True, "auto", "Time (s)"),
        (True, "seconds", "Time (s)"),
        (True, "words", "Word number"),
        (False, "auto", "Word number"),
    ],
)
def test_the_axis_is_in_seconds_where_there_are_times(make_segmentation, timed, x, label):
    assert label in {t.get_text() for t in texts_of(make_segmentation(timed=timed).plot(x=x))}


def test_seconds_without_times_are_refused(make_segmentation):
    with pytest.raises(DataError, match="no times"):
        make_segmentation().plot(x="seconds")


@pytest.mark.parametrize("options", [{"x": "minutes"}, {"signal": "surprise"}, {"max_rows": 0}, {"words_per_row": 0}])
def test_wrong_options_are_refused(make_segmentation, options):
    with pytest.raises(OptionError):
        make_segmentation().plot(**options)


def test_without_words_the_axis_counts_tokens(make_segmentation):
    segmentation = make_segmentation()
    figure = plot_segmentation(segmentation.events, segmentation.tokens, segmentation.words.iloc[:0])
    assert "Token number" in {t.get_text() for t in texts_of(figure)}


def test_a_very_long_story_is_cut_and_says_so(story):
    figure = story(680, 8).plot(words_per_row=100, max_rows=3)
    notes = [t.get_text() for t in texts_of(figure) if t.get_text().startswith("Shown")]
    assert len(notes) == 1
    assert "of 680 (rows 1 to 3 of" in notes[0]
    later = story(680, 8).plot(words_per_row=100, max_rows=3, first_row=3)
    assert any("(rows 4 to 6 of" in t.get_text() for t in texts_of(later))
    assert not set(starts_drawn(figure)) & set(starts_drawn(later))


def test_of_a_crowd_of_events_the_most_surprising_are_labelled(story):
    segmentation = story(680, 300)
    figure = segmentation.plot(words_per_row=700)
    labelled = starts_drawn(figure)
    assert 0 in labelled
    assert 15 <= len(labelled) <= 20
    surprise = segmentation.events["surprise"]
    assert surprise[labelled[1:]].min() >= surprise.sort_values(ascending=False).iloc[19]
    assert any("Labelled: 20 of 300 events" in t.get_text() for t in texts_of(figure))
    assert not any("Labelled" in t.get_text() for t in texts_of(story(680, 20).plot()))


def test_one_giant_does_not_flatten_the_rest(story):
    segmentation = story(300, 4)
    value = segmentation.words["surprisal"].copy()
    value[7] = 1000.0
    figure = plot_segmentation(segmentation.events, segmentation.tokens, segmentation.words.assign(surprisal=value))
    assert figure.axes[0].get_ylim()[1] < 40
    assert any("1 higher than the axis, up to 1000" in t.get_text() for t in texts_of(figure))


def test_difficult_texts_are_drawn_as_they_are(make_segmentation, recwarn):
    text = "It cost $5 or $x_^2 <script>alert(1)</script> \U0001f600 \u4ed6\u8d70\u4e86 \\frac{ " + "Donau" * 200
    segmentation = make_segmentation(text, (0, 3, 5), name="a $name_ with % {braces}")
    for kind in ("png", "pdf", "svg"):
        assert len(figure_bytes(segmentation.plot(), kind)) > 1000
    shown = " ".join(t.get_text() for t in texts_of(segmentation.plot()))
    assert "$5" in shown
    assert "a $name_ with % {braces}" in shown
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_figure_gives_the_same_bytes(story, kind):
    assert figure_bytes(story(300, 9).plot(), kind) == figure_bytes(story(300, 9).plot(), kind)


def test_size_resolution_and_fonts(story):
    figure = story(300, 9).plot()
    image = Image.open(io.BytesIO(figure_bytes(figure)))
    assert image.width == pytest.approx(180 / 25.4 * 300, abs=2)
    assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    pdf = figure_bytes(figure, "pdf")
    assert b"/FontFile2" in pdf  # TrueType outlines, whole
    assert b"/CreationDate" not in pdf


def test_a_greyscale_print_tells_tint_bars_and_boundaries_apart():
    from matplotlib.colors import to_rgb

    from emcog.viz import style

    def lightness(colour):
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    shades = [lightness(c) for c in (style.BOUNDARY, style.BAR, style.TINT, style.PAPER)]
    assert np.all(np.diff(shades) > 0.05)


def test_the_callers_matplotlib_settings_are_left_alone(make_segmentation):
    before = dict(matplotlib.rcParams)
    figure_bytes(make_segmentation().plot())
    assert dict(matplotlib.rcParams) == before


def test_a_callers_style_does_not_reach_the_figure(make_segmentation):
    plain = figure_bytes(make_segmentation().plot())
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        assert figure_bytes(make_segmentation().plot()) == plain


def test_saving_goes_by_the_ending(make_segmentation, tmp_path):
    figure = make_segmentation().plot()
    assert save_figure(figure, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert save_figure(figure, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OptionError, match="figure format"):
        save_figure(figure, tmp_path / "a.docx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png"]
