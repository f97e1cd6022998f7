"""Figure: contiguity and asymmetry of memory's retrieval beside people's recalls.

python figures/recall_curves.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import BAR, TINT, caption, emcog_style, few_ticks, page, title

METHODS = ("memory, similarity only", "memory, similarity and contiguity", "people, spoken recall")
COLOURS = {METHODS[0]: ("#0072B2", "s"), METHODS[1]: ("#B54A00", "D"), METHODS[2]: ("#222222", "o")}
HEADINGS = {
    METHODS[0]: "Memory, by similarity",
    METHODS[1]: "Memory, and contiguity",
    METHODS[2]: "People, spoken recall",
}
SUMMARIES = (("forward_asymmetry", "lag 1", "Forward\nasymmetry, lag 1"),
             ("temporal_clustering", "percentile rank", "Temporal\nclustering"))  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    there = [m for m in METHODS if m in set(report["method"])]
    figure, axes = page(96, 2, max(len(there), 2), gridspec_kw={"height_ratios": [1.35, 1.0]})
    with emcog_style():
        for i, method in enumerate(there):
            ax, (colour, marker) = axes[0, i], COLOURS[method]
            rows = report[(report["method"] == method) & (report["metric"] == "lag_crp")].sort_values("lag")
            for side in (rows[rows["lag"] < 0], rows[rows["lag"] > 0]):
                half = 1.96 * side["null_sd"]
                ax.fill_between(side["lag"], side["null_mean"] - half, side["null_mean"] + half, color=TINT, lw=0)
                ax.plot(side["lag"], side["null_mean"], color=BAR, lw=0.8)
                ax.plot(side["lag"], side["estimate"], color=colour, marker=marker, ms=3.2, lw=1.0, zorder=3)
                ax.vlines(side["lag"], side["ci_low"], side["ci_high"], color=colour, lw=0.7, zorder=2)
            ax.set_ylim(bottom=0)
            ax.set_xticks(np.arange(-5, 6))
            few_ticks(ax, "y")
            ax.set_xlabel("Lag (events)")
            ax.set_ylabel("Conditional response\nprobability" if i == 0 else "")
            title(ax, HEADINGS[method], "ABC"[i])
        for j, (metric, variant, label) in enumerate(SUMMARIES):
            _bars(axes[1, j], report, there, metric, variant, label)
            title(axes[1, j], "", "DE"[j])
        for ax in axes[1, len(SUMMARIES) :]:
            ax.axis("off")
    about = (
        "Upper: probability of going on to the event at each lag, given that it could be recalled, for what memory "
        "recalls as it reads, without and with its contiguity buffer, and for people's spoken recalls. Grey: mean, "
        "and 1.96 SD about it, with each trial's events in random order. Lower: forward asymmetry (0: none) and "
        "temporal clustering (0.5: chance). With the buffer, an event's two neighbours follow each other, so that "
        "steps of two are there by construction."
    )
    counts = {f"{m} (trials)": int(report[report["method"] == m]["n"].max()) for m in there}
    bars = "95% intervals by jackknife, over steps of reading for memory and over people for their recalls."
    return figure, caption(report, about, bars, counts)


def _bars(ax, report: pd.DataFrame, there: list[str], metric: str, variant: str, label: str) -> None:
    short = {METHODS[0]: "similarity", METHODS[1]: "and contiguity", METHODS[2]: "people"}
    for k, method in enumerate(there):
        colour, marker = COLOURS[method]
        rows = report[(report["method"] == method) & (report["metric"] == metric) & (report["variant"] == variant)]
        if len(rows):
            row = rows.iloc[0]
            half = 1.96 * row["null_sd"]
            y = len(there) - 1 - k
            ax.fill_betweenx([y - 0.36, y + 0.36], row["null_mean"] - half, row["null_mean"] + half, color=TINT, lw=0)
            ax.plot([row["null_mean"]] * 2, [y - 0.36, y + 0.36], color=BAR, lw=0.8)
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=1.0)
            ax.plot([row["estimate"]], [y], marker=marker, ms=4, color=colour)
    ax.set_yticks(range(len(there)), [short[m] for m in reversed(there)])
    ax.set_ylim(-0.6, len(there) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(label)
    few_ticks(ax, "x")


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("recall_curves", __doc__))
