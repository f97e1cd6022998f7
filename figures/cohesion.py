"""Figure: cohesion of people's and of each method's events in the key graph, as the difference from random ones.

python figures/cohesion.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emcog.viz.panels import (
    HANDLE,
    INK,
    by_chance,
    caption,
    dots,
    emcog_style,
    letter,
    look,
    page,
    shown,
    stories_of,
    title,
    whose,
)

ORDER = ("people", "S", "SM", "SC", "F", "FM", "FC", "sentence", "optimal")
METRICS = ("modularity", "conductance", "intra_inter")
AXES = {"modularity": "Modularity\n(SD above random)", "conductance": "Conductance\n(SD below random)",
        "intra_inter": "Intra/inter similarity\n(SD above random)"}  # fmt: skip
LANE_MM = 5.4
"""Height of a method's row, which its layers share."""


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    # What is drawn is z, in which stories and measures can be compared; it has no interval of its own. A low
    # conductance is cohesive, and turned round.
    z = report["z"].where(report["metric"] != "conductance", -report["z"])
    report = report.assign(estimate=z, ci_low=float("nan"), ci_high=float("nan"))
    pooled = report[report["layer"].isna()]
    there = {story: [m for m in ORDER if m in set(pooled[pooled["story"] == story]["method"])] for story in stories}
    heights = [len(there[story]) for story in stories]
    figure, axes = page(26 + 11 * len(stories) + LANE_MM * sum(heights), len(stories), 3,
                        gridspec_kw={"height_ratios": heights})  # fmt: skip
    with emcog_style():
        for i, story in enumerate(stories):
            own = report[report["story"] == story]
            for j, metric in enumerate(METRICS):
                ax, rows = axes[i, j], own[own["metric"] == metric]
                by_chance(ax, "x")
                _layers(ax, rows[rows["layer"].notna()], there[story])
                dots(ax, rows[rows["layer"].isna()], there[story], chance=0.0)
                ax.set_xlabel(AXES[metric] if i == len(stories) - 1 else "")
                title(ax, shown(story), letter(len(METRICS) * i + j))
                if j:
                    ax.set_yticklabels([])
        handles = (Line2D([], [], color=INK, marker="s", ms=4, ls=""), Line2D([], [], color=INK, marker=".", ms=2.4,
                                                                               lw=0.6))  # fmt: skip
        names = ("All layers together", "Each layer alone: the first lowest in its row, the last highest")
        figure.legend(handles, names, loc="outside upper left", ncols=2, handlelength=HANDLE, columnspacing=1.4)
    judged = stories_of(pooled[pooled["method"] == "people"])
    about = (
        "Cohesion of events in the graph of un-rotated key similarities: how far it lies from that of segmentations "
        "with the same event lengths in random order (of F, whose lengths in any order are its own: with as many "
        "boundaries anywhere), in standard deviations of those (grey: within 1.96). Conductance is turned round, so "
        "that more to the right is more cohesive everywhere. Methods are asked for as many events as "
        f"{whose(judged)} segmentation has; in a book, where there is none, for as many as S with gamma 1 finds. "
        "Sentence takes the starts of sentences only, and has fewer where there are fewer. Optimal: the most modular "
        "events in the graph of all layers, in which all are scored."
    )
    bars = "none: z has chance's own spread as its unit; the differences and their intervals are in the report."
    return figure, caption(report, about, bars, {f"{shown(s)} (events)": _counts(pooled, s) for s in stories})


def _layers(ax, rows: pd.DataFrame, there: list[str]) -> None:
    """Each layer's values in their method's row, the first layer lowest."""
    layers = np.unique(rows["layer"])
    heights = dict(zip(layers, np.linspace(-0.4, 0.4, len(layers)), strict=True))
    for k, method in enumerate(reversed(there)):
        own = rows[rows["method"] == method].sort_values("layer")
        ax.plot(own["estimate"], k + own["layer"].map(heights), color=look(method)[0], marker=".", ms=2.4, mew=0,
                lw=0.6, zorder=1)  # fmt: skip


def _counts(pooled: pd.DataFrame, story: str) -> str:
    """How many events the methods have in a story, and which of them have another number than most."""
    events = pooled[pooled["story"] == story].drop_duplicates("method").set_index("method")["n"].astype(int)
    usual = int(events.mode().iloc[0])
    others = [f"{shown(method, story)} {n:,}" for method, n in events.items() if n != usual]
    return f"{usual:,}" + (f" ({', '.join(others)})" if others else "")


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("cohesion", __doc__))
