"""Are facts of other kinds found again: several numbers, pairs of names and numbers, where people live, associations?

    python analyses/recall_tasks.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

The tasks of `emcog.tasks` other than pass keys, with the settings of analyses/passkey.py.
"""

import sys
from collections.abc import Iterator
from typing import Any

from emcog.reproduce import Setting
from emcog.reproduce.recalling import grid_rows
from emcog.tasks import TASKS

LENGTHS, QUICK_LENGTHS = (900, 4096, 16_384), (900, 2048)
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
TRIALS, QUICK_TRIALS = 10, 1
QUICK_CONFIGS = ("SM+C", "F", "window", "full attention")


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: length (tokens), depth (NaN: all together)."""
    tasks = [name for name in TASKS if not name.startswith("pass_key")]
    if setting.quick:
        return grid_rows(setting, "recall_tasks", tasks, QUICK_LENGTHS, DEPTHS, QUICK_TRIALS, QUICK_CONFIGS)
    return grid_rows(setting, "recall_tasks", tasks, LENGTHS, DEPTHS, TRIALS)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("recall_tasks", __doc__))
