"""Running the scripts: a report that is missing is made, a figure is drawn from its report."""

import importlib.util
import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.files import write_files
from emcog.options import check_choice
from emcog.paths import data_folder
from emcog.reproduce.inputs import input_checksums
from emcog.reproduce.listed import ANALYSES, FIGURES, Analysis
from emcog.reproduce.reports import is_done, read_report, write_report
from emcog.reproduce.setting import Setting, Tell
from emcog.viz.style import figure_bytes

CACHE = "heard"
"""Folder beside the reports where listenings are kept."""


def load_script(folder: str, name: str) -> ModuleType:
    """A script of analyses/ or figures/ as a module.

    Raises DataError where this installation does not have it.
    """
    path = data_folder(folder) / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"emcog_{folder}_{name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DataError(f"this installation of emcog has no {folder}/{name}.py: install it again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def analyse(
    name: str,
    model: str | None = None,
    data: Sequence[str] | None = None,
    *,
    human: str | None = None,
    seed: int = 0,
    quick: bool = False,
    tell: Tell | None = None,
    cache: Path | None = None,
    renew: bool = False,
) -> pd.DataFrame:
    """Run an analysis and give its report.

    Parameters
    ----------
    name : in `ANALYSES`.
    model : name or folder; None is the embedded LM.
    data : names in `emcog.reproduce.stories.STORIES`, or files with transcripts of one's own; None for all that are
        here. Not looked at where an analysis runs on no stories.
    human : a file with people's boundaries in the one file that `data` names.
    seed : of everything random. quick : few draws, short texts.
    tell : called as tell(what is being done, done, in all).
    cache : folder where what was heard of a story is kept; None keeps it in memory. renew : listen again.

    Returns
    -------
    DataFrame: the columns of `emcog.stats.COLUMNS`, and those that the script names. `attrs["provenance"]` has the
    settings, the model, the inputs, and what was missing.

    Examples
    --------
    >>> table = analyse("gamma", data=["demo"], quick=True)             # doctest: +SKIP
    """
    one = ANALYSES[check_choice("analysis", name, ANALYSES)]
    setting = _setting(one, model=model, data=data, human=human, seed=seed, quick=quick, tell=tell, cache=cache,
                       renew=renew)  # fmt: skip
    return setting.report(name, load_script("analyses", one.script).rows(setting), model=one.model)


def _setting(one: Analysis, **given: Any) -> Setting:
    """What an analysis is run with; without what has no effect on it, so that its report is not made again for it."""
    unused = {} if one.stories else {"data": None, "human": None}
    return Setting(**given | unused | ({} if one.model else {"model": None}))


def make_report(name: str, results: Path, *, force: bool = False, **settings: Any) -> bool:
    """Run an analysis and write results/<name>/report.parquet, .csv and provenance.json.

    Parameters
    ----------
    force : also where a report with the same settings is there already, and listen again. settings : as in `analyse`.

    Returns
    -------
    False if nothing had to be done.
    """
    one = ANALYSES[check_choice("analysis", name, ANALYSES)]
    setting = _setting(one, **settings)
    if not force and is_done(results / name, setting.settings, input_checksums(name, setting.data)):
        return False
    began = time.perf_counter()
    table = analyse(name, cache=results / CACHE, renew=force, **settings)
    table.attrs["provenance"]["took"] = {"seconds": round(time.perf_counter() - began, 1), "cores": _cores()}
    write_report(results / name, table)
    return True


def _cores() -> int:
    """Of this machine, those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def draw(name: str, results: Path, out: Path) -> list[Path]:
    """Draw a figure from its report: NAME.pdf, NAME.png and NAME.txt (the caption), the same for the same report."""
    report = read_report(results / FIGURES[name].report)
    figure, caption = load_script("figures", name).draw(report)
    files = {f"{name}.{end}": figure_bytes(figure, end) for end in ("pdf", "png")}
    return write_files(out, files | {f"{name}.txt": (caption.strip() + "\n").encode()})
