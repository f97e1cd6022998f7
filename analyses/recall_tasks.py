"""Are facts of other kinds found again: several numbers, pairs of names and numbers, where people live, associations?

    python analyses/recall_tasks.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

The tasks of `emcog.tasks` other than the pass key, with the settings of analyses/passkey.py.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.reproduce import Setting
from emcog.reproduce.recalling import configurations, rate_rows, run_sweep
from emcog.tasks import TASKS

LENGTHS, QUICK_LENGTHS = (900, 4096, 16_384), (900, 2048)
DEPTHS, QUICK_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9), (0.2, 0.5, 0.8)
TRIALS, QUICK_TRIALS = 10, 1
QUICK_CONFIGS = ("SM+C", "F", "window", "full attention")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`; length (tokens) and depth (NaN: all depths together)."""
    setting = Setting(model, data, seed, quick, tell, cache)
    tasks = [name for name in TASKS if name != "pass_key"]
    lengths, depths = (QUICK_LENGTHS, QUICK_DEPTHS) if quick else (LENGTHS, DEPTHS)
    configs = {length: configurations(setting.lm, length, QUICK_CONFIGS if quick else None) for length in lengths}
    table = run_sweep(setting, tasks, lengths, depths, QUICK_TRIALS if quick else TRIALS, configs)
    rows = [
        *rate_rows(table, ["length", "depth"], "recall_tasks", seed),
        *rate_rows(table, ["length"], "recall_tasks", seed),
    ]
    return setting.report("recall_tasks", rows)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("recall_tasks", __doc__))
