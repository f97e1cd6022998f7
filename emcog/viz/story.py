"""A story at a glance: its signal word by word, its events, and how each begins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter1d

from emcog.errors import DataError
from emcog.options import check_choice, check_number
from emcog.viz.labels import Flag, fit_text, lay_flags, text_width
from emcog.viz.style import BAR, BOUNDARY, INK, LINE, QUIET, TINT, WIDTH_MM, emcog_style, new_figure

LEFT, RIGHT, TOP, BOTTOM = 13.0, 6.0, 4.0, 3.0  # margins, mm
LANE, STRIP_FOOT, AXIS_FOOT = 2.9, 0.9, 6.2  # a label's line, the space under the last, room for tick labels; mm
LABEL_SIZE, POLE = 6.2, 0.6  # points
SMOOTH_WORDS = 8
ROW_WORDS, ROW_LABELS = (220, 360), 20  # words in a row: fewest, most; labels that a row can hold readably
X_AXES = ("auto", "words", "seconds")


@dataclass(frozen=True)
class _Track:
    """The signal and the events on one axis: x and height of every bar, where each event starts, where all ends."""

    x: np.ndarray
    value: np.ndarray
    smooth: np.ndarray
    starts: np.ndarray
    first: float
    last: float
    label: str
    item: str


def plot_segmentation(
    events: pd.DataFrame,
    tokens: pd.DataFrame,
    words: pd.DataFrame,
    *,
    signal: str = "surprisal",
    unit: str = "bits",
    title: str = "",
    subtitle: str = "",
    x: str = "auto",
    words_per_row: int | None = None,
    max_rows: int = 12,
    first_row: int = 0,
) -> Figure:
    """Draw a story's signal over words or seconds, with its events tinted, numbered and labelled.

    Long stories are broken into rows like a page of text; of very long ones `max_rows` rows are drawn, and a line at
    the foot says which.

    Parameters
    ----------
    events, tokens, words : the tables of a `Segmentation`. Without words (token ids only) the axis counts tokens.
    signal : the column of `words` that is drawn.
    unit : its unit, for the axis.
    title, subtitle : the story's name; model and method.
    x : "seconds", "words", or "auto": seconds where most words have an onset.
    words_per_row : default 220 to 360, by how many events there are. Where a row has more than 20 events, those with
        the highest surprise are labelled, and a line at the foot says so.
    max_rows, first_row : which rows to draw.

    Returns
    -------
    matplotlib Figure, 180 mm wide; save it with `emcog.viz.save_figure`.

    Raises
    ------
    OptionError : an unknown signal or axis, or a bad number.
    DataError : there is nothing to draw, or no times for an axis in seconds.
    """
    check_choice("x axis", x, X_AXES)
    max_rows = int(check_number("max_rows", max_rows, low=1, integer=True))
    first_row = int(check_number("first_row", first_row, low=0, integer=True))
    track = _track(events, tokens, words, signal, x)
    if words_per_row is None:
        event_words = len(track.x) / len(track.starts)
        crowded = event_words * ROW_LABELS < ROW_WORDS[0]  # then labels are left out anyhow, and long rows save paper
        words_per_row = ROW_WORDS[1] if crowded else int(np.clip(12 * event_words, *ROW_WORDS))
    words_per_row = int(check_number("words_per_row", words_per_row, low=1, integer=True))
    edges = _row_edges(track, -(-len(track.x) // words_per_row))
    begin = min(first_row, len(edges) - 2)
    shown = range(begin, min(begin + max_rows, len(edges) - 1))
    with emcog_style():
        return _draw(events, track, edges, shown, f"{signal.replace('_', ' ').capitalize()} ({unit})", title, subtitle)


def _track(events: pd.DataFrame, tokens: pd.DataFrame, words: pd.DataFrame, signal: str, x: str) -> _Track:
    by_words = len(words) > 0
    table = words if by_words else tokens
    if len(table) == 0 or len(events) == 0:
        raise DataError("there is nothing to draw: the story has no events")
    numeric = [c for c in table.columns if table[c].dtype.kind == "f" and c not in ("onset_s", "offset_s")]
    value = table[check_choice("signal", signal, numeric)].to_numpy(dtype=float)
    place = np.arange(len(table), dtype=float)
    starts = events["start_word" if by_words else "start_token"].to_numpy(dtype=float) - 0.5
    smooth = _smoothed(value)
    onsets = words["onset_s"].to_numpy(dtype=float) if by_words else np.full(len(table), np.nan)
    known = np.isfinite(onsets)
    if x == "seconds" and not known.any():
        raise DataError("the story has no times: draw it over words instead")
    if x == "words" or not by_words or (x == "auto" and known.mean() < 0.5):
        what = "word" if by_words else "token"
        return _Track(place, value, smooth, starts, -0.5, len(table) - 0.5, f"{what.capitalize()} number", what)
    # A word without a time of its own is drawn between its neighbours.
    seconds = np.maximum.accumulate(np.interp(place, place[known], onsets[known]))
    begin = events["onset_s"].to_numpy(dtype=float)
    at_word = seconds[np.minimum(events["start_word"].to_numpy(), len(words) - 1)]
    begin = np.maximum.accumulate(np.where(np.isfinite(begin), begin, at_word))
    ends = np.concatenate([words["offset_s"].to_numpy(dtype=float), seconds])
    first, last = min(seconds[0], begin[0]), np.nanmax(ends)
    return _Track(seconds, value, smooth, begin, first, max(last, first + 1e-3), "Time (s)", "second")


def _row_edges(track: _Track, n_rows: int) -> np.ndarray:
    """Where rows begin, and the end of the last: like lines of a page, broken before an event where one is near."""
    span, rows = track.last - track.first, float(n_rows)
    for _ in range(8):
        longest = span / rows if track.item == "second" else float(np.ceil(span / rows))
        edges = [track.first]
        while track.last - edges[-1] > longest * (1 + 1e-9):
            stop = edges[-1] + longest
            near = track.starts[(track.starts > stop - 0.14 * longest) & (track.starts < stop)]
            edges.append(float(near[0]) if len(near) else stop)
        edges.append(track.last)
        if edges[-1] - edges[-2] > 0.3 * longest or rows == 1:
            break
        rows = max(1.0, rows * 0.96)  # a last row of a few words: make all of them a little longer
    return np.array(edges)


def _smoothed(value: np.ndarray) -> np.ndarray:
    """Gaussian-weighted mean of the values that are there; nothing for a text too short to have a trend."""
    known = np.isfinite(value)
    if known.sum() < 4 * SMOOTH_WORDS:
        return np.full(len(value), np.nan)
    total = gaussian_filter1d(np.where(known, value, 0.0), SMOOTH_WORDS, mode="constant")
    weight = gaussian_filter1d(known.astype(float), SMOOTH_WORDS, mode="constant")
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), np.nan)


def _limits(value: np.ndarray) -> tuple[float, float]:
    """Limits of the signal's axis that a single giant does not spoil for all others."""
    finite = value[np.isfinite(value)]
    if len(finite) == 0:
        return 0.0, 1.0
    high, usual = float(finite.max()), float(np.quantile(finite, 0.99))
    top = high if high <= 1.6 * usual or usual <= 0 else 1.25 * usual
    low = min(0.0, float(finite.min()))
    return low * 1.04, top * 1.06 if top > low else low + 1.0


