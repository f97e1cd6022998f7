"""What the figures of reports share: pages, dots with intervals, lines with bands, how each method looks, captions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emcog.viz.style import BAR, BOUNDARY, COLUMN_MM, INK, LINE, QUIET, TINT, WIDTH_MM, emcog_style, new_figure

ORANGE, GREEN, PURPLE = "#D99000", "#3F9F83", "#9C4F80"  # Wong's, the last two a little darker
LOOKS: dict[str, tuple[str, str, Any]] = {
    "people": (INK, "o", "-"),
    "S": (LINE, "s", "-"), "S, gamma 1": (LINE, "*", ":"), "SM": (BOUNDARY, "D", (0, (7, 1.2))),
    "SC": (ORANGE, "^", "--"), "SM+C": (BOUNDARY, "P", "--"),
    "F": (QUIET, "v", ":"), "FM": (QUIET, "<", "--"), "FC": (QUIET, ">", "-."),
    "R": (BAR, "x", ":"), "random": (QUIET, "x", ":"), "recency": (GREEN, "<", "-."),
    "window": (PURPLE, "*", (0, (4, 1, 1, 1, 1, 1))),
    "sentence": (GREEN, "p", "-"), "lexical": (GREEN, "X", "--"), "optimal": (ORANGE, "*", "-"),
    "full attention": (INK, "o", ":"), "memory, SM": (BOUNDARY, "D", "-"),
    "surprisal": (LINE, "s", "-"), "entropy": (GREEN, "^", "--"), "bayesian_surprise": (BOUNDARY, "D", "-."),
}  # fmt: skip
"""Colour, marker and line of each method: any one of the three tells them apart, so greyscale does too."""
OTHER = (INK, "o", "-")
HANDLE = 3.6
"""Length of a legend's line, in its type's size: long enough for every pattern of dashes to show."""

NAMES = {"pieman": "Pie Man", "natural_stories": "Natural Stories", "lag_crp": "Lag-CRP", "pk": "Pk", "f1": "F1",
         "window_diff": "WindowDiff", "key_value": "Key–value pairs", "delta_log_likelihood": "Held-out gain",
         "intra_inter": "Intra/inter similarity"}  # fmt: skip
AUTHORED = ("late_letter",)
"""Stories whose boundaries are their author's scene breaks, and no listeners' judgements."""


def shown(name: str, story: str = "") -> str:
    """A name as a reader likes it: a story's title, a metric without underscores; "people" as who they are there."""
    if name == "people" and story in AUTHORED:
        return "Author"
    plain = name.replace("_", " ")
    return NAMES.get(name, plain[:1].upper() + plain[1:])


def whose(stories: Sequence[str]) -> str:
    """Whose the boundaries of these stories are, for a caption: people's, or a story's author's."""
    authored = [shown(name) for name in stories if name in AUTHORED]
    if not authored:
        return "people's"
    return "the author's" if len(authored) == len(stories) else f"people's ({', '.join(authored)}: the author's)"


def letter(number: int) -> str:
    """What a panel is cited by: A for 0, ... Z, AA, AB, ...; a release of data may hold many stories."""
    before, own = divmod(number, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + own)


def look(name: str) -> tuple[str, str, Any]:
    """Colour, marker and line of a method."""
    return LOOKS.get(name, OTHER)


def page(
    height_mm: float, rows: int = 1, columns: int = 1, width_mm: float = WIDTH_MM, **options: Any
) -> tuple[Figure, np.ndarray]:
    """A figure whose panels make room for their own labels, and its axes, (rows, columns).

    options : matplotlib's own for subplots (sharex, sharey, gridspec_kw, ...).
    """
    with emcog_style():
        figure = new_figure(height_mm, width_mm)
        figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03, hspace=0.04, wspace=0.04)
        return figure, figure.subplots(rows, columns, squeeze=False, **options)


def dots(
    ax: Axes,
    table: pd.DataFrame,
    order: Sequence[str],
    chance: float | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> None:
    """One row a method: its estimate as a dot, its interval as a line, chance's mean and 1.96 SD as a grey band behind.

    Parameters
    ----------
    table : rows of a report, one a method, with estimate, ci_low, ci_high; null_mean and null_sd where known.
    order : methods from top to bottom; those that the table lacks stay empty.
    chance : a line where chance is, if it is the same for all.
    bounds : between which alone the measure can lie: the band ends there.
    """
    places = {name: len(order) - 1 - i for i, name in enumerate(order)}
    for row in table.to_dict("records"):
        if row["method"] not in places:
            continue
        y, (colour, marker, _) = places[row["method"]], look(row["method"])
        if chance is None and np.isfinite(row["null_sd"]):
            middle, half = row["null_mean"], 1.96 * row["null_sd"]
            ends = np.clip([middle - half, middle + half], *bounds)
            ax.fill_betweenx([y - 0.36, y + 0.36], *ends, color=TINT, lw=0, zorder=0)
            ax.plot([middle, middle], [y - 0.36, y + 0.36], color=BAR, lw=0.8, zorder=1)
        if np.isfinite(row["ci_low"]) and np.isfinite(row["ci_high"]):
            ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, lw=1.0, zorder=2, solid_capstyle="butt")
        ax.plot([row["estimate"]], [y], marker=marker, ms=4, color=colour, mew=1.0, ls="", zorder=3)
    if chance is not None:
        ax.axvline(chance, color=BAR, lw=0.8, zorder=0)
    ax.set_ylim(-0.6, len(order) - 0.4)
    story = "".join(table["story"].unique()) if "story" in table else ""
    ax.set_yticks(list(places.values()), [shown(name, story) for name in places])
    ax.tick_params(axis="y", length=0)
    few_ticks(ax, "x")


