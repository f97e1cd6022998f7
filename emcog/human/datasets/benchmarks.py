"""Loaders of collections without people's boundaries: books and long-context benchmarks."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from emcog.errors import DataError
from emcog.human.datasets.cards import DatasetCard
from emcog.human.datasets.dataset import Dataset, OnDemand
from emcog.parquet import read_parquet
from emcog.transcript import Transcript, read_transcript


def load_books(folder: Path, card: DatasetCard) -> Dataset:
    """PG-19: a transcript a book (by its number), and the table of titles and years where metadata.csv is there."""
    books = {path.stem: _book(path) for path in sorted(folder.rglob("*.txt")) if path.stem.isdigit()}
    metadata = next(iter(sorted(folder.rglob("metadata.csv"))), None)
    if not books and metadata is None:
        raise DataError(f"{folder}: no books (<number>.txt) in it: {card.manual}")
    names = ["book", "title", "year", "url"]
    tables = {} if metadata is None else {"metadata": lambda: pd.read_csv(metadata, names=names)}
    return Dataset(card, OnDemand(books), {}, OnDemand(tables))


def _book(path: Path) -> Callable[[], Transcript]:
    return lambda: read_transcript(path, format="text")


def load_tasks(folder: Path, card: DatasetCard) -> Dataset:
    """A table a task: JSON lines (LongBench, InfiniteBench) or Parquet (Book-SORT); columns are the source's own."""
    found = [path for suffix in ("jsonl", "parquet") for path in sorted(folder.rglob(f"*.{suffix}"))]
    if not found:
        raise DataError(f"{folder}: no .jsonl and no .parquet in it: {card.manual or 'fetch it again'}")
    return Dataset(card, {}, {}, OnDemand({path.stem: _tasks(path) for path in found}))


def _tasks(path: Path) -> Callable[[], pd.DataFrame]:
    return lambda: _read_parquet(path) if path.suffix == ".parquet" else read_json_lines(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow

    try:
        return read_parquet(path)
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        told = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: cannot be read as Parquet ({told}): fetch it again") from None


def read_json_lines(path: Path) -> pd.DataFrame:
    """A table of one JSON object a line.

    Raises
    ------
    DataError : a line that is not an object, with its row.
    """
    rows = []
    with open(path, "rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:  # no UTF-8, a number without end, brackets without end
                told = " ".join(str(error).split())[:80]
                raise DataError(f"{path}: row {number}: not JSON ({told}): fetch it again") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}: row {number}: not an object but {type(row).__name__}")
            rows.append(row)
    return pd.DataFrame(rows)
