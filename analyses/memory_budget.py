"""How much recall does how much memory buy? Pass keys and several keys against n_mem, the recalled tokens in sight.

python analyses/memory_budget.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.memory import MemoryConfig
from emcog.reproduce import Setting
from emcog.reproduce.recalling import rate_rows, run_sweep

LENGTH, QUICK_LENGTH = 16_384, 2048
BUDGETS, QUICK_BUDGETS = (0, 32, 64, 128, 256, 512), (0, 64, 256)
DEPTHS, QUICK_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9), (0.2, 0.5, 0.8)
TRIALS, QUICK_TRIALS = 10, 1
SEGMENTATIONS = ("SM", "F")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`; n_mem (tokens) and length."""
    setting = Setting(model, data, seed, quick, tell, cache)
    length, budgets = (QUICK_LENGTH, QUICK_BUDGETS) if quick else (LENGTH, BUDGETS)
    n_local = max(64, setting.lm.limit // 2)
    configs = {
        f"{kind} {n_mem}": MemoryConfig(n_local=n_local, n_mem=n_mem, segmentation=kind,
                                        policy="similarity" if n_mem else "none")
        for kind in SEGMENTATIONS for n_mem in budgets
    }  # fmt: skip
    table = run_sweep(setting, ["several_keys"], [length], QUICK_DEPTHS if quick else DEPTHS,
                      QUICK_TRIALS if quick else TRIALS, {length: configs})  # fmt: skip
    table["n_mem"] = table["config"].str.split(" ").str[1].astype(int)
    table["config"] = table["config"].str.split(" ").str[0]
    return setting.report("memory_budget", rate_rows(table, ["n_mem", "length"], "memory_budget", seed))


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("memory_budget", __doc__))
