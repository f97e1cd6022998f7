"""Analyses of a batch: what `emcog reproduce` makes of the datasets, with each of the plan's models."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from emcog.batch.compute import Compute, Made, Work
from emcog.errors import OptionError
from emcog.options import check_choice, check_number
from emcog.reproduce import ANALYSES

DEFAULTS: dict[str, Any] = {"data": None, "seed": 0, "full": False}


def analysis(name: str) -> Compute:
    """The compute of an analysis."""
    return Compute(
        f"analysis: {ANALYSES[name].about}", partial(_run, name), partial(_check, name), partial(_identify, name),
        per="model",
    )  # fmt: skip


def _run(name: str, work: Work) -> Made:
    from emcog.reproduce import analyse, lent_lm, write_report

    options = work.options
    model = None if work.model == "embedded" else work.model
    with lent_lm(model, work.lm()) if ANALYSES[name].model else nullcontext():
        table = analyse(name, model, options["data"], seed=options["seed"], quick=not options["full"])
    rows = table.copy()
    rows.attrs = {}
    return Made(lambda folder: write_report(folder, table), rows, 0)


def _check(name: str, given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    for key in given:
        check_choice(f"key of [{name}]", key, DEFAULTS)
    options = DEFAULTS | dict(given)
    if options["data"] is not None:
        from emcog.reproduce.stories import STORIES

        data = options["data"] if isinstance(options["data"], list) else [options["data"]]
        options["data"] = [check_choice("data", one, STORIES) for one in data]
        if not data:
            raise OptionError(f"[{name}] data is an empty list: name at least one, or leave it out for all")
    options["seed"] = check_number("seed", options["seed"], low=0, integer=True)
    if not isinstance(options["full"], bool):
        raise OptionError(f"[{name}] full must be true or false, got {options['full']!r}")
    return options


def _identify(name: str, options: dict[str, Any], story: str) -> dict[str, Any]:
    """The data go by their content, so that new or corrected ones are new work."""
    from emcog.reproduce.inputs import input_checksums

    return options | {"inputs": input_checksums(name, options["data"])}
