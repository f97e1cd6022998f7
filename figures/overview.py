"""Figure: the pipeline, drawn from a real run: text, surprise, events, key graph, memory, recall.

python figures/overview.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from emcog.viz.key_matrix import block_places, event_boxes, key_matrix, show_matrix, word_ticks
from emcog.viz.labels import text_width
from emcog.viz.panels import (
    BAR,
    BOUNDARY,
    INK,
    LINE,
    QUIET,
    TINT,
    caption,
    emcog_style,
    few_ticks,
    page,
    shown,
    title,
    whose,
)

WORDS = 60
LINE_MM = 172.0
SIZE = 6.4
LIGHT = ListedColormap(colormaps["Greys"](np.linspace(0, 0.62, 256)))
"""No darker than a boundary's line is in grey."""


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    report = report[report["story"] == report["story"].iloc[0]]
    keys = key_matrix(report)
    words = report[report["metric"] == "surprisal"].sort_values("place")
    first = _lively(report, words)
    figure, axes = page(118, 3, 2, gridspec_kw={"height_ratios": [0.62, 0.9, 1.5], "width_ratios": [1, 1]})
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:2].ravel():
        ax.remove()
    with emcog_style():
        top, middle = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, :])
        n_sm = _text(top, report, words, first)
        title(top, "The story, cut into events (S, gamma 1)", "A")
        _surprise(middle, report, words, first)
        title(middle, "Surprisal, word by word", "B")
        show_matrix(axes[2, 0], keys, LIGHT)
        event_boxes(axes[2, 0], block_places(report, "SM", keys), len(keys.words), BOUNDARY, "white", 1.4)
        title(axes[2, 0], "Key graph, and the events refined on it", "C")
        recalled = _recall(axes[2, 1], report)
        title(axes[2, 1], "What memory recalls as it reads on", "D")
    story = str(report["story"].iloc[0])
    note = report[report["metric"] == "event"]["note"].iloc[0]
    about = (
        f"The pipeline on {shown(story)}. A: {WORDS} words of the story, cut where surprise exceeds its running mean "
        "by one standard deviation. B: the surprisal behind it; lines: the boundaries. C: similarity of un-rotated "
        f"keys, in blocks of tokens; orange: SM's events, as many as {whose([story])}. D: for each chunk read, at the "
        f"event it begins in, the earlier events that were recalled; darker: more layers ({note})."
    )
    counts = {"words shown in A and B": WORDS, "boundaries there": n_sm, "pairs of events recalled": recalled}
    return figure, caption(report, about, "none are drawn.", counts)


def _lively(report: pd.DataFrame, words: pd.DataFrame) -> int:
    """The first of `WORDS` words of a stretch past the threshold's start that begins with an event."""
    at = report[(report["metric"] == "boundary") & (report["method"] == "S, gamma 1")]["place"].to_numpy(int)
    n = len(words)
    return int(at[np.searchsorted(at, min(200, n // 3))]) if len(at) and n > WORDS + 200 else 0


def _bounds(report: pd.DataFrame, method: str, first: int) -> np.ndarray:
    at = report[(report["metric"] == "boundary") & (report["method"] == method)]["place"].to_numpy(int)
    return at[(at >= first) & (at < first + WORDS)] - first


def _text(ax, report: pd.DataFrame, words: pd.DataFrame, first: int) -> int:
    """Set the words like a line of print, each event on a tint of its own."""
    starts = set(_bounds(report, "S, gamma 1", first).tolist())
    x, line, event = 0.0, 0, 0
    step = 5.0
    for i, word in enumerate(words["text"].iloc[first : first + WORDS]):
        width = text_width(str(word), SIZE) + text_width(" ", SIZE) + 0.6
        if x + width > LINE_MM:
            x, line = 0.0, line + 1
        event += i in starts
        ax.fill_between([x, x + width], -(line + 0.86) * step, -(line + 0.02) * step, lw=0,
                        color=TINT if event % 2 else "#C9D5E0")  # fmt: skip
        if i in starts:
            ax.plot([x, x], [-(line + 0.86) * step, -(line + 0.02) * step], color=BOUNDARY, lw=1.4)
        ax.text(x + 0.4, -(line + 0.62) * step, str(word), fontsize=SIZE, color=INK)
        x += width
    ax.set_xlim(0, LINE_MM)
    ax.set_ylim(-(line + 1) * step, 0)
    ax.axis("off")
    return len(starts)


def _surprise(ax, report: pd.DataFrame, words: pd.DataFrame, first: int) -> None:
    values = words["estimate"].to_numpy()[first : first + WORDS]
    at = _bounds(report, "S, gamma 1", first)
    ax.vlines(np.arange(len(values)), 0, values, color=BAR, lw=2.0)
    ax.vlines(at, 0, np.nan_to_num(values[at]), color=LINE, lw=2.0)
    for place in at:
        ax.axvline(place - 0.5, color=BOUNDARY, lw=0.8)
    ax.set_xlim(-1, WORDS)
    ax.set_ylim(bottom=0)
    word_ticks(ax, np.arange(first, first + WORDS), "x", 7)
    few_ticks(ax, "y", 3)
    ax.set_xlabel("Word")
    ax.set_ylabel("Surprisal (bits)")


def _recall(ax, report: pd.DataFrame) -> int:
    found = report[report["metric"] == "recall"]
    most = int(max(found["row"].max(), found["column"].max())) + 1 if len(found) else 1
    grid = np.full((most, most), np.nan)
    grid[found["column"].to_numpy(int), found["row"].to_numpy(int)] = found["estimate"].to_numpy()
    ax.imshow(grid, cmap="Blues", vmin=-0.25, vmax=1, interpolation="nearest", origin="lower", aspect="equal",
              extent=(0, most, 0, most))  # fmt: skip
    ax.plot([0, most], [0, most], color=QUIET, lw=0.6, ls=":")
    ax.set_xlabel("Event being read")
    ax.set_ylabel("Event recalled")
    few_ticks(ax, "x")
    few_ticks(ax, "y")
    return len(found)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("overview", __doc__))
