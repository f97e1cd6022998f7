"""Which layers and heads have key graphs in which people's events hold together?

    python analyses/layers.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Modularity and conductance of people's events in the key graph of each layer and of each of its heads, against random
events with the same lengths. z says how far people's events lie from random ones, in the random ones' own spread.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.reproduce import Setting, records
from emcog.stats import cohesion

METRICS = ("modularity", "conductance")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: layer and head (NaN: all of them together)."""
    for story in setting.each("stories", setting.stories()):
        heard = setting.hear(story)
        starts = heard.first_tokens(story.crowd().starts)
        found = cohesion(heard.needed_keys, {"people": starts}, metrics=METRICS, null="shuffled_lengths",
                         n_null=200 if setting.quick else 2000, seed=setting.seed, **setting.about(story))  # fmt: skip
        yield from (row | {"analysis": "layers"} | _place(row["variant"]) for row in records(found))


def _place(variant: str) -> dict[str, float]:
    layer, head = re.search(r"layer (\d+)", variant), re.search(r"head (\d+)", variant)
    return {"layer": float(layer[1]) if layer else np.nan, "head": float(head[1]) if head else np.nan}


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("layers", __doc__))
