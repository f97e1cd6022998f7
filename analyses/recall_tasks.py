"""Are facts of other kinds found again: several pass keys, named numbers, pairs, where people live, associations?

    python analyses/recall_tasks.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

All tasks of `emcog.tasks` but the single pass key, which is analyses/passkey.py, with the settings of that analysis.
Each reading states a fact at every depth.
"""

import sys
from collections.abc import Iterator
from typing import Any

from emcog.reproduce import Setting
from emcog.reproduce.recalling import grid_rows
from emcog.tasks import TASKS

TRIALS, QUICK_TRIALS = {900: 4, 4096: 4, 16_384: 2}, {900: 1, 2048: 2}
"""Trials by length in tokens: long ones cost most."""
DEPTHS = (0.1, 0.35, 0.65, 0.9)
"""As many as there are kinds of pass keys, which a reading states one of each."""


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: length (tokens), depth (NaN: all together)."""
    tasks = [name for name in TASKS if name != "pass_key"]
    return grid_rows(setting, "recall_tasks", tasks, QUICK_TRIALS if setting.quick else TRIALS, DEPTHS)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("recall_tasks", __doc__))
