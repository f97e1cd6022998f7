"""Figure: event size, agreement and cohesion over the threshold's range.

python figures/gamma.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    BAR,
    LETTERS,
    TINT,
    caption,
    curve,
    emcog_style,
    few_ticks,
    key,
    page,
    shown,
    stories_of,
    thousands,
    title,
    whose,
)

METHODS = ("S", "SM")
ASIDE = {"S": -0.03, "SM": 0.03}  # so that neither hides the other
PANELS = (("event_length", "Event length (tokens)"), ("f1", "F1"), ("modularity", "Modularity minus random"))


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(11 + 42 * len(stories), len(stories), 3, sharex=True)
    with emcog_style():
        for i, story in enumerate(stories):
            for j, (metric, label) in enumerate(PANELS):
                ax = axes[i, j]
                for method in METHODS:
                    rows = report[(report["story"] == story) & (report["metric"] == metric)
                                  & (report["method"] == method)].sort_values("gamma")  # fmt: skip
                    if metric == "f1" and method == METHODS[0] and len(rows):
                        half = 1.96 * rows["null_sd"]
                        ax.fill_between(rows["gamma"], rows["null_mean"] - half, rows["null_mean"] + half, color=TINT,
                                        lw=0, zorder=0)  # fmt: skip
                        ax.plot(rows["gamma"], rows["null_mean"], color=BAR, lw=0.8, zorder=1)
                    if len(rows):
                        curve(ax, rows["gamma"] + ASIDE[method], rows, method)
                if metric == "event_length":
                    ax.set_yscale("log")
                    thousands(ax.yaxis)
                else:
                    few_ticks(ax, "y")
                if metric == "f1":
                    ax.set_ylim(bottom=0)
                if metric == "modularity":
                    ax.axhline(0, color=BAR, lw=0.8, zorder=0)
                ax.set_ylabel(f"F1 with {shown('people', story).lower()}" if metric == "f1" else label)
                if i == len(stories) - 1:
                    ax.set_xlabel("Threshold gamma (SD)")
                title(ax, shown(story) if j == 0 else "", LETTERS[i] if j == 0 else "")
        key(figure, axes[0, :1])
    about = (
        f"Events by S and SM as the threshold rises. Left: mean length. Middle: F1 with {whose(stories)} boundaries, "
        "whatever the number of events; grey, the mean of S's boundaries moved around the story, and 1.96 SD about "
        "it. Right: modularity of the events in the key graph of the upper layers, less that of random events of the "
        "same lengths."
    )
    bars = (
        "95% intervals. Left: over events, by bootstrap. Middle: over observers, or stretches of the story. Right: "
        "the middle 95% of the differences from random segmentations."
    )
    events = report[(report["metric"] == "n_events") & (report["method"] == "S")]
    counts = {f"{shown(story)} (events by S, over gamma {own['gamma'].min():g} to {own['gamma'].max():g})":
              ", ".join(f"{int(n):,}" for n in own.sort_values("gamma")["estimate"])
              for story, own in events.groupby("story", sort=False)}  # fmt: skip
    return figure, caption(report, about, bars, counts)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("gamma", __doc__))
