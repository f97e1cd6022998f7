"""Figure: surprisal, entropy and Bayesian surprise as predictors of boundaries and of reading times.

python figures/predictors.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import caption, counted, dots, emcog_style, letter, page, shown, stories_of, title, whose

SIGNALS = ("surprisal", "entropy", "bayesian_surprise")


def draw(report: pd.DataFrame) -> tuple[Figure, str]:
    """The figure and its caption."""
    alone = report[(report["analysis"] == "boundaries")]
    reading = report[report["analysis"] == "reading_times"]
    stories = stories_of(alone)
    count = len(stories) + bool(len(reading))
    figure, axes = page(5 + 31 * count, count, 3)
    with emcog_style():
        for i, story in enumerate(stories):
            _row(axes[i], alone[alone["story"] == story], shown(story), "log odds a bit", 3 * i)
        if len(reading):
            _row(axes[-1], reading, "Reading times", "ms a bit", 3 * len(stories))
    about = (
        f"Each signal alone, beside controls. Boundaries: logistic regression of {whose(stories)} boundaries on the "
        "signal of the word and of the word before, beside the word's length, sentence ends and the words since the "
        "last boundary. Reading times (Natural Stories): linear, beside length and frequency of the word and of those "
        "before. Right: log-likelihood of held-out stretches with the signal less that without; below 0 it adds noise."
    )
    bars = "95% intervals over stretches of 50 words, each left out in turn."
    return figure, caption(report, about, bars, {f"{k} (words)": v for k, v in counted(report).items()})


def _row(axes, rows: pd.DataFrame, name: str, unit: str, first: int) -> None:
    """Three panels of one set of data: slopes of the word and of the word before, and what is gained held out."""
    slope = rows[rows["metric"] == "slope"]
    gain = rows[rows["metric"] == "delta_log_likelihood"]
    gain = gain.assign(**{c: 1000 * gain[c] for c in ("estimate", "ci_low", "ci_high")})
    panels = ((slope[slope["variant"] == "lag 0"], f"Slope ({unit})"),
              (slope[slope["variant"] == "lag 1"], f"Slope, word before ({unit})"),
              (gain, "Held-out gain (millinats a word)"))  # fmt: skip
    for j, (own, label) in enumerate(panels):
        dots(axes[j], own, SIGNALS, chance=0.0)
        axes[j].set_yticklabels([] if j else [shown(s).replace(" ", "\n") for s in SIGNALS])
        axes[j].set_xlabel(label)
        title(axes[j], name, letter(first + j))


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("predictors", __doc__))
