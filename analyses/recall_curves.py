"""Does memory's retrieval move through a story as people's recall does: to neighbours in time, and forward?

    python analyses/recall_curves.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Lag-CRP, forward asymmetry and temporal clustering of what memory recalls as it reads a story, with the contiguity
buffer off and on (Fountas et al. 2025 liken its neighbours in time to people's contiguity), beside 17 people's spoken
recalls of the Sherlock episode. An event's order is its rank: what is recalled by similarity first, then the
neighbours, an event's two one after the other, so that steps of two are there by construction.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.human import load_dataset
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Setting
from emcog.reproduce.reports import records
from emcog.stats import match_recall, memory_trials, recall_curves
from emcog.stats.matching_recall import recall_trial

N_LOCAL, N_MEM, CHUNK = 256, 256, 64
CONTIGUITY = {"memory, similarity only": 0.0, "memory, similarity and contiguity": 0.3}


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report, with the columns of `emcog.stats.COLUMNS`, and lag (NaN where there is none)."""
    setting = Setting(model, data or ["demo", "book"], seed, quick, tell, cache)
    n_null = 100 if quick else 1000
    tables = []
    stories = setting.stories(people=False)[:1]
    for story in stories:
        ids = setting.lm.encode(story.transcript.text)[0]
        for number, (name, share) in enumerate(CONTIGUITY.items()):
            config = MemoryConfig(n_init=16, n_local=N_LOCAL, n_mem=N_MEM, chunk=CHUNK, contiguity=share)
            memory = EpisodicLM(setting.lm, config)
            memory.read(ids)
            tables.append(_curves(memory.recalls, name, n_null, seed, setting.about(story)))
            setting.tell("readings", number + 1, len(CONTIGUITY))
    if data is None:
        tables += _people(setting, n_null, seed)
    rows = [row | {"lag": _lag(row["variant"])} for table in tables for row in records(table)
            if row["metric"] != "serial_position"]  # fmt: skip
    return setting.report("recall_curves", rows)


def _curves(recalls: pd.DataFrame, name: str, n_null: int, seed: int, about: dict[str, str]) -> pd.DataFrame:
    together = recalls.assign(by="recalled")  # ranks go on from what is similar to its neighbours in time
    trials = memory_trials(together, "recalled")
    counts = trials.groupby("trial")["item"].transform("size")
    return recall_curves(trials[counts > 1], n_null=n_null, seed=seed, method=name, **about)


def _people(setting: Setting, n_null: int, seed: int) -> list[pd.DataFrame]:
    """People's spoken recalls of the episode, matched to its scenes."""
    try:
        tables = load_dataset("sherlock").tables
    except DataError as error:
        setting.missing.append(f"sherlock: {error}")
        return []
    scenes = tables["segments"].groupby("scene")["text"].agg(" ".join).tolist()
    trials = [recall_trial(match_recall(row.text, scenes), len(scenes), row.participant)
              for row in tables["recalls"].itertuples()]  # fmt: skip
    found = recall_curves(pd.concat(trials), n_null=n_null, seed=seed, method="people, spoken recall",
                          dataset="sherlock", story="sherlock")  # fmt: skip
    return [found.assign(model="")]


def _lag(variant: str) -> float:
    return float(variant.removeprefix("lag ")) if variant.startswith(("lag +", "lag -")) else float("nan")


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("recall_curves", __doc__))
