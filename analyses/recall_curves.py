"""Does memory's retrieval move through a story as people's recall does: to neighbours in time, and forward?

    python analyses/recall_curves.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Lag-CRP, forward asymmetry and temporal clustering of what memory recalls as it reads a story, with the contiguity
buffer off and on (Fountas et al. 2025 liken its neighbours in time to people's contiguity), beside 17 people's spoken
recalls of the Sherlock episode. What is counted is what memory finds by similarity, in the order of its rank. The
neighbours that the buffer adds are left out: they stand beside their event by construction, the next one before the
last, and would show a peak at a lag of -2 whatever the memory is like. With the buffer on, the curve therefore says
whether similarity keeps to what is near while such neighbours are in sight.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd

from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Setting, Stimulus, records
from emcog.stats import match_recall, memory_trials, recall_curves
from emcog.stats.matching_recall import recall_trial

N_LOCAL, N_MEM, CHUNK = 256, 256, 64
CONTIGUITY = {"memory, similarity only": 0.0, "memory, similarity and contiguity": 0.3}


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: lag (NaN where there is none)."""
    n_null = 100 if setting.quick else 1000
    # Memory reads what people recalled, where that is here and there is time.
    story = setting.stories(people=False, default=["demo"] if setting.quick else ["demo", "sherlock"])[-1]
    for table in _memory(story, setting, n_null):
        yield from _placed(table)
    if setting.data is None:
        for table in _people(setting, n_null):
            yield from (row | {"model": ""} for row in _placed(table))


def _memory(story: Stimulus, setting: Setting, n_null: int) -> Iterator[pd.DataFrame]:
    """What memory recalls while it reads a story, without and with the contiguity buffer."""
    ids = setting.lm.encode(story.transcript.text)[0]
    for name, share in setting.each("readings", list(CONTIGUITY.items())):
        config = MemoryConfig(n_init=16, n_local=N_LOCAL, n_mem=N_MEM, chunk=CHUNK, contiguity=share)
        memory = EpisodicLM(setting.lm, config)
        memory.read(ids)
        trials = memory_trials(memory.recalls, "similarity")
        several = trials[trials.groupby("trial")["item"].transform("size") > 1]  # one event alone shows no order
        yield recall_curves(several, n_null=n_null, seed=setting.seed, method=name, **setting.about(story))


def _people(setting: Setting, n_null: int) -> Iterator[pd.DataFrame]:
    """People's spoken recalls of the episode, matched to its scenes."""
    data = setting.dataset("sherlock")
    if data is None:
        return
    scenes = data.tables["segments"].groupby("scene")["text"].agg(" ".join).tolist()
    trials = [recall_trial(match_recall(row.text, scenes), len(scenes), row.participant)
              for row in data.tables["recalls"].itertuples()]  # fmt: skip
    yield recall_curves(pd.concat(trials), n_null=n_null, seed=setting.seed, method="people, spoken recall",
                        dataset="sherlock", story="sherlock")  # fmt: skip


def _placed(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in records(table[table["metric"] != "serial_position"]):
        yield row | {"lag": _lag(row["variant"])}


def _lag(variant: str) -> float:
    return float(variant.removeprefix("lag ")) if variant.startswith(("lag +", "lag -")) else float("nan")


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("recall_curves", __doc__))
