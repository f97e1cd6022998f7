"""Figure: one story: surprise word by word, the model's events, people's boundaries.

python figures/segmentation.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.ndimage import gaussian_filter1d

from emcog.viz.panels import (
    BAR,
    BOUNDARY,
    INK,
    LINE,
    QUIET,
    TINT,
    caption,
    emcog_style,
    few_ticks,
    page,
    shown,
    thousands,
    whose,
)

ROW_WORDS = 800
CLOSE = 6
"""Words: marks that are no farther apart take turns in the upper and the lower half of their lane."""
SMOOTH = 12
METHODS = ("SM", "S", "F")


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    report = _story(report)
    surprisal = report[report["metric"] == "surprisal"].sort_values("place")
    values = surprisal["estimate"].to_numpy()
    n = len(values)
    rows = max(1, min(6, -(-n // ROW_WORDS)))
    length = -(-n // rows)
    density = report[report["metric"] == "density"].sort_values("place")
    lines = {m: report[(report["metric"] == "boundary") & (report["method"] == m)]["place"].to_numpy()
             for m in ("people", *METHODS)}  # fmt: skip
    lanes = [name for name in ("people", *METHODS) if len(lines[name])]
    name = str(report["story"].iloc[0])
    figure, axes = page(36 * rows + 13, 2 * rows, 1, gridspec_kw={"height_ratios": [1.0, 0.62] * rows})
    known = np.isfinite(values)
    smooth = gaussian_filter1d(np.where(known, values, np.nanmean(values)), SMOOTH)
    top = float(np.nanpercentile(values, 99.5))
    with emcog_style():
        for i in range(rows):
            lo, hi = i * length, min((i + 1) * length, n)
            above, below = axes[2 * i, 0], axes[2 * i + 1, 0]
            above.vlines(np.arange(lo, hi), 0, np.minimum(values[lo:hi], top), color=BAR, lw=0.35)
            above.plot(np.arange(lo, hi), smooth[lo:hi], color=LINE, lw=1.1)
            for place in lines["people"][(lines["people"] >= lo) & (lines["people"] < hi)]:
                above.axvline(place, color=INK, lw=0.8, ls=(0, (3, 2)))
            above.set_ylabel("Surprisal\n(bits)")
            above.set_ylim(0, top)
            above.tick_params(labelbottom=False)
            few_ticks(above, "y", 3)
            _lanes(below, lines, lanes, lo, hi, shown("people", name))
            if len(density):
                _density(below, density, lo, hi, len(lanes))
            for ax in (above, below):
                ax.set_xlim(lo - 1, lo + length)
            thousands(below.xaxis)
            if i == rows - 1:
                below.set_xlabel("Word")
        names = (
            "Surprisal of a word",
            f"Smoothed (Gaussian, SD {SMOOTH} words)",
            f"{shown('people', name)}'s boundary",
        )
        handles = (Line2D([], [], color=BAR, marker="|", ls="", ms=6), Line2D([], [], color=LINE, lw=1.1),
                   Line2D([], [], color=INK, lw=0.8, ls=(0, (3, 2))))  # fmt: skip
        figure.legend(handles, names, loc="outside upper left", ncols=3, columnspacing=1.6)
    marks = (
        f"grey: the density of {int(density['n'].iloc[0])} observers' marks" if len(density)
        else "no density is drawn, as this is one list"
    )  # fmt: skip
    about = (
        f"{shown(name)}. Upper: surprisal of each word (bars, cut at their 99.5th percentile) and smoothed (Gaussian, "
        f"SD {SMOOTH} words); dashed, {whose([name])} boundaries. Lower: {whose([name])} boundaries and each method's, "
        f"as many as there are of these; marks within {CLOSE} words of each other stand half as high, by turns; "
        f"{marks}."
    )
    counts = {f"boundaries, {shown(m, name)}": len(lines[m]) for m in lanes} | {"words": n}
    return figure, caption(report, about, "none are drawn.", counts)


def _story(report: pd.DataFrame) -> pd.DataFrame:
    """The rows of the story that observers marked, where there is one; otherwise of the first."""
    observed = report[report["metric"] == "density"]["story"]
    return report[report["story"] == (observed if len(observed) else report["story"]).iloc[0]]


def _heights(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From where to where in its lane, 0 to 1, each mark reaches."""
    near = np.diff(places) <= CLOSE
    crowded = np.append(False, near) | np.append(near, False)
    upper = np.zeros(len(places), dtype=bool)
    for i in range(len(places)):
        upper[i] = not (i and near[i - 1] and upper[i - 1])
    return np.where(crowded & upper, 0.5, 0.0), np.where(crowded & ~upper, 0.5, 1.0)


def _lanes(ax, lines: dict[str, np.ndarray], lanes: list[str], lo: int, hi: int, who: str) -> None:
    colours = {"people": INK, "S": LINE, "SM": BOUNDARY, "F": QUIET}
    for k, name in enumerate(reversed(lanes)):
        own = np.sort(lines[name])
        inside = (own >= lo) & (own < hi)
        foot, head = _heights(own)
        ax.axhspan(k + 0.08, k + 0.92, color=TINT, lw=0, zorder=0)
        ax.vlines(own[inside], k + 0.08 + 0.84 * foot[inside], k + 0.08 + 0.84 * head[inside], color=colours[name],
                  lw=1.2)  # fmt: skip
    ax.set_ylim(0, len(lanes))
    ax.set_yticks(np.arange(len(lanes)) + 0.5, [{"people": who}.get(name, name) for name in reversed(lanes)])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _density(ax, density: pd.DataFrame, lo: int, hi: int, lanes: int) -> None:
    height = density["estimate"].to_numpy()
    x = density["place"].to_numpy()
    inside = (x >= lo) & (x < hi)
    base, most = lanes - 1 + 0.08, max(height.max(), 1e-9)
    ax.fill_between(x[inside], base, base + 0.84 * height[inside] / most, color=BAR, lw=0, zorder=1)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("segmentation", __doc__))
