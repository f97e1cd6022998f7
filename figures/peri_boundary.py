"""Figure: every signal around people's boundaries.

python figures/peri_boundary.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    BAR,
    QUIET,
    TINT,
    caption,
    counted,
    curve,
    emcog_style,
    few_ticks,
    letter,
    page,
    shown,
    stories_of,
    title,
    whose,
)

SIGNALS = ("surprisal", "entropy", "bayesian_surprise")
P = 0.05


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(6 + 44 * len(stories), len(stories), 3)
    with emcog_style():
        for i, story in enumerate(stories):
            for j, signal in enumerate(SIGNALS):
                ax = axes[i, j]
                rows = report[(report["story"] == story) & (report["method"] == signal)]
                means = rows[rows["metric"] == "mean"].sort_values("lag")
                ax.fill_between(means["lag"], means["band_low"], means["band_high"], color=TINT, lw=0, zorder=0)
                ax.plot(means["lag"], means["null_mean"], color=BAR, lw=0.8, zorder=1)
                curve(ax, means["lag"], means, signal)
                ax.axvline(0, color=QUIET, lw=0.6, ls=":", zorder=0)
                low, high = ax.get_ylim()
                ax.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))  # room for the marks of clusters
                _clusters(ax, rows[rows["metric"] == "cluster"])
                ax.set_ylabel(f"{shown(signal)} (bits)")
                ax.set_xlabel("Words after the boundary" if i == len(stories) - 1 else "")
                few_ticks(ax, "y")
                title(ax, shown(story), letter(len(SIGNALS) * i + j))
    about = (
        f"Each signal of the words around {whose(stories)} boundaries (0 is the first word of an event). Grey: mean "
        "and middle 95% of as many boundaries moved around the story together. A black line at the top marks a "
        "stretch of words above chance, one at the bottom a stretch below it, tested for all lags at once (cluster "
        "permutation, p < .05)."
    )
    bars = "95% bootstrap intervals over boundaries."
    means = report[report["metric"] == "mean"]
    return figure, caption(report, about, bars, {f"{k} (boundaries)": v for k, v in counted(means).items()})


def _clusters(ax, clusters: pd.DataFrame) -> None:
    for row in clusters[clusters["p"] < P].to_dict("records"):
        first, last = row["variant"].removeprefix("lags ").split(" to ")
        height = 0.98 if row["estimate"] > 0 else 0.02
        ax.plot([float(first) - 0.4, float(last) + 0.4], [height, height], transform=ax.get_xaxis_transform(),
                color="#222222", lw=2.0, solid_capstyle="butt", clip_on=False)  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("peri_boundary", __doc__))
