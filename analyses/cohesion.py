"""Do people's events, and each method's, hold together in the model's keys more than random events like them?

    python analyses/cohesion.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Modularity, conductance and the ratio of intra- to inter-event similarity of the key graph, layer by layer and for all
layers together, as the difference from random segmentations with the same event lengths (Fountas et al. 2025, figure 4A
and the table on long books); of F, whose lengths in another order are F again, from as many boundaries anywhere. Every
method has as many events as people have; in a book, where there are no people, it has as many as S with gamma 1.
Optimal: the most modular events in the very graph that all are scored on.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.reproduce import Heard, Setting, Stimulus, records
from emcog.stats import cohesion
from emcog.stats.cohesion import GRID_NULLS

METHODS = ("F", "FM", "FC", "S", "SM", "SC", "sentence", "optimal")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: layer (NaN for all layers together)."""
    for story in setting.each("stories scored", setting.stories(people=False)):
        heard = setting.hear(story)
        made = segmentations(story, heard, setting.seed)
        left_out = [method for method in METHODS if method not in made]
        if left_out:
            setting.missing.append(f"{story.name}: {', '.join(left_out)} (too long a text for it)")
        nulls = dict.fromkeys(made, "shuffled_lengths") | GRID_NULLS
        found = cohesion(heard.needed_keys, made, n_null=200 if setting.quick else 1000, seed=setting.seed,
                         per_head=False, null=nulls, **setting.about(story))  # fmt: skip
        yield from (row | {"layer": layer_of(row["variant"])} for row in records(found))


def segmentations(story: Stimulus, heard: Heard, seed: int) -> dict[str, np.ndarray]:
    """First tokens of the events by method, people's first."""
    made: dict[str, np.ndarray] = {}
    if story.people is not None:
        made["people"] = heard.first_tokens(story.crowd().starts)
        count = len(made["people"])
    else:
        count = len(heard.starts("S"))
    for method in filter(heard.can, METHODS):
        optimal = method == "optimal"
        made[method] = heard.optimum(count) if optimal else heard.starts(method, count, seed=seed)
    return {name: starts for name, starts in made.items() if len(starts) > 1}


def layer_of(variant: str) -> float:
    """The layer's number; NaN for all layers together."""
    return float(variant.removeprefix("layer ")) if variant.startswith("layer ") else np.nan


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("cohesion", __doc__))
