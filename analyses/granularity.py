"""Are the model's events people's coarse ones or their fine ones?

    python analyses/granularity.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

S at many numbers of events against two grains of the same story. Coarse: people's boundaries. Fine: the described
segments (Sherlock), the clauses of the transcript (Pie Man), or sentences where there is nothing finer. What counts is
how far F1 lies above boundaries moved around the story, as F1 itself grows with the number of boundaries.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.human import Crowd, crowd_of_boundaries
from emcog.reproduce import Heard, Setting, Stimulus
from emcog.stats.comparing import compare_rows

EVENTS_WORDS = (400.0, 200.0, 100.0, 50.0, 25.0, 12.0, 6.0)
"""Mean words an event, from coarse to fine."""
QUICK_EVENTS_WORDS = (200.0, 50.0, 12.0)
METHODS = ("S", "SM")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`; grain ("coarse", "fine"), event_words (mean words an event) and
    grain_words (of people's).
    """
    setting = Setting(model, data, seed, quick, tell, cache)
    sizes = QUICK_EVENTS_WORDS if quick else EVENTS_WORDS
    rows: list[dict[str, Any]] = []
    for story in setting.stories():
        heard = setting.hear(story)
        grains = _grains(story, heard)
        n = len(heard.words)
        for number, size in enumerate(sizes):
            count = max(3, round(n / size))
            for method in METHODS:
                if not heard.can(method) or count >= n:
                    continue
                words = heard.first_words(heard.starts(method, count))
                for grain, crowd in grains.items():
                    found = compare_rows(words, crowd, metrics=["f1"], settings=story.settings, seed=seed,
                                         null="circular_shift", n_null=500 if quick else 5000)  # fmt: skip
                    place = {"grain": grain, "event_words": n / (len(words) + 1),
                             "grain_words": n / (len(crowd.starts) + 1)}  # fmt: skip
                    rows += [{"analysis": "granularity", "method": method, **setting.about(story)} | row | place
                             for row in found]  # fmt: skip
            setting.tell(f"{story.name}, sizes of events", number + 1, len(sizes))
    return setting.report("granularity", rows)


def _grains(story: Stimulus, heard: Heard) -> dict[str, Crowd]:
    """People's boundaries, and finer ones, on the words of the story."""
    coarse = story.crowd()
    fine = heard.first_words(heard.sentences) if story.fine is None else np.array(story.fine)
    fine = fine[(fine > 0) & (fine < coarse.n_units)]
    places = coarse.at if coarse.timed else coarse.n_units
    return {"coarse": coarse, "fine": crowd_of_boundaries(fine, places, coarse.length if coarse.timed else None)}


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("granularity", __doc__))
