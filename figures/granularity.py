"""Figure: the model's events against coarse and fine human events.

python figures/granularity.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from emcog.viz.panels import (
    LINE,
    by_chance,
    caption,
    counted,
    emcog_style,
    few_ticks,
    key,
    letter,
    page,
    shown,
    stories_of,
    title,
    whose,
)

GRAINS = {"coarse": ("#222222", "o", "-"), "fine": (LINE, "s", "--")}
METHODS = ("S", "SM")


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(6 + 44 * len(stories), len(stories), 2)
    with emcog_style():
        for i, story in enumerate(stories):
            for j, method in enumerate(METHODS):
                ax = axes[i, j]
                own = report[(report["story"] == story) & (report["method"] == method)]
                for grain, (colour, marker, line) in GRAINS.items():
                    rows = own[own["grain"] == grain].sort_values("event_words")
                    if len(rows):
                        words = rows["grain_words"].iloc[0]
                        ax.plot(rows["event_words"], rows["z"], color=colour, marker=marker, ls=line, ms=3.2, lw=1.0,
                                label=f"{grain.capitalize()} events")  # fmt: skip
                        ax.axvline(words, color=colour, lw=0.8, ls=":", zorder=0)
                        ax.plot([words], [0.0], marker=marker, ms=4.2, mfc="white", mec=colour, mew=0.8, ls="",
                                transform=ax.get_xaxis_transform(), clip_on=False, zorder=4)  # fmt: skip
                by_chance(ax)
                ax.set_xscale("log")
                sizes = np.unique(own["event_words"].round().astype(int))
                ax.xaxis.set_major_locator(FixedLocator(sizes))
                ax.xaxis.set_major_formatter(ScalarFormatter())
                ax.xaxis.set_minor_locator(NullLocator())
                few_ticks(ax, "y")
                ax.set_ylabel("F1, SD above chance")
                ax.set_xlabel("Mean words of a model's event" if i == len(stories) - 1 else "")
                title(ax, f"{shown(story)}, {method}", letter(len(METHODS) * i + j))
    key(figure, axes[0])
    about = (
        "How far F1 of the model's boundaries lies above that of the same boundaries moved around the story, in "
        "standard deviations of those (grey: within 1.96 of chance), for model's events of many sizes against two "
        f"grains of events. Coarse: {whose(stories)} boundaries. Fine: described segments (Sherlock), "
        "clauses (Pie Man), sentences elsewhere, which are the describer's or the author's. Dotted, with an open "
        "mark below: the mean size of either grain's events."
    )
    counts = {f"{k} (boundaries)": v for k, v in counted(report).items()}
    return figure, caption(report, about, "none: z has chance's own spread as its unit.", counts)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("granularity", __doc__))
