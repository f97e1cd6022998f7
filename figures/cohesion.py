"""Figure: cohesion of people's and of each method's events in the key graph, as the difference from random ones.

python figures/cohesion.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    LETTERS,
    by_chance,
    caption,
    counted,
    curve,
    dots,
    emcog_style,
    few_ticks,
    key,
    page,
    shown,
    stories_of,
    title,
    whose,
)

ORDER = ("people", "S", "SM", "SC", "F", "FM", "FC", "sentence", "optimal")
METRICS = ("modularity", "conductance", "intra_inter")
IN_LAYERS = ("people", "S", "SM", "F")
AXES = {"modularity": "Modularity\n(SD above random)", "conductance": "Conductance\n(SD below random)",
        "intra_inter": "Intra/inter similarity\n(SD above random)"}  # fmt: skip


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(30 + 34 * len(stories) + 42, len(stories) + 1, 3,
                        gridspec_kw={"height_ratios": [1.0] * len(stories) + [1.1]})  # fmt: skip
    # What is drawn is z, in which stories and measures can be compared; it has no interval of its own. A low
    # conductance is cohesive, and turned round.
    z = report["z"].where(report["metric"] != "conductance", -report["z"])
    report = report.assign(estimate=z, ci_low=float("nan"), ci_high=float("nan"))
    pooled = report[report["layer"].isna()]
    with emcog_style():
        for i, story in enumerate(stories):
            there = [m for m in ORDER if m in set(pooled[pooled["story"] == story]["method"])]
            for j, metric in enumerate(METRICS):
                rows = pooled[(pooled["story"] == story) & (pooled["metric"] == metric)]
                by_chance(axes[i, j], "x")
                dots(axes[i, j], rows, there, chance=0.0)
                axes[i, j].set_xlabel(AXES[metric] if i == len(stories) - 1 else "")
                title(axes[i, j], shown(story) if j == 0 else "", LETTERS[i] if j == 0 else "")
                if j:
                    axes[i, j].set_yticklabels([])
        last = stories[0]
        for j, metric in enumerate(METRICS):
            ax = axes[-1, j]
            for method in IN_LAYERS:
                rows = report[(report["story"] == last) & (report["metric"] == metric) & (report["method"] == method)
                              & report["layer"].notna()].sort_values("layer")  # fmt: skip
                if len(rows):
                    curve(ax, rows["layer"], rows, method, last)
            by_chance(ax)
            ax.set_xlabel("Layer")
            ax.set_ylabel(AXES[metric])
            few_ticks(ax, "y")
            title(ax, f"{shown(last)}, by layer" if j == 0 else "", LETTERS[len(stories)] if j == 0 else "")
        key(figure, axes[-1], below=True)
    judged = stories_of(pooled[pooled["method"] == "people"])
    about = (
        "Cohesion of events in the graph of un-rotated key similarities: how far it lies from that of segmentations "
        "with the same event lengths in random order (of F, whose lengths in any order are its own: with as many "
        "boundaries anywhere), in standard deviations of those (grey: within 1.96). Conductance "
        "is turned round, so that more to the right (in the last row: higher) is more cohesive everywhere. In a story "
        f"all methods have as many events as {whose(judged)} segmentation; in a book, where there is none, as many "
        "as S with gamma 1. Optimal: the most modular events in the graph of all layers, in which all are scored. Last "
        "row: each layer alone."
    )
    bars = "none: z has chance's own spread as its unit; the differences and their intervals are in the report."
    return figure, caption(report, about, bars, {f"{k} (events)": v for k, v in counted(pooled).items()})


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("cohesion", __doc__))
