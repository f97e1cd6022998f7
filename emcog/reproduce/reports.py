"""Reports of analyses: one tidy table as Parquet and CSV, with where it came from beside it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import emcog
from emcog.errors import DataError
from emcog.files import write_files
from emcog.pages import commit
from emcog.parquet import read_parquet, write_parquet
from emcog.stats import COLUMNS, tidy

NAME = "report"
PROVENANCE = "provenance.json"


def report_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of a report: the columns of `emcog.stats.COLUMNS`, and after them what places a row on an axis.

    Parameters
    ----------
    rows : of each, any of those columns, and further ones (layer, lag, gamma, ...), which become float64 where all
        values are numbers or missing, and str otherwise.
    """
    given = [{name: _known(value) for name, value in row.items()} for row in rows]
    table = tidy([{name: value for name, value in row.items() if name in COLUMNS} for row in given])
    for name in dict.fromkeys(name for row in given for name in row if name not in COLUMNS):
        values = [row.get(name) for row in given]
        if all(value is None or isinstance(value, int | float | np.number) for value in values):
            table[name] = np.array([np.nan if value is None else float(value) for value in values])
        else:
            table[name] = pd.Series(["" if value is None else str(value) for value in values], dtype="str")
    return table


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table of results as dictionaries for `report_table`; cells that say nothing are left out."""
    return [{name: value for name, value in row.items() if not isinstance(value, str) or value}
            for row in table.to_dict("records")]  # fmt: skip


def _known(value: Any) -> Any:
    return None if value is None or value is pd.NA or (isinstance(value, float) and value != value) else value


def write_report(folder: Path, table: pd.DataFrame) -> list[Path]:
    """Write report.parquet, report.csv and provenance.json into a folder, all or none.

    Parameters
    ----------
    table : with `attrs["provenance"]`, as `Setting.report` leaves it.
    """
    provenance = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "emcog": emcog.__version__,
        "commit": commit(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "numpy", "pandas")},
        **table.attrs.get("provenance", {}),
    }
    plain = table.copy()
    plain.attrs = {}
    return write_files(
        folder,
        {
            f"{NAME}.parquet": lambda path: write_parquet(plain, path),
            f"{NAME}.csv": plain.to_csv(index=False).encode(),
            PROVENANCE: json.dumps(provenance, indent=1).encode(),
        },
    )


def read_report(folder: Path) -> pd.DataFrame:
    """A report, with its provenance in `attrs["provenance"]`; DataError where there is none."""
    if not (folder / PROVENANCE).is_file() or not (folder / f"{NAME}.parquet").is_file():
        raise DataError(f"{folder}: no report here: make it with emcog reproduce {folder.name}")
    table = read_parquet(folder / f"{NAME}.parquet")
    table.attrs["provenance"] = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    return table


def is_done(folder: Path, settings: Mapping[str, Any], checksums: Mapping[str, str]) -> bool:
    """Whether a folder holds a report that was made with these settings, of these data, by this version of emcog.

    checksums : of the data that are here (`emcog.reproduce.inputs`): those that came, went or changed make it anew.
    """
    try:
        kept = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    there = all((folder / f"{NAME}.{end}").is_file() for end in ("parquet", "csv"))
    same = kept.get("settings") == dict(settings) and kept.get("checksums") == dict(checksums)
    return there and same and kept.get("emcog") == emcog.__version__
