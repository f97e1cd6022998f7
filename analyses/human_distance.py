"""How far is each method's segmentation from people's, beside chance and beside people's distance from each other?

    python analyses/human_distance.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Wasserstein distance between boundary positions, as a share of the story (Fountas et al. 2025, figure 4B), with F1 and
the share of people's boundaries that are matched, which say what the distance does not. Every method has as many events
as people; S with gamma 1, the paper's setting, is shown too. Where observers are known, each against the others is the
ceiling; the films have observers and no text, and give the people's rows alone. Optimal: the most modular events, each
at the beginning of a word, in the graph that analyses/cohesion.py scores on.
"""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.errors import OptionError
from emcog.reproduce import Setting, Stimulus
from emcog.stats import AgreementSettings
from emcog.stats.agreement import MEASURES, Partitions
from emcog.stats.agreement.ceiling import ceiling
from emcog.stats.comparing import compare_rows, measures_of
from emcog.stats.nulls import against, draws
from emcog.stats.resampling import interval, weights

METHODS = ("F", "FM", "FC", "R", "S", "SM", "SC", "sentence", "lexical", "optimal")
METRICS = ("wasserstein", "f1", "matched", "boundary_density")
BIN_S = 1.0


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report, with the columns of `emcog.stats.COLUMNS`."""
    n_null = 500 if setting.quick else 10_000
    for story in setting.each("stories compared", setting.stories()):
        yield from _methods(story, setting, n_null)
    if setting.data is None:
        yield from _films(setting, n_null)


def _methods(story: Stimulus, setting: Setting, n_null: int) -> Iterator[dict[str, Any]]:
    """Every method against people in one story."""
    heard, crowd, seed = setting.hear(story), story.crowd(), setting.seed
    count = len(crowd.starts) + 1
    made = {}
    for method in filter(heard.can, METHODS):
        try:
            if method == "optimal":
                made[method] = heard.optimum(count, snap=True)
            else:
                made[method] = heard.starts(method, count, snap=True, seed=seed)
        except OptionError as error:  # fewer valleys of lexical cohesion than people have events, say
            setting.missing.append(f"{story.name}, {method}: {error}")
    made["S, gamma 1"] = heard.starts("S", snap=True)
    chosen, _ = measures_of(METRICS, crowd)
    ceilings = {(m.name, v): ceiling(m, crowd, story.settings, v).mean for m, v in chosen}
    for method, starts in made.items():
        found = compare_rows(heard.first_words(starts), crowd, metrics=METRICS, settings=story.settings,
                             null="circular_shift", n_null=n_null, seed=seed, ceilings=ceilings)  # fmt: skip
        for row in found:
            yield {"analysis": "agreement", "method": method, **setting.about(story)} | row


def _films(setting: Setting, n_null: int) -> Iterator[dict[str, Any]]:
    """People against each other in two films without words: each observer against the others' consensus."""
    data = setting.dataset("films")
    films = {} if data is None else data.annotations
    settings = AgreementSettings(tolerance=2.0, tolerance_unit="s")
    for film in films:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            crowd = films[film].crowd(bin_s=BIN_S)
        setting.caveats += [f"{film}: {str(one.message).partition(': ')[2]}" for one in told]
        for name, variant in (("wasserstein", "share"), ("f1", next(iter(MEASURES["f1"].variants)))):
            measure = MEASURES[name]
            values = ceiling(measure, crowd, settings, variant).values
            there = values[~np.isnan(values)]
            chance = np.nanmean([
                measure.score_many(
                    Partitions.of(draws(np.flatnonzero(crowd.marked[i]), crowd.n_units, "circular_shift",
                                        min(n_null, 500), setting.seed + i), crowd.n_units),
                    crowd.without(i), settings, variant)
                for i in np.flatnonzero(~np.isnan(values))], axis=0)  # fmt: skip
            low, high = interval(weights(len(there), 2000, setting.seed) @ there / len(there))
            yield {"analysis": "agreement", "dataset": "films", "story": film, "model": "", "metric": name,
                   "method": "people, one against the others", "variant": variant, "bin": BIN_S,
                   "unit": measure.unit_of(crowd, variant), "tolerance": 2.0 if measure.tolerant else None,
                   "estimate": float(there.mean()), "ci_low": low, "ci_high": high, "seed": setting.seed,
                   "null_model": "circular_shift", "n": len(there), "note": "n: observers; tolerance in s",
                   **against(float(there.mean()), chance)}  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("human_distance", __doc__))