def _draw(
    events: pd.DataFrame, track: _Track, edges: np.ndarray, shown: range, y_label: str, title: str, subtitle: str
) -> Figure:
    texts = events["text"].tolist()
    scale = (WIDTH_MM - LEFT - RIGHT) / float(np.max(np.diff(edges)))  # mm a unit, the same in every row
    rank = events["surprise"].to_numpy(dtype=float, copy=True)
    rank[0] = np.inf  # how the story begins is always told
    flags = [_row_flags(track, texts, rank, edges[row], edges[row + 1], scale) for row in shown]
    strips = [LANE * (1 + max((f.lane for f in row), default=0)) + STRIP_FOOT for row in flags]
    panel = 26.0 if len(shown) == 1 else 20.0 if len(shown) <= 3 else 15.0
    low, high = _limits(track.value)
    notes = _notes(track, edges, shown, high, sum(map(len, flags)))
    header = 5.0 * bool(title) + 3.6 * bool(subtitle) + 5.0
    foot = 3.5 + 3.4 * bool(notes) + BOTTOM
    height = TOP + header + sum(strips) + len(shown) * (panel + AXIS_FOOT) + foot
    figure = new_figure(height)
    _header(figure, height, title, subtitle, y_label.rpartition(" (")[0].lower(), track)
    y = TOP + header
    for row, row_flags, strip in zip(shown, flags, strips, strict=True):
        lo, hi = float(edges[row]), float(edges[row + 1])
        width = (hi - lo) * scale
        ax = figure.add_axes(_box(LEFT, y + strip, width, panel, height), xlim=(lo, hi), ylim=(low, high))
        _panel(ax, track, lo, hi, high, scale, [flag.index for flag in row_flags])
        over = figure.add_axes(_box(LEFT, y, width, strip, height), xlim=(0, width), ylim=(0, strip))
        over.set_axis_off()
        held = int(np.searchsorted(track.starts, lo, side="right")) - 1  # the event that the row begins in
        _flag_texts(over, row_flags, texts, held if held >= 0 and track.starts[held] < lo else None)
        y += strip + panel + AXIS_FOOT
    figure.text(LEFT / WIDTH_MM, 1 - (y - 0.6) / height, track.label, fontsize=7, va="top")
    middle = (TOP + header + y - AXIS_FOOT) / 2
    figure.text(3.6 / WIDTH_MM, 1 - middle / height, y_label, fontsize=7, rotation=90, va="center", ha="center")
    if notes:
        figure.text(LEFT / WIDTH_MM, BOTTOM / height, notes, fontsize=6, color=QUIET, va="bottom")
    return figure


