"""What does the threshold gamma change: how long events are, how well they agree with people, how well they cohere?

    python analyses/gamma.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

S and SM over a range of gamma (Fountas et al. 2025 use 1; they choose it by the benchmark).
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.human import Crowd
from emcog.reproduce import Heard, Setting, Stimulus, records
from emcog.stats import cohesion
from emcog.stats.comparing import compare_rows
from emcog.stats.resampling import bootstrap

GAMMAS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
QUICK_GAMMAS = (0.5, 1.0, 2.0, 3.0, 4.0)
METHODS = ("S", "SM")
FEWEST = 3


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: gamma.

    By metric: event_length (tokens, mean), n_events, f1 (against people), modularity (upper layers, difference from
    random events of the same lengths).
    """
    for story in setting.stories():
        heard, crowd = setting.hear(story), story.crowd()
        for gamma in setting.each(f"{story.name}, values of gamma", QUICK_GAMMAS if setting.quick else GAMMAS):
            for method in filter(heard.can, METHODS):
                found = _one(story, heard, crowd, heard.starts(method, gamma=gamma), setting)
                common = {"analysis": "gamma", "method": method, "gamma": gamma, **setting.about(story)}
                yield from (common | row for row in found)


def _one(story: Stimulus, heard: Heard, crowd: Crowd, starts: np.ndarray, setting: Setting) -> Iterator[dict[str, Any]]:
    seed = setting.seed
    lengths = np.diff(np.append(starts, heard.n)).astype(float)
    each = np.stack([lengths, np.ones(len(lengths))], 1)
    low, high = bootstrap(each, lambda s: s[..., 0] / s[..., 1], 1000, seed)
    yield {"metric": "event_length", "unit": "tokens", "estimate": lengths.mean(), "ci_low": low, "ci_high": high,
           "n": len(lengths), "note": "n: events; interval: bootstrap over events"}  # fmt: skip
    yield {"metric": "n_events", "unit": "events", "estimate": len(lengths), "n": len(lengths)}
    words = heard.first_words(starts)
    if len(words) >= FEWEST:
        yield from compare_rows(words, crowd, metrics=["f1"], settings=story.settings, null="circular_shift",
                                n_null=500 if setting.quick else 5000, seed=seed)  # fmt: skip
    if heard.keys is not None and len(starts) >= FEWEST:
        pooled = cohesion(heard.keys[heard.upper], {"it": starts}, metrics=["modularity"], null="shuffled_lengths",
                          n_null=200, seed=seed, per_head=False)  # fmt: skip
        for row in records(pooled[pooled.variant == "all layers"]):
            yield {name: row[name] for name in row if name not in ("analysis", "method")} | {"variant": "upper layers"}


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("gamma", __doc__))
