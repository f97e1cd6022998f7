"""The one table that every result is a row of: its columns, how a row is made, how many tests are corrected."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

TOO_SMALL = ("wald", "likelihood_ratio")
"""Metrics whose p do not hold (analyses/calibration.py): corrected together with others they would lift those."""
COLUMNS: dict[str, tuple[str, str]] = {
    "analysis": ("str", "what was asked: agreement, cohesion, regression, reading_times, recall"),
    "dataset": ("str", "the people's data"),
    "story": ("str", "the stimulus; 'all' for all of a dataset together"),
    "model": ("str", "the language model, or empty"),
    "method": ("str", "how boundaries were made (S, SM, people, ...), or the predictor of a regression"),
    "metric": ("str", "what was measured"),
    "variant": ("str", "which form of it"),
    "unit": ("str", "unit of estimate, ci_low, ci_high, ceiling, null_mean and null_sd"),
    "bin": ("float64", "length of a time bin, in seconds; NaN where nothing was binned by time"),
    "tolerance": (
        "float64",
        "how far boundaries may lie apart and match, in the unit that the note names; NaN if none",
    ),
    "estimate": ("float64", "the value"),
    "ci_low": ("float64", "lower end of its 95% confidence interval"),
    "ci_high": ("float64", "upper end"),
    "ceiling": ("float64", "the same for people against each other, leave-one-out"),
    "null_model": ("str", "what chance means"),
    "null_mean": ("float64", "mean of the estimate by chance"),
    "null_sd": ("float64", "standard deviation of it (ddof 1)"),
    "z": ("float64", "(estimate - null_mean) / null_sd, or the test's own z"),
    "p": ("float64", "two-sided"),
    "p_bh": (
        "float64",
        "p corrected for the other tests of the table (Benjamini & Hochberg, 1995); NaN for wald and likelihood_ratio, "
        "which are no tests of it: they take words for independent, and their p are too small",
    ),
    "n": ("Int64", "what was counted; the note says what, where it is not boundaries"),
    "n_null": ("Int64", "draws from the null model"),
    "seed": ("Int64", "of the draws"),
    "note": ("str", "what else a reader must know"),
}


def tidy(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of results, with exactly the columns of `COLUMNS`, and p_bh over its tests.

    Parameters
    ----------
    rows : of each, any of the columns; those left out are empty.

    Returns
    -------
    DataFrame, one row a result.
    """
    given = list(rows)
    unknown = {name for row in given for name in row} - set(COLUMNS)
    if unknown:
        raise KeyError(f"no such columns of a result: {sorted(unknown)}")
    table = pd.DataFrame({name: _column(given, name, kind) for name, (kind, _) in COLUMNS.items()})
    return corrected(table)


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """The table with p_bh over all its p but those of `TOO_SMALL`."""
    tested = table["p"].where(~table["metric"].isin(TOO_SMALL))
    return table.assign(p_bh=benjamini_hochberg(tested.to_numpy()))


def _column(rows: list[Mapping[str, Any]], name: str, kind: str) -> Any:
    values = [row.get(name) for row in rows]
    if kind == "str":
        return pd.Series(["" if value is None else str(value) for value in values], dtype="str")
    if kind == "Int64":
        return pd.array([None if value is None else int(value) for value in values], dtype="Int64")
    return np.array([np.nan if value is None else float(value) for value in values])


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """p-values corrected so that of those below q a share of at most q is expected to be false. float64, NaN kept.

    Source: Benjamini & Hochberg (1995), by statsmodels.
    """
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p, dtype=np.float64)
    out, there = np.full(p.shape, np.nan), ~np.isnan(p)
    if there.any():
        out[there] = multipletests(p[there], method="fdr_bh")[1]
    return out
