"""Figure: pass keys found again, by length and depth.

python figures/passkey.py [--results FOLDER] [--out FOLDER]
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import caption, counted, emcog_style, letter, page, shown, title

METHODS = ("S", "SM", "SM+C", "F", "recency", "random", "window", "full attention")
MAP = "cividis"


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    correct = report[(report["metric"] == "correct") & report["depth"].notna()]
    there = [m for m in METHODS if m in set(correct["method"])]
    columns = min(4, len(there))
    lines = -(-len(there) // columns)
    lengths, depths = np.unique(correct["length"]), np.unique(correct["depth"])
    figure, axes = page(8 + lines * 38, lines, columns)
    with emcog_style():
        for k, ax in enumerate(axes.ravel()):
            if k >= len(there):
                ax.axis("off")
                continue
            rows = correct[correct["method"] == there[k]]
            image = ax.imshow(_grid(rows, lengths, depths), vmin=0, vmax=1, cmap=MAP, aspect="auto")
            _numbers(ax, _grid(rows, lengths, depths))
            ax.set_xticks(range(len(lengths)), [f"{int(n):,}" for n in lengths])
            ax.set_yticks(range(len(depths)), [f"{d:g}" for d in depths])
            ax.tick_params(length=0)
            ax.set_xlabel("Tokens")
            ax.set_ylabel("Depth" if k % columns == 0 else "")
            for side in ax.spines.values():
                side.set_visible(False)
            title(ax, shown(there[k]), letter(k))
        bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.01)
        bar.set_label("Share of keys said exactly")
        bar.outline.set_linewidth(0.4)
    about = (
        "Share of pass keys that are said exactly, by length of the context and depth of the statement (0: its "
        "beginning), for events by S, SM, SM with contiguity, F (equal lengths, as InfLLM), the same memory by recency "
        "and at random, the sliding window alone, and full attention where the model's limit allows it (a dash: not "
        "tried). All but full attention have the same window and the same budget of recalled tokens."
    )
    bars = "none are drawn; Wilson's 95% intervals are in the report."
    return figure, caption(
        report, about, bars, {f"{k} (questions a cell)": v for k, v in counted(correct, "method").items()}
    )


def _grid(rows: pd.DataFrame, lengths: np.ndarray, depths: np.ndarray) -> np.ndarray:
    return (
        rows.pivot_table(index="depth", columns="length", values="estimate").reindex(depths, columns=lengths).to_numpy()
    )


def _numbers(ax, grid: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(grid):
        known = np.isfinite(value)
        colour = "#222222" if not known or value > 0.6 else "#FFFFFF"
        ax.text(j, i, f"{value:.2f}".lstrip("0") if 0 < value < 1 else f"{value:.0f}" if known else "–", ha="center",
                va="center", fontsize=6, color=colour)  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("passkey", __doc__))
