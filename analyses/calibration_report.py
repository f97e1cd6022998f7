"""The simulations of analyses/calibration.py as one report: how often each test finds something where nothing is.

python analyses/calibration_report.py [--seed 0] [--quick] [--force] [--out FOLDER]
"""

import sys
from collections.abc import Iterator
from typing import Any

from statsmodels.stats.proportion import proportion_confint

from emcog.reproduce import Setting, load_script

RUNS, QUICK_RUNS = 600, 20
"""analyses/calibration.py itself makes 2,000."""
QUICK_N_NULL = 99
QUICK_PARTS = ("agreement", "power", "recall")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: test and kind.

    estimate is the share of runs with p < .05 (of intervals that hold the value, for test "coverage"). No model takes
    part.
    """
    script = load_script("analyses", "calibration")
    parts = QUICK_PARTS if setting.quick else tuple(script.PARTS)
    left_out = [name for name in script.PARTS if name not in parts]
    if left_out:
        setting.missing.append(f"{', '.join(left_out)}: left out by the quick settings, which make {QUICK_RUNS} runs")
    runs, n_null = (QUICK_RUNS, QUICK_N_NULL) if setting.quick else (RUNS, script.N_NULL)
    for part in setting.each("simulations", parts):
        for row in script.run(part, setting.seed, runs, n_null).to_dict("records"):
            low, high = proportion_confint(round(row["rate"] * row["n_runs"]), row["n_runs"], method="wilson")
            yield {"analysis": "calibration", "dataset": "simulated", "story": row["kind"], "method": row["test"],
                   "metric": row["metric"], "variant": row["variant"], "unit": "share of runs",
                   "estimate": row["rate"], "ci_low": low, "ci_high": high, "null_model": row["null_model"],
                   "n": row["n_runs"], "n_null": row["n_null"], "seed": setting.seed, "test": row["test"],
                   "kind": row["kind"], "note": "n: runs; interval: Wilson, 95%"}  # fmt: skip


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("calibration", __doc__))
