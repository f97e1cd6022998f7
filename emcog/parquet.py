"""Parquet by open files: Arrow takes names of files in UTF-8 only, and there are others."""

from pathlib import Path

import pandas as pd


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table, without its index."""
    with open(path, "wb") as file:
        table.to_parquet(file, index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a table."""
    with open(path, "rb") as file:
        return pd.read_parquet(file)
