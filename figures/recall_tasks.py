"""Figure: facts of other kinds found again, by length.

python figures/recall_tasks.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    BAR,
    caption,
    counted,
    emcog_style,
    key,
    letter,
    look,
    page,
    shown,
    stories_of,
    title,
)

GROUP = 0.8
"""Of the room of a length, what its settings' points share."""
METHODS = ("S", "SM", "SM+C", "F", "recency", "random", "window", "full attention")
ASKED = {
    "pass_keys": "pass keys of several kinds in one text", "several_keys": "several numbers told apart by names",
    "key_value": "pairs of names and numbers, without prose", "who_lives_where": "where people live",
    "associative_recall": "associations of many kinds, asked for in turn",
}  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    correct = report[(report["metric"] == "correct") & report["depth"].isna()]
    tasks = stories_of(correct)
    there = [m for m in METHODS if m in set(correct["method"])]
    columns = len(tasks) if len(tasks) < 4 else -(-len(tasks) // 2)  # two lines that are about as long
    lines = -(-len(tasks) // columns)
    figure, axes = page(12 + 44 * lines, lines, columns, sharey=True)
    with emcog_style():
        for k, ax in enumerate(axes.ravel()):
            if k >= len(tasks):
                ax.axis("off")
                continue
            own = correct[correct["story"] == tasks[k]]
            _points(ax, own, there)
            ax.set_xlabel("Tokens")
            ax.set_ylabel("Share said exactly" if k % columns == 0 else "")
            title(ax, shown(tasks[k]), letter(k))
        key(figure, axes.ravel())
    about = (
        "Share of answers that are said exactly, over all depths: "
        f"{'; '.join(ASKED[task] for task in tasks)}. Settings as for the pass key, in the order of the legend, "
        "side by side at each length; full attention only where its limit allows it."
    )
    counts = {f"{k} (questions a point)": v for k, v in counted(correct).items()}
    return figure, caption(
        report, about, "Wilson's 95% intervals; questions of one reading are not independent.", counts
    )


def _points(ax, own: pd.DataFrame, there: list[str]) -> None:
    """A group of points for each length: one a setting, in the legend's order, so that those at 1 hide no other."""
    lengths = sorted(set(own["length"]))
    places = {length: i for i, length in enumerate(lengths)}
    for k, method in enumerate(there):
        rows, (colour, marker, _) = own[own["method"] == method], look(method)
        if rows.empty:
            continue
        x = rows["length"].map(places) + GROUP * ((k + 0.5) / len(there) - 0.5)
        ax.vlines(x, rows["ci_low"], rows["ci_high"], color=colour, lw=0.8, zorder=2)
        ax.plot(x, rows["estimate"], ls="", marker=marker, ms=4.2, color=colour, mew=0.8, label=shown(method), zorder=3)
    for edge in np.arange(1, len(lengths)) - 0.5:
        ax.axvline(edge, color=BAR, lw=0.5, ls=":", zorder=0)
    ax.set_xticks(range(len(lengths)), [f"{length:,.0f}" for length in lengths])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.5, len(lengths) - 0.5)
    ax.set_ylim(-0.04, 1.04)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("recall_tasks", __doc__))
