"""Figure: speed and memory against length, with the length from which memory beats full attention.

python figures/throughput.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from emcog.viz.panels import QUIET, TINT, between, caption, curve, emcog_style, key, look, page, thousands, title

METHODS = ("memory, SM", "full attention")
PANELS = (("speed", "Reading", "Tokens/s", 1.0), ("token_time", "Generating", "ms a token", 1.0),
          ("held", "Memory held", "MB", 1e-6))  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    figure, axes = page(62, 1, 3)
    crossing = report[report["metric"] == "crossover"].iloc[0]
    with emcog_style():
        for j, (metric, heading, label, scale) in enumerate(PANELS):
            ax = axes[0, j]
            for method in METHODS:
                own = _scaled(report, metric, method, scale)
                curve(ax, own["length"], own, method)
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(FixedLocator(sorted(set(own["length"]))))
            thousands(ax.xaxis)
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_xlabel("Tokens read before")
            ax.set_ylabel(label)
            title(ax, heading, "ABC"[j])
        _crossing(axes[0, 0], crossing)
        seen = _scaled(report, "attended", METHODS[0], 1e-6)
        colour, marker, _ = look(METHODS[0])
        axes[0, 2].plot(seen["length"], seen["estimate"], color=colour, marker=marker, ms=3.2, mfc="white", mew=0.8,
                        lw=1.0, ls="--", label="Memory, SM: what a chunk attends to (C)")  # fmt: skip
        for ax in axes[0]:
            ax.set_ylim(bottom=0)
            thousands(ax.yaxis)
        key(figure, axes[0, [0, 2]])
    about = (
        "Reading and generating after more and more tokens, with memory and with full attention of the same model, in "
        f"turns on one machine. The dotted line is where the two speeds cross: {crossing['note'].split('; ')[1]}; "
        "grey, the quartiles of where they cross in each repeat. C: bytes of keys, values and records that are "
        "allocated, and of memory's, dashed, the keys and values that a chunk attends to, computed from the settings; "
        "full attention attends to all that it holds."
    )
    measured = report[report["metric"].isin(["speed", "token_time"])]
    n = f"{between(measured['n'])} repeats a point; in C one measurement"
    return figure, caption(report, about, "quartiles of the repeats about their median; none in C.", n)


def _scaled(report: pd.DataFrame, metric: str, method: str, scale: float) -> pd.DataFrame:
    """A method's rows of a metric by length, in the axis' unit."""
    rows = report[(report["metric"] == metric) & (report["method"] == method)].sort_values("length")
    return rows.assign(**{c: scale * rows[c] for c in ("estimate", "ci_low", "ci_high")})


def _crossing(ax, crossing: pd.Series) -> None:
    """Where the speeds cross; its quartiles reach to the axis' end where some repeats do not cross."""
    if not np.isfinite(crossing["estimate"]):
        return
    ax.axvline(crossing["estimate"], color=QUIET, lw=0.8, ls=":")
    if np.isfinite(crossing["ci_low"]):
        end = crossing["ci_high"] if np.isfinite(crossing["ci_high"]) else ax.get_xlim()[1]
        ax.axvspan(crossing["ci_low"], end, color=TINT, lw=0, zorder=-1)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("throughput", __doc__))
