"""Figure: in which layers' and heads' key graphs people's events hold together.

python figures/layers.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import (
    INK,
    QUIET,
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

MARKS = ("^", "v", "<", ">", "s", "D", "p", "h")
METRICS = (("modularity", 1, "Modularity\n(SD above random)"), ("conductance", -1, "Conductance\n(SD below random)"))
WIDE = 8
"""Heads up to which each has a mark of its own; of more, all are dots."""
SPREAD = 0.44
"""Of a layer's heads to both sides of it, in layers, so that none hides another or their layer's mark."""


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    stories = stories_of(report)
    figure, axes = page(11 + 44 * len(stories), len(stories), 2)
    heads = int(report["head"].max()) + 1 if report["head"].notna().any() else 0
    with emcog_style():
        for i, story in enumerate(stories):
            for j, (metric, sign, label) in enumerate(METRICS):
                ax = axes[i, j]
                rows = report[(report["story"] == story) & (report["metric"] == metric)].assign(
                    z=lambda t, s=sign: s * t.z
                )
                layers = rows[rows["layer"].notna() & rows["head"].isna()].sort_values("layer")
                by_chance(ax)
                ax.plot(layers["layer"], layers["z"], color=INK, marker="o", ms=4, lw=1.0, label="All heads", zorder=3)
                for head in range(heads):
                    own = rows[rows["head"] == head].sort_values("layer")
                    mark = MARKS[head] if heads <= WIDE else "."
                    shift = SPREAD * (head - (heads - 1) / 2) / max(1, heads - 1)
                    ax.plot(own["layer"] + shift, own["z"], ls="", marker=mark, ms=3.2, mfc="none", mec=QUIET, mew=0.8,
                            label=f"Head {head}" if heads <= WIDE else None, zorder=2)  # fmt: skip
                whole = rows[rows["layer"].isna()]
                if len(whole):
                    ax.axhline(float(whole["z"].iloc[0]), color=INK, lw=0.8, ls="--", label="All layers and heads")
                ax.set_xticks(np.arange(int(layers["layer"].max()) + 1))
                few_ticks(ax, "y")
                ax.set_xlabel("Layer" if i == len(stories) - 1 else "")
                ax.set_ylabel(label)
                title(ax, shown(story), letter(len(METRICS) * i + j))
        key(figure, axes[0, -1:], 10)
    about = (
        f"How much more modular, and less conductive, {whose(stories)} events are in the key graph of each layer "
        "(line) and head (open marks) than random events with the same lengths, in standard deviations of the random "
        "ones; above 0 is more cohesive. Grey: within 1.96 of chance, for one test; there are as many tests as marks."
    )
    return figure, caption(report, about, "none: z has chance's own spread as its unit.",
                           {f"{k} (events)": v for k, v in counted(report).items()})  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("layers", __doc__))