def curve(ax: Axes, x: Any, table: pd.DataFrame, name: str, story: str = "") -> None:
    """A method's estimates over x, with its intervals as bars.

    story : whose people "people" are, for the legend.
    """
    colour, marker, line = look(name)
    x, y = np.asarray(x, dtype=float), table["estimate"].to_numpy(dtype=float)
    low, high = table["ci_low"].to_numpy(dtype=float), table["ci_high"].to_numpy(dtype=float)
    ax.plot(x, y, color=colour, ls=line, marker=marker, ms=3.2, mew=0.8, lw=1.0, label=shown(name, story), zorder=3)
    known = np.isfinite(low) & np.isfinite(high)
    ax.vlines(x[known], low[known], high[known], color=colour, lw=0.7, zorder=2)


def by_chance(ax: Axes, axis: str = "y") -> None:
    """Behind values in standard deviations of chance: a line at 0, and grey where the middle 95% of chance lies."""
    band, line = (ax.axvspan, ax.axvline) if axis == "x" else (ax.axhspan, ax.axhline)
    band(-1.96, 1.96, color=TINT, lw=0, zorder=-1)
    line(0, color=BAR, lw=0.8, zorder=0)


def few_ticks(ax: Axes, axis: str, count: int = 4) -> None:
    """A handful of round tick labels."""
    from matplotlib.ticker import MaxNLocator

    (ax.xaxis if axis == "x" else ax.yaxis).set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))


def thousands(axis: Any) -> None:
    """Tick labels of an axis (`ax.xaxis`, `ax.yaxis`) as 1,000."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def title(ax: Axes, text: str, cited: str = "") -> None:
    """A panel's heading, with the letter that it is cited by in bold before it."""
    if cited:
        ax.set_title(cited, loc="left", fontsize=8, fontweight="bold", pad=4)
        ax.annotate(text, (0, 1), (3 + 7 * len(cited), 4), "axes fraction", textcoords="offset points", fontsize=7)
    else:
        ax.set_title(text, loc="left", fontsize=7, pad=4)


def key(figure: Figure, axes: Sequence[Axes], columns: int = 8, below: bool = False) -> None:
    """One legend for the whole figure, above its panels or below them, with what any of `axes` shows, once."""
    shown_once: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            shown_once.setdefault(label, handle)
    with emcog_style():
        figure.legend(list(shown_once.values()), list(shown_once), handlelength=HANDLE, columnspacing=1.4,
                      borderpad=0.2, loc="outside lower left" if below else "outside upper left",
                      ncols=min(columns, max(1, len(shown_once))))  # fmt: skip


def stories_of(table: pd.DataFrame) -> list[str]:
    """Stories in the order of the report."""
    return [str(name) for name in dict.fromkeys(table["story"])]


def caption(table: pd.DataFrame, about: str, bars: str, counts: Mapping[str, Any] | str) -> str:
    """A figure's caption: what it shows, what its bars are, n, and from which model and data.

    counts : n in words, or by name.
    """
    told = table.attrs["provenance"]
    n = counts if isinstance(counts, str) else "; ".join(f"{name}: n = {value}" for name, value in counts.items())
    model = told.get("model") or {}
    lines = [about, f"Error bars: {bars}", f"n: {n}"]
    if model:
        lines.append(f"Model: {model['name']} (weights {str(model['weights'])[:12]}).")
    settings = told.get("settings", {})
    lines.append(f"Settings: {'quick' if settings.get('quick') else 'full'}, seed {settings.get('seed')}.")
    lines += [f"Data: {line}." for line in told.get("caveats", [])]
    lines += [f"Not there: {line}" for line in told.get("missing", [])]
    return "\n".join(lines)


def counted(table: pd.DataFrame, by: str = "story") -> dict[str, str]:
    """n of the rows of a report by story, as one number or a range."""
    return {shown(str(name)): between(rows["n"]) for name, rows in table.groupby(by, sort=False)}


def between(counts: pd.Series) -> str:
    """Counts as one number, or as a range where they differ."""
    known = counts.dropna()
    if known.empty:
        return "none"
    low, high = int(known.min()), int(known.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


__all__ = [
    "AUTHORED", "BAR", "BOUNDARY", "COLUMN_MM", "HANDLE", "INK", "LINE", "QUIET", "TINT", "WIDTH_MM", "between",
    "by_chance", "caption", "counted", "curve", "dots", "emcog_style", "few_ticks", "key", "letter", "look", "page",
    "shown", "stories_of", "thousands", "title", "whose",
]  # fmt: skip
