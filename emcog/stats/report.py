"""Results on paper: files for machines, tables for manuscripts, the sentence for the text."""

import io
import os
import re
from collections.abc import Mapping
from itertools import groupby
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

import pandas as pd

from emcog.errors import DataError
from emcog.files import write_files
from emcog.stats.agreement import MEASURES
from emcog.stats.rows import COLUMNS

LABELS = ("story", "method", "metric", "variant", "unit")
SHOWN = (*LABELS, "estimate", "ci", "ceiling", "null_mean", "z", "p", "p_bh", "n")
TOLD_UNITS = ("s", "ms", "words", "tokens", "units", "bins", "bits")
"""Units that a sentence names, beside those of something per something; r, a share or a ratio need none."""
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
PLAIN, RAISED = "-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
TEX = {"\\": "\\textbackslash{}", "_": "\\_", "%": "\\%", "&": "\\&", "#": "\\#", "<": "$<$", "~": "\\textasciitilde{}",
       "^": "\\textasciicircum{}", "χ²": "$\\chi^2$", "×": "$\\times$"}  # fmt: skip
"""What LaTeX reads as something else, and how it is written; the backslash is first, since the others bring some."""
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
    align = "".join("l" if name in LABELS else "r" for name in names)
    lines = ["\\begin{tabular}{" + align + "}", "\\toprule", " & ".join(map(_tex, names)) + " \\\\", "\\midrule"]
    lines += [" & ".join(map(_tex, row)) + " \\\\" for row in rows]
    lines += ["\\bottomrule", "\\end{tabular}", ""]
    return "\n".join([*lines, *(f"{_tex(note)}\\par" for note in _notes(table, stars))]) + "\n"


def apa(row: Mapping[str, Any] | pd.Series) -> str:
    """The result as a sentence for a paper.

    Parameters
    ----------
    row : one row of a table of results, as table.iloc[0].

    Raises DataError for what is no row of results.

    >>> apa({"metric": "f1", "method": "SM", "estimate": 0.41, "ci_low": 0.33, "ci_high": 0.48, "p": 0.0002})
    'f1 of SM was 0.41, 95% CI [0.33, 0.48], p < .001.'
    >>> apa({"metric": "likelihood_ratio", "estimate": 1.94, "null_model": "chi2(1)", "p": 0.164})
    'likelihood ratio: χ²(1) = 1.94, p = .164.'
    """
    told = _one_row(row)
    get = told.get
    unit = str(get("unit") or "")
    unit = f" {unit}" if unit in TOLD_UNITS or "/" in unit else ""
    what = str(get("metric")).replace("_", " ") + (f" ({get('variant')})" if get("variant") else "")
    who = f" of {get('method')}" if get("method") else ""
    test = _chi_square(told) or ("z" if get("metric") == "wald" else "")
    said = f"{what}{who}" + (f": {test} = " if test else " was ") + f"{_number(get('estimate'))}{unit}"
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
    said += f", z = {float(told['z']):.2f}" if _there(get("z")) and test != "z" else ""
    said += f", p {_p(get('p'))}" if _there(get("p")) else ""
    if _there(get("p_bh")) and _p(get("p_bh")) != _p(get("p")):
        said += f" (corrected: p {_p(get('p_bh'))})"
    return said + "."


def _one_row(row: object) -> dict[str, Any]:
    """A row of results by column. DataError for a whole table, a file's name, or a row of something else."""
    if isinstance(row, pd.DataFrame):
        raise DataError(f"apa takes one row, and this is a table of {len(row)}: give table.iloc[0], or row by row")
    if not isinstance(row, Mapping | pd.Series):
        raise DataError(f"apa takes a row of a table of results, as table.iloc[0], got {type(row).__name__}")
    told = {str(name): value for name, value in row.items()}
    missing = [name for name in ("metric", "estimate") if name not in told]
    if missing:
        raise DataError(f"this is no row of a table of results: it lacks {' and '.join(missing)}")
    return told


def _chi_square(row: Mapping[str, Any]) -> str:
    """The symbol with its degrees of freedom, which stand in null_model; empty where the row is none."""
    found = re.fullmatch(r"chi2\((\d+)\)", str(row.get("null_model") or ""))
    return f"χ²({found[1]})" if found else ""


def _shown(table: pd.DataFrame, stars: bool) -> tuple[list[str], list[list[str]]]:
    _check(table)
    cells = {name: [_cell(name, row, stars) for row in table.to_dict("records")] for name in SHOWN}
    names = [name for name in SHOWN if (len(set(cells[name])) > 1 if name == "unit" else any(cells[name]))]
    return names, [list(row) for row in zip(*[cells[name] for name in names], strict=True)]


def _cell(name: str, row: Mapping[str, Any], stars: bool) -> str:
    if name == "ci":
        return f"[{_number(row['ci_low'])}, {_number(row['ci_high'])}]" if _there(row["ci_low"]) else ""
    value = row[name]
    if not _there(value):
        return ""
    if name == "unit":
        return _chi_square(row) or str(value)
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
    if len(notes) > 1:  # much alike, often
        notes = [f"{_whose(table, note)}: {note}" for note in notes]
    units = {row["unit"] for row in table.to_dict("records")}
    notes += [f"Unit: {unit}." for unit in units if unit and len(units) == 1]
    chance = sorted({f"{r.null_model}, {r.n_null:,} draws, seed {r.seed}" for r in table.itertuples()
                     if r.null_model and _there(r.n_null) and _there(r.seed)})  # fmt: skip
    told = [f"Chance: {'; '.join(chance)}."] if chance else []
    return [*notes, *told, *([STARS_NOTE] if stars else [])]


def _whose(table: pd.DataFrame, note: str) -> str:
    """The rows that a note belongs to: by what they have in common and no others have, else by their numbers."""
    own = (table["note"] == note).to_numpy()
    for name in ("metric", "method", "variant", "story"):
        values = list(dict.fromkeys(table[name][own]))
        if all(values) and not set(values) & set(table[name][~own]):
            return ", ".join(values)
    numbers = [i + 1 for i in range(len(own)) if own[i]]
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    told = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"Row{'s' if len(numbers) > 1 else ''} {', '.join(told)}"


def _there(value: Any) -> bool:
    return not (value is None or value is pd.NA or value == "" or value != value)


def _number(value: Any) -> str:
    """Two decimals, or as many as show two digits that are not 0; very small and very large ones in powers of 10."""
    value = float(value)
    if value != value:
        return "n/a"
    if value == 0 or not isfinite(value):
        return f"{value:.2f}"
    power = floor(log10(abs(value)))
    if -7 < power < 9:
        return f"{value:.{max(2, 1 - power)}f}"
    digits, power_of_ten = f"{value:.1e}".split("e")
    return f"{digits} × 10{str(int(power_of_ten)).translate(str.maketrans(PLAIN, RAISED))}"


def _p(value: Any) -> str:
    value = float(value)
    return "< .001" if value < 0.001 else f"= {value:.3f}".replace("0.", ".", 1)


def _tex(cell: str) -> str:
    for plain, escaped in TEX.items():
        cell = cell.replace(plain, escaped)
    lowered = str.maketrans(RAISED, PLAIN)
    return re.sub(f"[{RAISED}]+", lambda raised: f"$^{{{raised[0].translate(lowered)}}}$", cell)


def _check(table: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DataError(f"this is no table of results: it lacks {', '.join(missing[:5])}")