def _row_flags(track: _Track, texts: list[str], rank: np.ndarray, lo: float, hi: float, scale: float) -> list[Flag]:
    last_row = hi >= track.last
    index = np.flatnonzero((track.starts >= lo) & ((track.starts < hi) | last_row))
    if len(index) > ROW_LABELS:
        highest = np.argsort(np.where(np.isnan(rank[index]), np.inf, -rank[index]), kind="stable")[:ROW_LABELS]
        index = index[np.sort(highest)]
    x = (track.starts[index] - lo) * scale
    wanted = np.array([text_width(f"{i}  {texts[i][:90]}", LABEL_SIZE) for i in index])
    end = WIDTH_MM - LEFT - 2.0
    return [Flag(int(index[f.index]), f.x, f.lane, f.room) for f in lay_flags(x, wanted, end)]


def _flag_texts(ax: Axes, flags: list[Flag], texts: list[str], going_on: int | None) -> None:
    style: dict[str, Any] = {"fontsize": LABEL_SIZE, "va": "baseline", "clip_on": False}
    if going_on is not None and (not flags or flags[0].x > text_width(f"{going_on} goes on", LABEL_SIZE) + 3):
        ax.text(0.7, STRIP_FOOT + 0.5, f"{going_on} goes on", color=QUIET, fontstyle="italic", **style)
    tops = [STRIP_FOOT + (flag.lane + 0.72) * LANE for flag in flags]
    poles = [[(flag.x, 0.0), (flag.x, top)] for flag, top in zip(flags, tops, strict=True)]
    ax.add_collection(LineCollection(poles, colors=BOUNDARY, linewidths=POLE, clip_on=False, capstyle="butt"))
    for flag in flags:
        number = str(flag.index)
        y = STRIP_FOOT + flag.lane * LANE
        number_width = text_width(number, LABEL_SIZE, bold=True)
        if number_width > flag.room:
            continue
        ax.text(flag.x + 0.7, y + 0.5, number, color=BOUNDARY, fontweight="bold", **style)
        begin = flag.x + 0.7 + number_width + 0.9
        words = fit_text(texts[flag.index], flag.room - (begin - flag.x), LABEL_SIZE)
        ax.text(begin, y + 0.5, words, color=INK, **style)


