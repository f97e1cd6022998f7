"""Is a number that was stated once in a long text found again, whatever the length and wherever it stood?

    python analyses/passkey.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Length x depth for S, SM, SM with contiguity, F (as InfLLM has it), the same memory by recency and at random, the
sliding window alone, and full attention where the model's limit allows it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.reproduce import Setting
from emcog.reproduce.recalling import configurations, rate_rows, run_sweep

LENGTHS, QUICK_LENGTHS = (900, 4096, 16_384, 65_536), (900, 2048)
DEPTHS, QUICK_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9), (0.2, 0.8)
TRIALS, QUICK_TRIALS = 10, 1
QUICK_CONFIGS = ("SM+C", "F", "recency", "window", "full attention")


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
    lengths, depths = (QUICK_LENGTHS, QUICK_DEPTHS) if quick else (LENGTHS, DEPTHS)
    configs = {length: configurations(setting.lm, length, QUICK_CONFIGS if quick else None) for length in lengths}
    table = run_sweep(setting, ["pass_key"], lengths, depths, QUICK_TRIALS if quick else TRIALS, configs)
    rows = [*rate_rows(table, ["length", "depth"], "passkey", seed), *rate_rows(table, ["length"], "passkey", seed)]
    return setting.report("passkey", rows)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("passkey", __doc__))
