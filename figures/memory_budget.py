"""Figure: recall against the budget of recalled tokens.

python figures/memory_budget.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import COLUMN_MM, between, caption, curve, emcog_style, key, page, title

METHODS = ("SM", "F")


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    figure, axes = page(88, 2, 1, width_mm=COLUMN_MM, sharex=True)
    correct, recalled = report[report["metric"] == "correct"], report[report["metric"] == "recalled"]
    budgets = sorted(set(report["n_mem"]))
    places = {n: i for i, n in enumerate(budgets)}
    with emcog_style():
        for ax, table, label, letter in (
            (axes[0, 0], correct, "Share of answers\nsaid exactly", "A"),
            (axes[1, 0], recalled, "Share of layers that\nrecalled the statement", "B"),
        ):
            for k, method in enumerate(METHODS):
                rows = table[table["method"] == method].sort_values("n_mem")
                if len(rows):
                    curve(ax, rows["n_mem"].map(places) + 0.06 * (k - 0.5), rows, method)
            ax.set_ylim(-0.03, 1.03)
            ax.set_ylabel(label)
            title(ax, "", letter)
        axes[1, 0].set_xticks(range(len(budgets)), [f"{int(n):,}" for n in budgets])
        axes[1, 0].set_xlabel("Recalled tokens in sight (n_mem)")
        key(figure, axes[0])
    length = int(report["length"].iloc[0])
    about = (
        f"Several numbers hidden in {length:,} tokens of prose, with more and more room for recalled events. Upper: "
        "answers said exactly. Lower: the mean share of layers that recalled an event with the statement in it."
    )
    n = f"{between(correct['n'])} questions a point"
    return figure, caption(report, about, "Wilson's 95% intervals (upper); none (lower).", n)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("memory_budget", __doc__))
