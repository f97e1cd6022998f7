"""Figure: the key graph as a similarity matrix, with the seams that people and the model cut it at.

python figures/key_graph.py [--results FOLDER] [--out FOLDER]
"""

import sys
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from emcog.viz.panels import (
    BOUNDARY,
    COLUMN_MM,
    INK,
    LINE,
    caption,
    emcog_style,
    need_graph,
    page,
    shown,
    thousands,
    whose,
    word_ticks,
)

LANE = 0.055
"""Height of a row of boundaries above the matrix, as a share of it."""
SIDES = (("people", INK), ("SM", BOUNDARY), ("S", LINE))
EDGED = [withStroke(linewidth=1.8, foreground=INK)]
"""Of a white line, so that it shows on light cells too."""


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    need_graph(report)
    cells = report[report["metric"] == "similarity"]
    blocks = report[report["metric"] == "block"].sort_values("row")
    words, tokens = blocks["estimate"].to_numpy(), int(blocks["n"].iloc[0])
    n = len(words)
    matrix = np.full((n, n), np.nan)
    row, column = cells["row"].to_numpy(int), cells["column"].to_numpy(int)
    matrix[row, column] = matrix[column, row] = cells["estimate"].to_numpy()
    story = str(report["story"].iloc[0])
    figure, axes = page(64, width_mm=COLUMN_MM)
    ax = axes[0, 0]
    off = matrix[~np.eye(n, dtype=bool)]
    low, high = np.nanpercentile(off, [1, 99.5])
    with emcog_style():
        image = ax.imshow(np.clip(matrix, low, high), cmap="cividis", interpolation="nearest", aspect="equal",
                          extent=(0, n, n, 0))  # fmt: skip
        count = {}
        for k, (method, colour) in enumerate(SIDES):
            places = report[(report["metric"] == "boundary") & (report["method"] == method)]["place"].to_numpy()
            at = np.interp(places[places <= words[-1]], words, np.arange(n))
            count[shown(method, story)] = len(at)
            edge = -LANE * n * (k + 1)
            ax.vlines(at, edge, edge + 0.8 * LANE * n, color=colour, lw=1.2, clip_on=False)
            ax.text(1.02 * n, edge + 0.4 * LANE * n, shown(method, story), fontsize=6, va="center", color=colour)
        _seams(ax, report, words, n)
        word_ticks(ax, words)
        ax.set_xlabel("Word")
        ax.set_ylabel("Word")
        for side in ax.spines.values():
            side.set_visible(False)
        bar = figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
        bar.set_label("Key similarity (dot product)", fontsize=6.5)
        bar.ax.tick_params(labelsize=6)
        thousands(bar.ax.yaxis)
        bar.outline.set_linewidth(0.4)
    about = (
        f"{shown(story)}: similarity of un-rotated keys, summed over the upper half of the layers and all heads, "
        f"negative ones as 0, averaged over blocks of {tokens} tokens; colours are cut at the 1st and 99.5th "
        f"percentile off the diagonal. White: {whose([story])} events. Above: {whose([story])} boundaries and those "
        "of SM and of S, which are as many in the whole story."
    )
    return figure, caption(report, about, "none are drawn.", {f"boundaries shown, {m}": k for m, k in count.items()}
                           | {"blocks": n})  # fmt: skip


def _seams(ax, report: pd.DataFrame, words: np.ndarray, n: int) -> None:
    places = report[(report["metric"] == "boundary") & (report["method"] == "people")]["place"].to_numpy()
    edges = np.concatenate([[0], np.interp(places[places <= words[-1]], words, np.arange(n)), [n]])
    for a, b in pairwise(edges):
        ax.plot([a, b, b, a, a], [a, a, b, b, a], color="white", lw=0.8, path_effects=EDGED)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("key_graph", __doc__))
