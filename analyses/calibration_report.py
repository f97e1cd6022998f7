"""The simulations of analyses/calibration.py as one report: how often each test finds something where nothing is.

python analyses/calibration_report.py [--seed 0] [--quick] [--force] [--out FOLDER]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from emcog.reproduce import Setting, load_script

RUNS, QUICK_RUNS = 2000, 20
N_NULL, QUICK_N_NULL = 499, 99
QUICK_PARTS = ("agreement", "power", "recall")


def run(
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Any = None,
    cache: Path | None = None,
) -> pd.DataFrame:
    """The report: the columns of `emcog.stats.COLUMNS`; test and kind. estimate is the share of runs with p < .05 (of
    intervals that hold the value, for test "coverage"). No model takes part.
    """
    setting = Setting(None, None, seed, quick, tell, cache)
    script = load_script("analyses", "calibration")
    parts = [name for name in script.PARTS if not quick or name in QUICK_PARTS]
    left_out = [name for name in script.PARTS if name not in parts]
    if left_out:
        setting.missing.append(f"{', '.join(left_out)}: left out by the quick settings, which make {QUICK_RUNS} runs")
    rows: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        found = script.run(part, seed, QUICK_RUNS if quick else RUNS, QUICK_N_NULL if quick else N_NULL)
        for row in found.to_dict("records"):
            low, high = proportion_confint(round(row["rate"] * row["n_runs"]), row["n_runs"], method="wilson")
            rows.append({"analysis": "calibration", "dataset": "simulated", "story": row["kind"], "method": row["test"],
                         "metric": row["metric"], "variant": row["variant"], "unit": "share of runs",
                         "estimate": row["rate"], "ci_low": low, "ci_high": high, "null_model": row["null_model"],
                         "n": row["n_runs"], "n_null": row["n_null"], "seed": seed, "test": row["test"],
                         "kind": row["kind"], "note": "n: runs; interval: Wilson, 95%"})  # fmt: skip
        setting.tell("simulations", number + 1, len(parts))
    return setting.report("calibration", rows, model=False)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("calibration", __doc__))
