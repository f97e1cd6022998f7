"""Figure: facts of other kinds found again, by length.

python figures/recall_tasks.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from emcog.viz.panels import (
    LETTERS,
    caption,
    counted,
    curve,
    emcog_style,
    key,
    page,
    shown,
    stories_of,
    thousands,
    title,
)

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
            for shift, method in enumerate(there):
                rows = own[own["method"] == method].sort_values("length")
                if len(rows):
                    curve(ax, rows["length"] * 1.03 ** (shift - len(there) / 2), rows, method)
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(FixedLocator(sorted(set(own["length"]))))
            thousands(ax.xaxis)
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_ylim(-0.03, 1.03)
            ax.margins(x=0.15)
            ax.set_xlabel("Tokens")
            ax.set_ylabel("Share said exactly" if k % columns == 0 else "")
            title(ax, shown(tasks[k]), LETTERS[k])
        key(figure, axes.ravel())
    about = (
        "Share of answers that are said exactly, over all depths: "
        f"{'; '.join(ASKED[task] for task in tasks)}. Settings as for the pass key. Points of one length lie side by "
        "side, to tell their intervals apart."
    )
    counts = {f"{k} (questions a point)": v for k, v in counted(correct).items()}
    return figure, caption(
        report, about, "Wilson's 95% intervals; questions of one reading are not independent.", counts
    )


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("recall_tasks", __doc__))
