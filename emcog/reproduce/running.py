"""Running the scripts: a report that is missing is made, a figure is drawn from its report."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from emcog.errors import DataError
from emcog.files import write_files
from emcog.paths import data_folder
from emcog.reproduce.listed import ANALYSES, FIGURES
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


def make_report(
    name: str,
    results: Path,
    *,
    model: str | None = None,
    data: Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    force: bool = False,
    tell: Tell | None = None,
) -> bool:
    """Run an analysis and write results/<name>/report.parquet, .csv and provenance.json.

    Returns
    -------
    False if a report with the same settings was there already, and `force` was not asked for.
    """
    if not force and is_done(results / name, Setting(model, data, seed, quick).settings):
        return False
    script = load_script("analyses", ANALYSES[name].script)
    table = script.run(model=model, data=data, seed=seed, quick=quick, tell=tell, cache=results / CACHE)
    write_report(results / name, table)
    return True


def draw(name: str, results: Path, out: Path) -> list[Path]:
    """Draw a figure from its report: NAME.pdf, NAME.png and NAME.txt (the caption), the same for the same report."""
    report = read_report(results / FIGURES[name].report)
    figure, caption = load_script("figures", name).draw(report)
    files = {f"{name}.{end}": figure_bytes(figure, end) for end in ("pdf", "png")}
    return write_files(out, files | {f"{name}.txt": (caption.strip() + "\n").encode()})
