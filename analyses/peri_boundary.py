"""How do surprise, entropy and Bayesian surprise run around people's boundaries?

    python analyses/peri_boundary.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Each signal, word by word, averaged over the words around people's boundaries, against boundaries moved around the story
together (which keeps their distances); stretches of words beyond chance are tested as clusters, for all lags at once
(Maris & Oostenveld 2007).
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from emcog.reproduce import Heard, Setting, Stimulus
from emcog.signals import SIGNALS
from emcog.stats import draws
from emcog.stats.agreement import Partitions, peri_event
from emcog.stats.resampling import bootstrap

BEFORE = AFTER = 10


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: lag (words after the boundary), band_low and
    band_high (the middle 95% by chance).

    A row a signal and lag (variant "lag -3"; p from its z is left out, as lags are tested together), and a row a
    cluster (metric "cluster", variant "lags 0 to 2", p over all lags; lag is its first).
    """
    for story in setting.each("stories", setting.stories()):
        yield from _around(story, setting.hear(story), 999 if setting.quick else 9999, setting.seed)


def _around(story: Stimulus, heard: Heard, n_null: int, seed: int) -> Iterator[dict[str, Any]]:
    crowd = story.crowd()
    drawn = draws(crowd.starts, crowd.n_units, "circular_shift", n_null, seed)
    nulls = [Partitions.of(part, crowd.n_units) for part in np.array_split(drawn, max(1, n_null // 250))]
    for name, signal in SIGNALS.items():
        values = heard.words[name].to_numpy(dtype=float)
        found = peri_event(values, crowd.starts, nulls, before=BEFORE, after=AFTER)
        common = {"analysis": "peri_event", "dataset": story.dataset, "story": story.name, "method": name,
                  "null_model": "circular_shift", "n_null": found.n_null, "seed": seed}  # fmt: skip
        for row in found.curve.to_dict("records"):
            low, high = _interval(values, crowd.starts + row["lag"], seed)
            yield common | {"metric": "mean", "variant": f"lag {row['lag']:+d}", "unit": signal.unit, "z": row["z"],
                            "estimate": row["mean"], "ci_low": low, "ci_high": high, "null_mean": row["null_mean"],
                            "null_sd": row["null_sd"], "n": row["n"], "lag": row["lag"], "band_low": row["band_low"],
                            "band_high": row["band_high"],
                            "note": "n: boundaries; interval: bootstrap over boundaries"}  # fmt: skip
        for row in found.clusters.to_dict("records"):
            yield common | {"metric": "cluster", "variant": f"lags {row['first_lag']} to {row['last_lag']}",
                            "unit": "summed z", "estimate": row["mass"], "p": row["p"], "lag": row["first_lag"],
                            "n": len(crowd.starts), "note": "n: boundaries"}  # fmt: skip


def _interval(values: np.ndarray, places: np.ndarray, seed: int) -> tuple[float, float]:
    """95% bootstrap interval of the mean over boundaries."""
    inside = values[places[(places >= 0) & (places < len(values))]]
    inside = inside[~np.isnan(inside)]
    if len(inside) < 3:
        return np.nan, np.nan
    each = np.stack([inside, np.ones(len(inside))], 1)
    return bootstrap(each, lambda s: s[..., 0] / s[..., 1], 2000, seed)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("peri_boundary", __doc__))
