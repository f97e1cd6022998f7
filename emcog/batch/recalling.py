"""Memory tasks of a batch: facts hidden in a transcript's prose, asked for of a memory with each of the settings."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emcog.batch.compute import Compute, Made, Work
from emcog.errors import OptionError
from emcog.files import write_files
from emcog.options import check_choice, check_number
from emcog.tasks import TASKS

DEFAULTS: dict[str, Any] = {
    "lengths": [900, 4096], "depths": [0.1, 0.3, 0.5, 0.7, 0.9], "n_trials": 1, "n_distractors": 7, "seed": 0,
}  # fmt: skip


def recall_task(name: str) -> Compute:
    """The compute of a task."""
    return Compute(f"recall: {TASKS[name].about}", partial(_run, name), partial(_check, name), per="memory")


def _run(name: str, work: Work) -> Made:
    from emcog.memory import MemoryConfig
    from emcog.tasks import rates, sweep

    text, lm = work.transcript().text, work.lm()
    options = dict(work.options)
    lengths, depths = options.pop("lengths"), options.pop("depths")
    table = sweep(
        lengths, depths, name, {work.model: lm}, {"memory": MemoryConfig(**work.settings)}, text=text, **options
    )
    reading = ["length", "trial", "depth"] if TASKS[name].alone else ["length", "trial"]
    n_tokens = int(table.groupby(reading)["n_tokens"].first().sum())
    rows = table.drop(columns=["model", "config", "read_s"])  # the job says the first two; no time twice the same
    cells = rates(table).drop(columns=["model", "config"])
    files = {f"{name}.tsv": _tsv(rows), f"{name}.rates.tsv": _tsv(cells)}
    return Made(lambda folder: write_files(folder, files), rows, n_tokens)


def _tsv(table: Any) -> bytes:
    return table.to_csv(sep="\t", index=False, lineterminator="\n").encode(errors="replace")


def _check(name: str, given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    for key in given:
        check_choice(f"key of [{name}]", key, DEFAULTS)
    options = DEFAULTS | dict(given)
    for key, low, high in (("lengths", 1, math.inf), ("depths", 0, 1)):
        values = options[key] if isinstance(options[key], list) else [options[key]]
        if not values:
            raise OptionError(f"[{name}] {key} is an empty list: give at least one number")
        options[key] = [check_number(key, v, low=low, high=high, integer=key == "lengths") for v in values]
    for key, low in (("n_trials", 1), ("n_distractors", 1), ("seed", 0)):
        options[key] = check_number(key, options[key], low=low, integer=True)
    return options
