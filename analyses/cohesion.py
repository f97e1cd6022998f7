"""Do people's events, and each method's, hold together in the model's keys more than random events like them?

    python analyses/cohesion.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Modularity, conductance and the ratio of intra- to inter-event similarity of the key graph, layer by layer and for all
layers together, as the difference from random segmentations with the same event lengths (Fountas et al. 2025, figure 4A
and the table on long books). Every method has as many events as people have; in a book, where there are no people, it
has as many as S with gamma 1.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.reproduce import Heard, Setting, Stimulus
from emcog.reproduce.reports import records
from emcog.stats import cohesion

METHODS = ("F", "FM", "FC", "S", "SM", "SC", "sentence", "optimal")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`, and layer (float; NaN for all layers together)."""
    setting = Setting(model, data, seed, quick, tell, cache)
    rows: list[dict[str, Any]] = []
    stories = setting.stories(people=False)
    for number, story in enumerate(stories):
        heard = setting.hear(story)
        made = segmentations(story, heard, seed)
        left_out = [method for method in METHODS if method not in made]
        if left_out:
            setting.missing.append(f"{story.name}: {', '.join(left_out)} (too long a text, or no keys)")
        found = cohesion(heard.keys, made, n_null=100 if quick else 1000, seed=seed, per_head=False,
                         null="shuffled_lengths", **setting.about(story))  # fmt: skip
        rows += [row | {"layer": layer_of(row["variant"])} for row in records(found)]
        setting.tell("stories scored", number + 1, len(stories))
    return setting.report("cohesion", rows)


def segmentations(story: Stimulus, heard: Heard, seed: int) -> dict[str, np.ndarray]:
    """First tokens of the events by method, people's first."""
    made: dict[str, np.ndarray] = {}
    if story.people is not None:
        made["people"] = heard.first_tokens(story.crowd().starts)
        count = len(made["people"])
    else:
        count = len(heard.starts("S"))
    for method in METHODS:
        if heard.can(method) and (method != "optimal" or story.people is not None):
            made[method] = heard.starts(method, count, seed=seed)
    return {name: starts for name, starts in made.items() if len(starts) > 1}


def layer_of(variant: str) -> float:
    """The layer's number; NaN for all layers together."""
    return float(variant.removeprefix("layer ")) if variant.startswith("layer ") else np.nan


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("cohesion", __doc__))
