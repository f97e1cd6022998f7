"""Figure: the key graph as a similarity matrix, with the seams that people and the model cut it at.

python figures/key_graph.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.key_matrix import block_places, event_boxes, key_matrix, show_matrix
from emcog.viz.panels import BOUNDARY, COLUMN_MM, INK, LINE, caption, emcog_style, page, shown, thousands, whose

LANE = 0.055
"""Height of a row of boundaries above the matrix, as a share of it."""
SIDES = (("people", INK), ("SM", BOUNDARY), ("S", LINE))


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    report = report[report["story"] == report["story"].iloc[0]]
    keys = key_matrix(report)
    n, story = len(keys.words), str(report["story"].iloc[0])
    figure, axes = page(64, width_mm=COLUMN_MM)
    ax = axes[0, 0]
    with emcog_style():
        image = show_matrix(ax, keys, "cividis")
        count = {}
        for k, (method, colour) in enumerate(SIDES):
            at = block_places(report, method, keys)
            count[shown(method, story)] = len(at)
            edge = -LANE * n * (k + 1)
            ax.vlines(at, edge, edge + 0.8 * LANE * n, color=colour, lw=1.2, clip_on=False)
            ax.text(1.02 * n, edge + 0.4 * LANE * n, shown(method, story), fontsize=6, va="center", color=colour)
        event_boxes(ax, block_places(report, "people", keys), n, "white", INK)
        for side in ax.spines.values():
            side.set_visible(False)
        bar = figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
        bar.set_label("Key similarity (dot product)", fontsize=6.5)
        bar.ax.tick_params(labelsize=6)
        thousands(bar.ax.yaxis)
        bar.outline.set_linewidth(0.4)
    about = (
        f"{shown(story)}: similarity of un-rotated keys, summed over the upper half of the layers and all heads, "
        f"negative ones as 0, averaged over blocks of {keys.tokens} tokens; colours are cut at the 1st and 99.5th "
        f"percentile off the diagonal. White: {whose([story])} events. Above: {whose([story])} boundaries and those "
        "of SM and of S, which are as many in the whole story."
    )
    return figure, caption(report, about, "none are drawn.", {f"boundaries shown, {m}": k for m, k in count.items()}
                           | {"blocks": n})  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("key_graph", __doc__))
