"""Figure: event size, agreement and cohesion over the threshold's range.

python figures/gamma.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    BAR,
    TINT,
    by_chance,
    caption,
    curve,
    emcog_style,
    few_ticks,
    key,
    letter,
    page,
    shown,
    stories_of,
    thousands,
    title,
    whose,
)

METHODS = ("S", "SM")
ASIDE = {"S": -0.05, "SM": 0.05}  # so that neither hides the other
PANELS = (("event_length", "Event length (tokens)"), ("f1", "F1"), ("modularity", "Modularity\n(SD above random)"))


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(11 + 42 * len(stories), len(stories), 3, sharex=True)
    with emcog_style():
        for i, story in enumerate(stories):
            for j, (metric, label) in enumerate(PANELS):
                _panel(axes[i, j], report[(report["story"] == story) & (report["metric"] == metric)], metric)
                axes[i, j].set_ylabel(f"F1 with {shown('people', story).lower()}" if metric == "f1" else label)
                axes[i, j].set_xlabel("Threshold gamma (SD)" if i == len(stories) - 1 else "")
                title(axes[i, j], shown(story), letter(len(PANELS) * i + j))
        key(figure, axes[0, :1])
    about = (
        f"Events by S and SM as the threshold rises. Left: mean length. Middle: F1 with {whose(stories)} boundaries, "
        "whatever the number of events; grey, the mean of S's boundaries moved around the story, and 1.96 SD about "
        "it, cut at 0. Right: how far the modularity of the events in the key graph of the upper layers lies above "
        "that of random events of the same lengths, in standard deviations of those (grey: within 1.96)."
    )
    bars = (
        "95% intervals. Left: over events, by bootstrap. Middle: over observers, or stretches of the story. Right: "
        "none, as z has chance's own spread as its unit."
    )
    events = report[(report["metric"] == "n_events") & (report["method"] == "S")]
    counts = {f"{shown(story)} (events by S, over gamma {own['gamma'].min():g} to {own['gamma'].max():g})":
              ", ".join(f"{int(n):,}" for n in own.sort_values("gamma")["estimate"])
              for story, own in events.groupby("story", sort=False)}  # fmt: skip
    return figure, caption(report, about, bars, counts)


def _panel(ax, table: pd.DataFrame, metric: str) -> None:
    for method in METHODS:
        rows = table[table["method"] == method].sort_values("gamma")
        if metric == "f1" and method == METHODS[0] and len(rows):
            low, high = rows["null_mean"] - 1.96 * rows["null_sd"], rows["null_mean"] + 1.96 * rows["null_sd"]
            ax.fill_between(rows["gamma"], low.clip(lower=0), high, color=TINT, lw=0, zorder=0)
            ax.plot(rows["gamma"], rows["null_mean"], color=BAR, lw=0.8, zorder=1)
        if metric == "modularity":  # in chance's own spread, which few and many events share
            rows = rows.assign(estimate=rows["z"], ci_low=float("nan"), ci_high=float("nan"))
        if len(rows):
            curve(ax, rows["gamma"] + ASIDE[method], rows, method)
    if metric == "event_length":
        ax.set_yscale("log")
        thousands(ax.yaxis)
        return
    few_ticks(ax, "y")
    if metric == "f1":
        ax.set_ylim(bottom=-0.03 * ax.get_ylim()[1])  # a mark at 0 is shown whole
    else:
        by_chance(ax)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("gamma", __doc__))
