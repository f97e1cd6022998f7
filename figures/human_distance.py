"""Figure: each method's distance from people, beside chance and people's distance from each other.

python figures/human_distance.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import INK, caption, counted, dots, emcog_style, letter, page, shown, stories_of, title, whose

ORDER = ("S", "SM", "SC", "S, gamma 1", "F", "FM", "FC", "R", "sentence", "lexical", "optimal")
PEOPLE = "people, one against the others"
BOUNDS = (0.0, 1.0)
"""Of both measures."""
COLUMNS = (("wasserstein", "share", "Wasserstein distance (share of the story)"), ("f1", "", "F1"))


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    methods = report[report["method"] != PEOPLE]
    people = report[report["method"] == PEOPLE].assign(method=lambda t: "people, " + t["story"])
    stories = stories_of(methods)
    films = [f"people, {name}" for name in dict.fromkeys(report[report["method"] == PEOPLE]["story"])]
    heights = [sum(m in set(methods[methods["story"] == s]["method"]) for m in ORDER) for s in stories]
    heights += [len(films) + 0.5] if films else []
    figure, axes = page(sum(heights) * 4.2 + 17 * len(heights), len(heights), 2,
                        gridspec_kw={"height_ratios": heights})  # fmt: skip
    with emcog_style():
        for i, story in enumerate(stories):
            there = [m for m in ORDER if m in set(methods[methods["story"] == story]["method"])]
            for j, (metric, variant, label) in enumerate(COLUMNS):
                ax = axes[i, j]
                rows = methods[(methods["story"] == story) & (methods["metric"] == metric)]
                rows = rows[rows["variant"] == variant] if variant else rows
                dots(ax, rows, there, bounds=BOUNDS)
                if rows["ceiling"].notna().any():
                    ax.axvline(rows["ceiling"].iloc[0], color=INK, lw=0.9, ls="--")
                _finish(ax, i, j, label if i == len(heights) - 1 else "", shown(story))
        for j, (metric, variant, label) in enumerate(COLUMNS if films else ()):
            rows = people[people["metric"] == metric]
            dots(axes[-1, j], rows[rows["variant"] == variant] if variant else rows, films, bounds=BOUNDS)
            axes[-1, j].set_yticklabels([shown(name.removeprefix("people, ")) for name in films])
            _finish(axes[-1, j], len(stories), j, label, "Films: one person against the others")
    about = (
        "Left: distance between the boundaries' positions, 0 is agreement. Right: boundaries matched one to one within "
        f"the tolerance. Compared are {whose(stories)} boundaries; all methods have as many, but for S "
        "with gamma 1, the paper's setting. Grey: the same boundaries moved around the story, their mean and 1.96 SD "
        "about it, cut at 0 and 1, which neither measure can pass. Dashed, where observers are known: one person "
        "against the others. A distance alone favours any method that spreads its boundaries "
        "evenly, as people do."
    )
    about += " Optimal: the most modular events in the key graph of all layers, by nobody's judgement."
    bars = "95% intervals over observers, or for a list over stretches of the story where the measure allows one."
    n = {f"{k} (boundaries)": v for k, v in counted(methods).items()}
    return figure, caption(report, about, bars, n | {f"{k} (observers)": v for k, v in counted(people).items()})


def _finish(ax, row: int, column: int, label: str, name: str) -> None:
    ax.set_xlabel(label)
    ax.set_xlim(left=-0.025 * ax.get_xlim()[1])  # a mark at 0 is shown whole
    title(ax, name, letter(len(COLUMNS) * row + column))
    if column:
        ax.set_yticklabels([])


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("human_distance", __doc__))
