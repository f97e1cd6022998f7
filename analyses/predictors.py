"""Which signal predicts people's boundaries, and which their reading times: surprisal, entropy or Bayesian surprise?

    python analyses/predictors.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Boundaries: logistic regression of people's boundaries on each signal alone, of the word and of the one before it,
beside the length of the word, the end of a sentence and the words since the last boundary; held-out log-likelihood
against these controls alone; p of the slopes from moving the signal around the story (Kumar et al. 2023 ask the same
with GPT-2). Reading times: Natural Stories, the same three signals beside length and frequency.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import emcog
from emcog.errors import DataError
from emcog.reproduce import Setting, Stimulus, records
from emcog.stats import reading_times, regress

SIGNALS = ("surprisal", "entropy", "bayesian_surprise")
CONTROLS = ("length", "sentence_end", "since_boundary")
QUICK_STORIES = 1
BLANK_SCREEN = (231, 232)
"""Words of Natural Stories' story 3 that are slow because of a blank screen (the data's README)."""


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report, with the columns of `emcog.stats.COLUMNS`."""
    for story in setting.each("stories", setting.stories()):
        yield from _boundaries(story, setting)
    if setting.data is None:
        yield from _reading(setting)


def _boundaries(story: Stimulus, setting: Setting) -> Iterator[dict[str, Any]]:
    """People's boundaries on each signal alone, and on all of them together."""
    words = setting.hear(story).words[["word", *SIGNALS]]
    table = words.assign(story=story.name, boundary=story.crowd().consensus.astype(int))
    sets = [*[[name] for name in SIGNALS], list(SIGNALS)]
    for chosen in setting.each(f"{story.name}, regressions", sets):
        try:
            found = regress(table, "boundary", chosen, controls=CONTROLS, lags=1, seed=setting.seed,
                            n_null=999 if setting.quick else 9999, dataset=story.dataset)  # fmt: skip
        except (DataError, np.linalg.LinAlgError) as error:
            setting.missing.append(f"{story.name}, {', '.join(chosen)}: {error}")
            continue
        name = "boundaries, together" if len(chosen) > 1 else "boundaries"
        yield from (row | {"analysis": name} for row in records(found))


def _reading(setting: Setting) -> Iterator[dict[str, Any]]:
    """Reading times of Natural Stories on each signal."""
    data = setting.dataset("natural_stories")
    if data is None:
        return
    table = data.tables["words"].copy()
    if "mean_rt_ms" not in table or "log_freq" not in table:
        setting.missing.append("natural_stories: no reading times or frequencies among these files")
        return
    stories = sorted(table["story"].unique())[: QUICK_STORIES if setting.quick else None]
    if setting.quick:
        setting.missing.append(f"natural_stories: {QUICK_STORIES} of its stories only, by the quick settings")
    table = table[table["story"].isin(stories)].reset_index(drop=True)
    heard = []
    for name, words in setting.each("natural stories", list(table.groupby("story", sort=False))):
        text = emcog.Transcript.from_text(" ".join(words["word"].astype(str)), f"natural_stories-{name}")
        heard.append(setting.hear(Stimulus("natural_stories", text.name, text)).words[list(SIGNALS)])
    table[list(SIGNALS)] = np.concatenate([one.to_numpy() for one in heard])
    last = table.groupby("story")["position"].transform("max") == table["position"]
    blank = (table["story"] == 3) & table["position"].isin(BLANK_SCREEN)
    table.loc[last | blank, "mean_rt_ms"] = np.nan
    found = reading_times(table, list(SIGNALS), rt="mean_rt_ms", controls=["length", "log_freq"], seed=setting.seed,
                          n_null=99 if setting.quick else 1000, dataset="natural_stories")  # fmt: skip
    yield from (row | {"story": "natural_stories"} for row in records(found))


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("predictors", __doc__))
