"""What does the threshold gamma change: how long events are, how well they agree with people, how well they cohere?

    python analyses/gamma.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

S and SM over a range of gamma (Fountas et al. 2025 use 1; they choose it by the benchmark).
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emcog.human import Crowd
from emcog.reproduce import Heard, Setting, Stimulus
from emcog.reproduce.reports import records
from emcog.stats import cohesion
from emcog.stats.comparing import compare_rows
from emcog.stats.resampling import bootstrap

GAMMAS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
QUICK_GAMMAS = (0.5, 1.0, 2.0, 3.0, 4.0)
METHODS = ("S", "SM")
FEWEST = 3


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`, and gamma.

    By metric: event_length (tokens, mean), n_events, f1 (against people), modularity (upper layers, difference from
    random).
    """
    setting = Setting(model, data, seed, quick, tell, cache)
    gammas = QUICK_GAMMAS if quick else GAMMAS
    rows: list[dict[str, Any]] = []
    for story in setting.stories():
        heard, crowd = setting.hear(story), story.crowd()
        for number, gamma in enumerate(gammas):
            for method in METHODS:
                if heard.can(method):
                    starts = heard.starts(method, gamma=gamma)
                    found = _one(story, heard, crowd, starts, 500 if quick else 5000, seed)
                    common = {"analysis": "gamma", "method": method, "gamma": gamma, **setting.about(story)}
                    rows += [common | row for row in found]
            setting.tell(f"{story.name}, values of gamma", number + 1, len(gammas))
    return setting.report("gamma", rows)


def _one(
    story: Stimulus, heard: Heard, crowd: Crowd, starts: np.ndarray, n_null: int, seed: int
) -> Iterator[dict[str, Any]]:
    lengths = np.diff(np.append(starts, heard.n)).astype(float)
    each = np.stack([lengths, np.ones(len(lengths))], 1)
    low, high = bootstrap(each, lambda s: s[..., 0] / s[..., 1], 1000, seed)
    yield {"metric": "event_length", "unit": "tokens", "estimate": lengths.mean(), "ci_low": low, "ci_high": high,
           "n": len(lengths), "note": "n: events; interval: bootstrap over events"}  # fmt: skip
    yield {"metric": "n_events", "unit": "events", "estimate": len(lengths), "n": len(lengths)}
    words = heard.first_words(starts)
    if len(words) >= FEWEST:
        yield from compare_rows(words, crowd, metrics=["f1"], settings=story.settings, null="circular_shift",
                                n_null=n_null, seed=seed)  # fmt: skip
    if heard.keys is not None and len(starts) >= FEWEST:
        pooled = cohesion(heard.keys[heard.upper], {"it": starts}, metrics=["modularity"], n_null=min(n_null, 200),
                          seed=seed, per_head=False)  # fmt: skip
        for row in records(pooled[pooled.variant == "all layers"]):
            yield {name: value for name, value in row.items() if name not in
                   ("analysis", "method", "dataset", "story", "model")} | {"variant": "upper layers"}  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("gamma", __doc__))
