"""Figure: how often each test finds something where nothing is.

python figures/calibration.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import BAR, TINT, between, caption, emcog_style, few_ticks, page, shown, title

KINDS = {"independent": ("#0072B2", "s"), "regular": ("#3F9F83", "^"), "clustered": ("#B54A00", "D")}
OTHER = ("#222222", "o")
NULLS = ("circular_shift", "shuffled_lengths", "uniform")
LEVEL = 0.05


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    agreement = report[(report["test"] == "agreement")]
    first = agreement.drop_duplicates(["metric", "kind", "null_model"])
    metrics = list(dict.fromkeys(first["metric"]))
    others = report[~report["test"].isin(["agreement", "power", "coverage"])]
    labels = list(dict.fromkeys(zip(others["test"], others["metric"], strict=True)))
    figure, axes = page(12 + 4.6 * max(len(metrics), len(labels)), 1, 4, gridspec_kw={"width_ratios": [1, 1, 1, 1.05]})
    with emcog_style():
        for j, null in enumerate(NULLS):
            rows = first[first["null_model"] == null]
            _panel(axes[0, j], rows, metrics, shown(null), "ABC"[j])
            axes[0, j].set_yticklabels([] if j else [shown(m) for m in reversed(metrics)])
        ax = axes[0, 3]
        named = others.assign(metric=others["test"] + ": " + others["metric"])
        names = [f"{test}: {metric}" for test, metric in labels]
        _panel(ax, named.drop_duplicates(["metric", "kind"]), names, "Other tests", "D")
        ax.set_yticklabels([shown(n) for n in reversed(names)], fontsize=5.5)
        handles, told = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, told, loc="outside upper left", ncols=len(told))
    about = (
        "Share of simulated data sets without any relation in which p < .05 (line: 5%; above it a test cries wolf), "
        "for measures of agreement under three null models and three kinds of boundaries, and for the other tests. "
        "Default null model: circular shift."
    )
    n = report[~report["test"].isin(["power", "coverage"])]["n"]
    return figure, caption(report, about, "Wilson's 95% intervals.", f"{between(n)} simulated data sets a point")


def _panel(ax, rows: pd.DataFrame, names: list[str], heading: str, letter: str) -> None:
    ax.axvspan(0, LEVEL, color=TINT, lw=0, zorder=0)
    ax.axvline(LEVEL, color=BAR, lw=0.8, zorder=0)
    kinds = list(dict.fromkeys(rows["kind"]))
    for k, kind in enumerate(kinds):
        colour, marker = KINDS.get(kind, OTHER)
        own = rows[rows["kind"] == kind].set_index("metric")
        y = np.array([len(names) - 1 - names.index(m) for m in own.index]) + 0.22 * ((len(kinds) - 1) / 2 - k)
        ax.hlines(y, own["ci_low"], own["ci_high"], color=colour, lw=0.7)
        ax.plot(own["estimate"], y, ls="", marker=marker, ms=2.6, color=colour, label=shown(kind))
    ax.set_yticks(range(len(names)), list(reversed(names)))
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(left=-0.03 * ax.get_xlim()[1])  # a mark at 0 is shown whole
    few_ticks(ax, "x", 3)
    ax.set_xlabel("Share of p < .05")
    title(ax, heading, letter)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("calibration", __doc__))