def _panel(ax: Axes, track: _Track, lo: float, hi: float, high: float, scale: float, labelled: list[int]) -> None:
    stops = np.append(track.starts[1:], track.last)
    even = np.flatnonzero((stops > lo) & (track.starts < hi) & (np.arange(len(stops)) % 2 == 0))
    left, right = np.maximum(track.starts[even], lo), np.minimum(stops[even], hi)
    spans = list(zip(left, right - left, strict=True))
    ax.broken_barh(spans, (0, 1), transform=ax.get_xaxis_transform(), color=TINT, lw=0, zorder=0)
    inside = (track.x >= lo) & ((track.x < hi) | (hi >= track.last))
    known = inside & np.isfinite(track.value)
    thin = 0.6 if len(track.x) > 150 else 1.0
    bars = [[(a, 0.0), (a, b)] for a, b in zip(track.x[known], track.value[known], strict=True)]
    ax.add_collection(LineCollection(bars, colors=BAR, linewidths=thin, zorder=1))
    giants = known & (track.value > high)
    ax.plot(track.x[giants], np.full(giants.sum(), high), ls="", marker="^", ms=2.2, mew=0, color=INK, clip_on=False)
    near = np.flatnonzero(inside)
    if len(near):
        wide = slice(max(near[0] - 1, 0), near[-1] + 2)
        ax.plot(track.x[wide], track.smooth[wide], color=LINE, lw=1.0, zorder=3)
    here = np.flatnonzero((track.starts >= lo) & (track.starts < hi))
    foot = np.where(np.isin(here, labelled), 0.0, 0.8)  # a start without a label only hangs a mark from the top
    lines = ax.vlines(
        track.starts[here], foot, 1, transform=ax.get_xaxis_transform(), color=BOUNDARY, lw=POLE, zorder=2
    )
    lines.set_clip_on(False)
    ax.set_xlim(lo, hi)
    ax.xaxis.set_major_locator(MaxNLocator(max(2, round((hi - lo) * scale / 20)), integer=track.item != "second"))
    ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))


def _header(figure: Figure, height: float, title: str, subtitle: str, signal: str, track: _Track) -> None:
    y, room = TOP, WIDTH_MM - LEFT - RIGHT
    if title:
        fitted = fit_text(title, room / 1.12, 9)
        figure.text(LEFT / WIDTH_MM, 1 - y / height, fitted, fontsize=9, fontweight="bold", va="top")
        y += 5.0
    if subtitle:
        figure.text(LEFT / WIDTH_MM, 1 - y / height, fit_text(subtitle, room, 6.5), fontsize=6.5, color=QUIET, va="top")
        y += 3.6
    what = "word" if track.item == "second" else track.item
    keys = [(Line2D([], [], color=BAR, marker="|", ms=6, mew=1.2, ls=""), f"{signal} of each {what}")]
    if np.isfinite(track.smooth).any():
        keys.append((Line2D([], [], color=LINE, lw=1.0), f"smoothed (Gaussian, SD {SMOOTH_WORDS} {what}s)"))
    start = Line2D([], [], color=BOUNDARY, marker="|", ms=6, mew=1.0, ls="")
    keys.append((start, "an event starts: its number and first words"))
    figure.legend(
        *zip(*keys, strict=True), loc="upper left", bbox_to_anchor=(LEFT / WIDTH_MM, 1 - y / height), ncols=len(keys),
        borderpad=0, borderaxespad=0, handlelength=1.2, handletextpad=0.6, columnspacing=2.0,
    )  # fmt: skip


def _notes(track: _Track, edges: np.ndarray, shown: range, high: float, n_labels: int) -> str:
    notes = []
    begin, end = edges[shown[0]], edges[shown[-1] + 1]
    n_starts = int(np.sum((track.starts >= begin) & ((track.starts < end) | (end >= track.last))))
    if n_labels < n_starts:
        notes.append(f"Labelled: {n_labels} of {n_starts} events, those with the highest surprise in their row.")
    if len(shown) < len(edges) - 1:
        inside = (track.x >= begin) & (track.x < end)
        what = "token" if track.item == "token" else "word"
        numbers = np.flatnonzero(inside)
        span = f"{what}s {numbers[0]:,} to {numbers[-1]:,} of {len(track.x):,}" if len(numbers) else "no words"
        notes.append(f"Shown: {span} (rows {shown[0] + 1} to {shown[-1] + 1} of {len(edges) - 1}).")
    giants = track.value[np.isfinite(track.value) & (track.value > high)]
    if len(giants):
        notes.append(f"▲ {len(giants)} higher than the axis, up to {giants.max():.0f}.")
    return "  ".join(notes)


def _box(x: float, y: float, width: float, height: float, page: float) -> tuple[float, float, float, float]:
    """From mm, counted from the top left, to matplotlib's fractions, counted from the bottom left."""
    return x / WIDTH_MM, 1 - (y + height) / page, width / WIDTH_MM, height / page
