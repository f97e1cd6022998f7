"""Results on paper: files for machines, tables for manuscripts, the sentence for the text."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.files import write_files
from emcog.stats.agreement import MEASURES
from emcog.stats.rows import COLUMNS

SHOWN = ("story", "method", "metric", "variant", "estimate", "ci", "ceiling", "null_mean", "z", "p", "p_bh", "n")
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
STARS_NOTE = "* p < .05, ** p < .01, *** p < .001, each after correction for the number of tests (p_bh)."


def save(
    table: pd.DataFrame, folder: str | os.PathLike[str], stem: str = "comparison", stars: bool = False
) -> list[Path]:
    """Write a table of results as <stem>.csv, .parquet, .md and .tex: all of them or none.

    Parameters
    ----------
    table : with the columns of `emcog.stats.COLUMNS`.
    stars : mark small p_bh with stars in the Markdown and LaTeX tables.

    Returns the paths. Raises StorageError where the folder cannot be written.
    """
    _check(table)
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    contents = {
        f"{stem}.csv": table.to_csv(index=False).encode(),
        f"{stem}.parquet": parquet.getvalue(),
        f"{stem}.md": markdown(table, stars).encode(),
        f"{stem}.tex": latex(table, stars).encode(),
    }
    return write_files(folder, contents)


def markdown(table: pd.DataFrame, stars: bool = False) -> str:
    """The table for a page: columns that say nothing are left out, the notes stand below."""
    names, rows = _shown(table, stars)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", *_notes(table, stars)]) + "\n"


def latex(table: pd.DataFrame, stars: bool = False) -> str:
    """The table as LaTeX (package booktabs), notes below it."""
    names, rows = _shown(table, stars)
    align = "".join("l" if name in ("story", "method", "metric", "variant") else "r" for name in names)
    lines = ["\\begin{tabular}{" + align + "}", "\\toprule", " & ".join(map(_tex, names)) + " \\\\", "\\midrule"]
    lines += [" & ".join(map(_tex, row)) + " \\\\" for row in rows]
    lines += ["\\bottomrule", "\\end{tabular}", ""]
    return "\n".join([*lines, *(f"{_tex(note)}\\par" for note in _notes(table, stars))]) + "\n"


def apa(row: Mapping[str, Any] | pd.Series) -> str:
    """The result as a sentence for a paper.

    Parameters
    ----------
    row : of a table of results.

    >>> apa({"metric": "f1", "method": "SM", "estimate": 0.41, "ci_low": 0.33, "ci_high": 0.48, "p": 0.0002})
    'f1 of SM was 0.41, 95% CI [0.33, 0.48], p < .001.'
    """
    told: dict[str, Any] = dict(row)
    get = told.get
    unit = str(get("unit") or "")
    unit = f" {unit}" if unit in ("s", "words", "tokens", "units", "bins", "ms/bit", "bits", "nats/word") else ""
    what = str(get("metric")).replace("_", " ") + (f" ({get('variant')})" if get("variant") else "")
    who = f" of {get('method')}" if get("method") else ""
    said = f"{what}{who} was {_number(get('estimate'))}{unit}"
    if _there(get("ci_low")) and _there(get("ci_high")):
        said += f", 95% CI [{_number(get('ci_low'))}, {_number(get('ci_high'))}]"
    beside = [f"people against each other: {_number(get('ceiling'))}"] if _there(get("ceiling")) else []
    if _there(get("null_mean")):
        draws = f", {int(told['n_null']):,} draws" if _there(get("n_null")) else ""
        name = str(get("null_model")).replace("_", " ")
        beside.append(f"chance by {name}: M = {_number(get('null_mean'))}, SD = {_number(get('null_sd'))}{draws}")
    said += f" ({'; '.join(beside)})" if beside else ""
    metric = str(get("metric"))
    otherwise = MEASURES[metric].tested_name if metric in MEASURES and _there(get("p")) else ""
    said += f"; tested by {otherwise}" if otherwise else ""
    said += f", z = {float(told['z']):.2f}" if _there(get("z")) else ""
    said += f", p {_p(get('p'))}" if _there(get("p")) else ""
    if _there(get("p_bh")) and _p(get("p_bh")) != _p(get("p")):
        said += f" (corrected: p {_p(get('p_bh'))})"
    return said + "."


def _shown(table: pd.DataFrame, stars: bool) -> tuple[list[str], list[list[str]]]:
    _check(table)
    cells = {name: [_cell(name, row, stars) for row in table.to_dict("records")] for name in SHOWN}
    names = [name for name in SHOWN if any(cells[name])]
    return names, [list(row) for row in zip(*[cells[name] for name in names], strict=True)]


def _cell(name: str, row: Mapping[str, Any], stars: bool) -> str:
    if name == "ci":
        return f"[{_number(row['ci_low'])}, {_number(row['ci_high'])}]" if _there(row["ci_low"]) else ""
    value = row[name]
    if not _there(value):
        return ""
    if name in ("p", "p_bh"):
        return _p(value).removeprefix("= ")
    if name == "n":
        return f"{int(value):,}"
    if name == "z":
        return f"{value:.2f}"
    if name == "estimate":
        mark = next((mark for level, mark in STARS if row["p_bh"] < level), "") if stars else ""
        return _number(value) + mark
    return str(value) if isinstance(value, str) else _number(value)


def _notes(table: pd.DataFrame, stars: bool) -> list[str]:
    notes = [note for note in dict.fromkeys(table["note"]) if note]
    chance = sorted({f"{r.null_model}, {r.n_null:,} draws, seed {r.seed}" for r in table.itertuples()
                     if r.null_model and _there(r.n_null) and _there(r.seed)})  # fmt: skip
    told = [f"Chance: {'; '.join(chance)}."] if chance else []
    return [*notes, *told, *([STARS_NOTE] if stars else [])]


def _there(value: Any) -> bool:
    return not (value is None or value is pd.NA or value == "" or value != value)


def _number(value: Any) -> str:
    """Two decimals, or as many as show two digits that are not 0."""
    value = float(value)
    if value != value:
        return "n/a"
    size = abs(value)
    return f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.3f}" if size >= 0.01 else f"{value:.2g}"


def _p(value: Any) -> str:
    value = float(value)
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def _tex(cell: str) -> str:
    for plain, escaped in (("\\", "\\textbackslash{}"), ("_", "\\_"), ("%", "\\%"), ("&", "\\&"), ("#", "\\#"),
                           ("<", "$<$"), ("~", "\\textasciitilde{}"), ("^", "\\textasciicircum{}")):  # fmt: skip
        cell = cell.replace(plain, escaped)
    return cell


def _check(table: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DataError(f"this is no table of results: it lacks {', '.join(missing[:5])}")
