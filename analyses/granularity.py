"""Are the model's events people's coarse ones or their fine ones?

    python analyses/granularity.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

S at many numbers of events against two grains of the same story. Coarse: people's boundaries. Fine: the described
segments (Sherlock), the clauses of the transcript (Pie Man), or sentences where there is nothing finer. What counts is
how far F1 lies above boundaries moved around the story, as F1 itself grows with the number of boundaries.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.human import Crowd, crowd_of_boundaries
from emcog.reproduce import Heard, Setting, Stimulus
from emcog.stats.comparing import compare_rows

EVENTS_WORDS = (400.0, 200.0, 100.0, 50.0, 25.0, 12.0, 6.0)
"""Mean words an event, from coarse to fine."""
QUICK_EVENTS_WORDS = (200.0, 50.0, 12.0)
METHODS = ("S", "SM")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: grain ("coarse", "fine"), event_words (mean
    words of the model's events) and grain_words (of people's).
    """
    sizes = QUICK_EVENTS_WORDS if setting.quick else EVENTS_WORDS
    for story in setting.stories():
        heard = setting.hear(story)
        grains, n = _grains(story, heard), len(heard.words)
        for size in setting.each(f"{story.name}, sizes of events", sizes):
            count = max(3, round(n / size))
            for method in filter(heard.can, METHODS):
                words = heard.first_words(heard.starts(method, count))
                for grain, crowd in grains.items():
                    place = {"grain": grain, "event_words": n / (len(words) + 1),
                             "grain_words": n / (len(crowd.starts) + 1)}  # fmt: skip
                    found = compare_rows(words, crowd, metrics=["f1"], settings=story.settings, seed=setting.seed,
                                         null="circular_shift", n_null=500 if setting.quick else 5000)  # fmt: skip
                    for row in found:
                        yield {"analysis": "granularity", "method": method, **setting.about(story)} | row | place


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
