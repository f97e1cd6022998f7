"""Does memory's retrieval move through a story as people's recall does: to neighbours in time, and forward?

    python analyses/recall_curves.py [--model NAME] [--data NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Lag-CRP, forward asymmetry and temporal clustering of what memory recalls as it reads a story, with its similarity and
contiguity buffers on and off (Fountas et al. 2025 liken their working together to people's recall), beside 17 people's
spoken recalls of the Sherlock episode:

    similarity on, contiguity off or on     what similarity finds, in the order of its rank: a finding, tested
    contiguity on, similarity on or off     the steps from an event to the neighbours that the buffer adds: by
                                            construction 1 or -1, the next event before the last; shown, not tested.
                                            Without similarity the events themselves are drawn at random
    both off                                nothing is recalled, and there is no curve

Neighbours are left out of similarity's curves, where they would show a peak at a lag of -2 (from the next event to the
last) whatever the memory is like. With the buffer on, such a curve says whether similarity keeps to what is near while
such neighbours are in sight.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from emcog.lm import LM
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.reproduce import Setting, Stimulus, records
from emcog.stats import match_recall, memory_trials, recall_curves
from emcog.stats.matching_recall import recall_trial

N_INIT, N_LOCAL, N_MEM, CHUNK = 16, 256, 256, 64
SHARE = 0.3
"""Of the recalled tokens for neighbours in time, where the contiguity buffer is on."""
RUNS = (
    ("similarity", 0.0, "memory, similarity only", ""),
    ("similarity", SHARE, "memory, similarity and contiguity", "contiguity buffer, beside similarity"),
    ("random", SHARE, "", "contiguity buffer, beside random events"),
)
"""Policy, share of neighbours, and what the curves of what was found and of its neighbours are called; "" for none."""


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
    """What memory recalls while it reads a story, with its buffers on and off."""
    ids = setting.lm.encode(story.transcript.text)[0]
    about = setting.about(story)
    for policy, share, found, added in setting.each("readings", RUNS):
        recalls, available = read_story(setting.lm, ids, policy, share)
        if found:
            trials = memory_trials(recalls, policy, available)
            several = trials[trials.groupby("trial")["item"].transform("size") > 1]  # one event alone shows no order
            yield recall_curves(several, n_null=n_null, seed=setting.seed, method=found, **about)
        if added:
            trials = neighbour_trials(recalls, available)
            # A pair the other way round is as near: there is no chance to compare it with.
            yield recall_curves(trials, n_null=1, seed=setting.seed, method=added, **about).assign(
                null_model="", null_mean=np.nan, null_sd=np.nan, z=np.nan, p=np.nan, n_null=pd.NA,
                note="n: events with a neighbour; by construction",
            )  # fmt: skip


def read_story(lm: LM, ids: np.ndarray, policy: str, share: float) -> tuple[pd.DataFrame, dict[int, int]]:
    """What a memory recalled as it read, and how many events could be recalled at each step.

    Events are counted from the first that can be: those that lie in the initial tokens never are.
    """
    memory = EpisodicLM(lm, MemoryConfig(n_init=N_INIT, n_local=N_LOCAL, n_mem=N_MEM, chunk=CHUNK, contiguity=share,
                                         policy=policy))  # fmt: skip
    ends = {0: 0}

    def note(done: int, total: int) -> None:
        """An event can be recalled when all of it has left the window of the token that comes next."""
        ends[len(ends)] = int((memory.events["end_token"] <= done - N_LOCAL + 1).sum())

    memory.read(ids, progress=note)
    skipped = int((memory.events["end_token"] <= N_INIT).sum())
    available = {step: max(0, count - skipped) for step, count in ends.items()}
    return memory.recalls.assign(event=memory.recalls["event"] - skipped), available


def neighbour_trials(recalls: pd.DataFrame, available: dict[int, int]) -> pd.DataFrame:
    """Trials of two for `recall_curves`: an event that was found, and a neighbour that was added for it.

    A neighbour of two of them belongs to the first that asks for it: by rank, the next event before the last. Those
    that stay in the buffer from steps before belong to none.
    """
    place = ["step", "layer"]
    found = recalls[recalls["by"] != "contiguity"]
    added = recalls.loc[recalls["by"] == "contiguity", [*place, "event"]].rename(columns={"event": "near"})
    both = pd.concat([found.assign(near=found["event"] + way, turn=k) for k, way in enumerate((1, -1))])
    both = both.merge(added, on=[*place, "near"]).sort_values([*place, "rank", "turn"])
    both = both.drop_duplicates([*place, "near"])
    common = {"subject": "memory", "trial": np.arange(len(both)).astype(str), "unit": both["step"].to_numpy(),
              "n_items": both["step"].map(available).to_numpy()}  # fmt: skip
    return pd.concat([pd.DataFrame(common | {"order": order, "item": both[name].to_numpy(dtype=float)})
                      for order, name in enumerate(("event", "near"))])  # fmt: skip


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
