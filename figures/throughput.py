"""Figure: speed and memory against length, with the length from which memory beats full attention.

python figures/throughput.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from emcog.viz.panels import QUIET, between, caption, curve, emcog_style, key, page, thousands, title

METHODS = ("memory, SM", "full attention")
PANELS = (("speed", "Reading", "Tokens/s", 1.0), ("token_time", "Generating", "ms a token", 1.0),
          ("attended", "Keys and values in sight", "MB", 1e-6))  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    figure, axes = page(60, 1, 3)
    crossing = report[report["metric"] == "crossover"].iloc[0]
    with emcog_style():
        for j, (metric, heading, label, scale) in enumerate(PANELS):
            ax = axes[0, j]
            rows = report[report["metric"] == metric]
            rows = rows.assign(**{c: scale * rows[c] for c in ("estimate", "ci_low", "ci_high")})
            for method in METHODS:
                own = rows[rows["method"] == method].sort_values("length")
                curve(ax, own["length"], own, method)
            ax.set_xscale("log")
            lengths = sorted(set(rows["length"]))
            ax.xaxis.set_major_locator(FixedLocator(lengths))
            thousands(ax.xaxis)
            ax.xaxis.set_minor_locator(NullLocator())
            if metric == "speed" and np.isfinite(crossing["estimate"]):
                ax.axvline(crossing["estimate"], color=QUIET, lw=0.8, ls=":")
            ax.set_ylim(bottom=0)
            thousands(ax.yaxis)
            ax.set_xlabel("Tokens read before")
            ax.set_ylabel(label)
            title(ax, heading, "ABC"[j])
        key(figure, axes[0, :1])
    about = (
        "Reading and generating after more and more tokens, with memory and with full attention of the same model, in "
        f"turns on one machine. The dotted line is where the two speeds cross: {crossing['note'].split('; ')[1]}. Keys "
        "and values in sight are computed from the settings."
    )
    measured = report[report["metric"].isin(["speed", "token_time"])]
    n = f"{between(measured['n'])} repeats a point"
    return figure, caption(report, about, "quartiles of the repeats about their median.", n)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("throughput", __doc__))
