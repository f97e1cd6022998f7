"""Figure: surprisal, entropy and Bayesian surprise as predictors of boundaries and of reading times.

python figures/predictors.py [--results FOLDER] [--out FOLDER]
"""

import sys

import pandas as pd
from matplotlib.figure import Figure

from emcog.viz.panels import LETTERS, caption, counted, dots, emcog_style, page, shown, stories_of, title, whose

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
            rows = alone[alone["story"] == story]
            slope = rows[rows["metric"] == "slope"]
            _panel(axes[i, 0], slope[slope["variant"] == "lag 0"], "Slope (log odds a bit)", shown(story), LETTERS[i])
            _panel(axes[i, 1], slope[slope["variant"] == "lag 1"], "Slope, word before (log odds a bit)")
            gain = rows[rows["metric"] == "delta_log_likelihood"]
            gain = gain.assign(**{c: 1000 * gain[c] for c in ("estimate", "ci_low", "ci_high")})
            _panel(axes[i, 2], gain, "Held-out gain (millinats a word)")
        if len(reading):
            slope = reading[reading["metric"] == "slope"]
            told = "Reading times"
            _panel(axes[-1, 0], slope[slope["variant"] == "lag 0"], "Slope (ms a bit)", told, LETTERS[count - 1])
            _panel(axes[-1, 1], slope[slope["variant"] == "lag 1"], "Slope, word before (ms a bit)")
            gain = reading[(reading["metric"] == "delta_log_likelihood")]
            gain = gain.assign(**{c: 1000 * gain[c] for c in ("estimate", "ci_low", "ci_high")})
            _panel(axes[-1, 2], gain, "Held-out gain (millinats a word)")
    about = (
        f"Each signal alone, beside controls. Boundaries: logistic regression of {whose(stories)} boundaries on the "
        "signal of the word and of the word before, beside the word's length, sentence ends and the words since the "
        "last boundary. Reading times (Natural Stories): linear, beside length and frequency of the word and of those "
        "before. Right: log-likelihood of held-out stretches with the signal less that without; below 0 it adds noise."
    )
    bars = "95% intervals over stretches of 50 words, each left out in turn."
    return figure, caption(report, about, bars, {f"{k} (words)": v for k, v in counted(report).items()})


def _panel(ax, rows: pd.DataFrame, label: str, name: str = "", letter: str = "") -> None:
    dots(ax, rows, SIGNALS, chance=0.0)
    ax.set_yticklabels([shown(s).replace(" ", "\n") for s in SIGNALS] if letter else [])
    ax.set_xlabel(label)
    title(ax, name, letter)


if __name__ == "__main__":
    from emcog.cli.scripts import figure

    sys.exit(figure("predictors", __doc__))
