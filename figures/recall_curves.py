"""Figure: contiguity and asymmetry of memory's retrieval beside people's recalls.

python figures/recall_curves.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import BAR, TINT, caption, emcog_style, few_ticks, letter, page, title

METHODS = ("memory, similarity only", "memory, similarity and contiguity", "people, spoken recall")
LOOKS = {METHODS[0]: ("#0072B2", "s"), METHODS[1]: ("#B54A00", "D"), METHODS[2]: ("#222222", "o")}
HEADINGS = {
    METHODS[0]: "Memory, no contiguity buffer",
    METHODS[1]: "Memory, with contiguity buffer",
    METHODS[2]: "People, spoken recall",
}
SHORT = {METHODS[0]: "No buffer", METHODS[1]: "With buffer", METHODS[2]: "People"}
SUMMARIES = (("forward_asymmetry", "lag 1", "Forward asymmetry,\nsteps of one event"),
             ("forward_asymmetry", "lags 1 to 5", "Forward asymmetry,\nsteps of up to five"),
             ("temporal_clustering", "percentile rank", "Temporal clustering\n(mean percentile rank)"))  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    there = [m for m in METHODS if m in set(report["method"])]
    figure, axes = page(98, 2, len(SUMMARIES), gridspec_kw={"height_ratios": [1.35, 1.0]})
    with emcog_style():
        for i, method in enumerate(there):
            rows = report[(report["method"] == method) & (report["metric"] == "lag_crp")].sort_values("lag")
            _curve(axes[0, i], rows, *LOOKS[method])
            axes[0, i].set_ylabel("Conditional response\nprobability" if i == 0 else "")
            title(axes[0, i], HEADINGS[method], letter(i))
        for ax in axes[0, len(there) :]:
            ax.axis("off")
        for j, (metric, variant, label) in enumerate(SUMMARIES):
            rows = report[(report["metric"] == metric) & (report["variant"] == variant)].set_index("method")
            _summary(axes[1, j], rows, there)
            axes[1, j].set_xlabel(label)
            axes[1, j].set_yticks(range(len(there)), [SHORT[m] for m in reversed(there)] if j == 0 else [])
            title(axes[1, j], "", letter(len(there) + j))
    about = (
        "Upper: probability of going on to the event at each lag, given that it could be recalled, for what memory "
        "finds by similarity as it reads, in order of rank, without and with its contiguity buffer, and for people's "
        "spoken recalls. The neighbours that the buffer adds are not counted, as they stand beside their event by "
        "construction. Grey: mean, and 1.96 SD about it, with each trial's events in random order. Lower: forward "
        "asymmetry (0: none) and temporal clustering (0.5: no clustering)."
    )
    about += _added(report)
    counts = {f"{HEADINGS[m]} (trials)": f"{int(report[report['method'] == m]['n'].max()):,}" for m in there}
    bars = (
        "95% intervals over steps of reading for memory and over people for their recalls; upper: Wilson's, with the "
        "jackknife's variance; lower: by jackknife."
    )
    return figure, caption(report, about, bars, counts)


def _added(report: pd.DataFrame) -> str:
    """What the contiguity buffer itself adds, in words: steps of 1 and -1 by construction, too many to draw."""
    steps = report[(report["metric"] == "lag_crp") & report["method"].str.startswith("contiguity buffer")]
    said = []
    for method, rows in steps.groupby("method", sort=False):
        by = rows.set_index("lag")["estimate"]
        said.append(
            f"{method.removeprefix('contiguity buffer, ')} {by[1.0]:.2f} at a lag of 1 and {by[-1.0]:.2f} at -1"
        )
    return f" The buffer's own neighbours, from their event: {'; '.join(said)}." if said else ""


def _curve(ax, rows: pd.DataFrame, colour: str, marker: str) -> None:
    """Backward and forward lags apart, with chance behind them."""
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


def _summary(ax, rows: pd.DataFrame, there: list[str]) -> None:
    """One line a method, the first on top."""
    for y, method in enumerate(reversed(there)):
        if method not in rows.index:
            continue
        row, (colour, marker) = rows.loc[method], LOOKS[method]
        half = 1.96 * row["null_sd"]
        ax.fill_betweenx([y - 0.36, y + 0.36], row["null_mean"] - half, row["null_mean"] + half, color=TINT, lw=0)
        ax.plot([row["null_mean"]] * 2, [y - 0.36, y + 0.36], color=BAR, lw=0.8)
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=1.0)
        ax.plot([row["estimate"]], [y], marker=marker, ms=4, color=colour)
    ax.set_ylim(-0.6, len(there) - 0.4)
    ax.tick_params(axis="y", length=0)
    few_ticks(ax, "x")


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("recall_curves", __doc__))
