"""Figure: how often each test finds something where nothing is.

python figures/calibration.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import BAR, TINT, between, caption, emcog_style, few_ticks, key, page, shown, title

KINDS = {"independent": ("#0072B2", "s"), "regular": ("#3F9F83", "^"), "clustered": ("#B54A00", "D")}
OTHER = ("#222222", "o")
NULLS = ("circular_shift", "shuffled_lengths", "uniform")
LEVEL = 0.05
ROW_MM = 6.6
DODGE = 0.29
"""Between the marks of a row, in rows."""
LEFT = -0.02
"""Where the axes begin, so that a mark at 0 is whole."""
READING = "Reading times"


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    agreement = report[report["test"] == "agreement"].drop_duplicates(["metric", "kind", "null_model"])
    others = _others(report)
    metrics, names = list(dict.fromkeys(agreement["metric"])), list(others["metric"])
    figure, axes = page(16 + ROW_MM * max(len(metrics), len(names)), 1, 4, gridspec_kw={"width_ratios": [1, 1, 1, 0.9]})
    with emcog_style():
        for j, null in enumerate(NULLS):
            _panel(axes[0, j], agreement[agreement["null_model"] == null], metrics, shown(null), "ABC"[j])
            axes[0, j].set_yticklabels([] if j else [shown(m) for m in reversed(metrics)])
        _panel(axes[0, 3], others, names, "Other tests", "D")
        key(figure, axes[0, :3])
    about = (
        "Share of simulated data sets without any relation in which p < .05 (line: 5%; above it a test cries wolf), "
        "for measures of agreement under three null models and three kinds of boundaries, and for the other tests. "
        "The scales differ. Default null model: circular shift. Of a measure with variants the first is shown. Wald "
        "and likelihood ratio: a regression's own p, which takes words to be independent; emcog's p moves the signal "
        "instead (slope)."
    )
    n = report[~report["test"].isin(["power", "coverage"])]["n"]
    return figure, caption(report, about, "Wilson's 95% intervals.", f"{between(n)} simulated data sets a point")


def _others(report: pd.DataFrame) -> pd.DataFrame:
    """The tests that are none of agreement, a row each; its kind stands in its name where there are several."""
    rows = report[~report["test"].isin(["agreement", "power", "coverage"])]
    rows = rows.drop_duplicates(["test", "metric", "kind"])
    several = rows.groupby(["test", "metric"])["kind"].transform("nunique") > 1
    plain = [READING if test == "reading" else shown(metric) for test, metric in zip(rows["test"], rows["metric"],
                                                                                  strict=True)]  # fmt: skip
    told = [f"{name}, {kind}" if more else name for name, kind, more in zip(plain, rows["kind"], several, strict=True)]
    return rows.assign(metric=told, kind="").drop_duplicates("metric")


def _panel(ax, rows: pd.DataFrame, names: list[str], heading: str, letter: str) -> None:
    ax.axvspan(0, LEVEL, color=TINT, lw=0, zorder=0)
    ax.axvline(LEVEL, color=BAR, lw=0.8, zorder=0)
    kinds = list(dict.fromkeys(rows["kind"]))
    for k, kind in enumerate(kinds):
        colour, marker = KINDS.get(kind, OTHER)
        own = rows[rows["kind"] == kind].set_index("metric")
        y = np.array([len(names) - 1 - names.index(m) for m in own.index]) + DODGE * ((len(kinds) - 1) / 2 - k)
        ax.hlines(y, own["ci_low"], own["ci_high"], color=colour, lw=0.7)
        ax.plot(own["estimate"], y, ls="", marker=marker, ms=2.8, mew=0, color=colour, label=shown(kind))
    ax.set_yticks(range(len(names)), list(reversed(names)))
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(LEFT, 1.04 * max(rows["ci_high"].max(), 2 * LEVEL))
    few_ticks(ax, "x", 3)
    ax.set_xlabel("Share of p < .05")
    title(ax, heading, letter)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("calibration", __doc__))
