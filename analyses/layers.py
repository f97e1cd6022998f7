"""Which layers and heads have key graphs in which people's events hold together?

    python analyses/layers.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Modularity and conductance of people's events in the key graph of each layer and of each of its heads, against random
events with the same lengths. z says how far people's events lie from random ones, in the random ones' own spread.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.reproduce import Setting
from emcog.reproduce.reports import records
from emcog.stats import cohesion

METRICS = ("modularity", "conductance")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`; layer and head (NaN for all of them together)."""
    setting = Setting(model, data, seed, quick, tell, cache)
    rows: list[dict[str, Any]] = []
    stories = setting.stories()
    for number, story in enumerate(stories):
        heard = setting.hear(story)
        if heard.keys is None:
            setting.missing.append(f"{story.name}: {setting.lm.name} gives no keys")
            continue
        starts = heard.first_tokens(story.crowd().starts)
        found = cohesion(heard.keys, {"people": starts}, metrics=METRICS, n_null=200 if quick else 2000, seed=seed,
                         **setting.about(story))  # fmt: skip
        rows += [row | _place(row["variant"]) for row in records(found.assign(analysis="layers"))]
        setting.tell("stories", number + 1, len(stories))
    return setting.report("layers", rows)


def _place(variant: str) -> dict[str, float]:
    layer, head = re.search(r"layer (\d+)", variant), re.search(r"head (\d+)", variant)
    return {"layer": float(layer[1]) if layer else np.nan, "head": float(head[1]) if head else np.nan}


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("layers", __doc__))
