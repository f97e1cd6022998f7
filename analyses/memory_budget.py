"""How much recall does how much memory buy? Several named numbers against n_mem, the recalled tokens in sight.

python analyses/memory_budget.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]
"""

import sys
from collections.abc import Iterator
from typing import Any

from emcog.memory import MemoryConfig
from emcog.reproduce import Setting
from emcog.reproduce.recalling import REPRESENTATIVE, paired_row, rate_rows, run_sweep, window_of

LENGTH, QUICK_LENGTH = 16_384, 2048
BUDGETS, QUICK_BUDGETS = (0, 32, 64, 128, 256, 512), (0, 64, 256)
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
TRIALS, QUICK_TRIALS = 8, 2
SEGMENTATIONS = ("SM", "F")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: n_mem and length (tokens).

    metric correct_difference: the same questions with the largest budget and with another (`paired_row`).
    """
    length, budgets = (QUICK_LENGTH, QUICK_BUDGETS) if setting.quick else (LENGTH, BUDGETS)
    n_local = window_of(setting.lm)
    configs = {
        f"{kind} {n_mem}": MemoryConfig(n_local=n_local, n_mem=n_mem, segmentation=kind, contiguity=0.0,
                                        policy="similarity" if n_mem else "none", representative=REPRESENTATIVE)
        for kind in SEGMENTATIONS for n_mem in budgets
    }  # fmt: skip
    trials = QUICK_TRIALS if setting.quick else TRIALS
    table = run_sweep(setting, ["several_keys"], {length: trials}, DEPTHS, {length: configs})
    for kind in SEGMENTATIONS:
        for n_mem in (min(filter(None, budgets)), 0):
            yield {"story": "several_keys", "length": length, "n_mem": n_mem} | paired_row(
                table, f"{kind} {max(budgets)}", f"{kind} {n_mem}", "memory_budget", setting.seed
            )
    table[["config", "n_mem"]] = table["config"].str.split(" ", expand=True)
    table["n_mem"] = table["n_mem"].astype(int)
    yield from rate_rows(table, ["n_mem", "length"], "memory_budget", setting.seed)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("memory_budget", __doc__))
