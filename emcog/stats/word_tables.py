"""What a regression asks of a user's table of words, and the one line that says what is wrong with it."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from emcog.errors import DataError, OptionError
from emcog.stats.glm import SINGULAR
from emcog.stats.resampling import blocks
from emcog.stats.stretches import SIZE

STORY = "story"
"""The column that tells stories apart where none is named; a table without it is one story."""


def listed(names: str | Iterable[str] | None) -> list[str]:
    """The names of columns as a list: a single one, several or None."""
    return [names] if isinstance(names, str) else list(names or ())


def check_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """DataError for what is no table of words or an empty one, for columns it lacks or that are named twice."""
    if not isinstance(table, pd.DataFrame):
        got = (
            f"the path {str(table)!r}"
            if isinstance(table, str) or hasattr(table, "__fspath__")
            else f"a {type(table).__name__}"
        )
        raise DataError(
            f"the table of words must be a pandas DataFrame, got {got}: read it first, with pandas.read_csv or "
            "pandas.read_parquet"
        )
    unnamed = [name for name in columns if not isinstance(name, Hashable)]
    if unnamed:
        raise OptionError(f"columns are given by name, one at a time: got {unnamed[0]!r}")
    missing = [name for name in columns if name not in table]
    if missing:
        raise DataError(
            f"the table of words has no column {', '.join(map(str, missing))}: it has "
            f"{', '.join(map(str, table.columns)) or 'none'}"
        )
    double = [name for name in columns if isinstance(table[name], pd.DataFrame)]
    if double or len(set(columns)) < len(columns):
        raise DataError(f"a column is named twice among {', '.join(double or columns)}: each must be there once")
    if not len(table):
        raise DataError("the table of words has no rows: give one row a word, in reading order")


def story_columns(table: pd.DataFrame, story: str | None) -> list[str]:
    """The name of the column that tells stories apart, in a list; none where all rows are one story."""
    is_table = isinstance(table, pd.DataFrame)
    return [] if story is None or (story == STORY and is_table and STORY not in table) else [story]


def stories_of(table: pd.DataFrame, story: str | None) -> np.ndarray:
    """Each row's story, (n,); "" throughout where all rows are one story. DataError for rows without a story."""
    named = story_columns(table, story)
    return labels(table, named[0], "a story") if named else np.full(len(table), "", dtype=object)


def labels(table: pd.DataFrame, name: str, what: str) -> np.ndarray:
    """A column that tells rows apart, (n,). DataError where it is empty."""
    empty = np.flatnonzero(table[name].isna())
    if len(empty):
        raise DataError(f"column {name} is empty in {len(empty)} rows, first row {empty[0]}: each needs {what}")
    return table[name].to_numpy()


def numbers(table: pd.DataFrame, name: str, what: str) -> np.ndarray:
    """A column as float64 (n,), NaN where it is empty.

    what : "predictor", "outcome", ... for the DataError where it holds text, dates or values that are not finite.
    """
    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if column.dtype.kind in "mM":  # times and dates, of which pandas would make nanoseconds
        values = np.full(len(column), np.nan)
    else:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero((np.isnan(values) & column.notna().to_numpy()) | np.isinf(values))
    if len(wrong):
        made = "write it as 0 and 1, or as a count" if what == "outcome" else "give it as numbers, such as 0 and 1"
        raise DataError(
            f"{what} {name} must hold numbers, got {str(table[name].iloc[wrong[0]])!r} in row {wrong[0]} "
            f"({len(wrong)} such rows): {made}, and leave empty what is missing"
        )
    return values


def check_order(table: pd.DataFrame, run: np.ndarray, which: str) -> None:
    """DataError where the rows are not in reading order, as far as that can be seen.

    run : (n,), each row's story, or story and observer; its rows stand together. which : "story", "story and observer".
    """
    starts = np.flatnonzero(np.r_[True, run[1:] != run[:-1]])
    if len(starts) > len(pd.unique(run)):
        again = starts[pd.Series(run[starts]).duplicated().to_numpy()][0]
        raise DataError(
            f"rows must be in reading order, those of one {which} together: row {again} goes back to a {which} that "
            "had ended before; sort the table"
        )
    if "char_start" in table and pd.api.types.is_numeric_dtype(table["char_start"]):
        place = table["char_start"].to_numpy(dtype=np.float64, na_value=np.nan)
        back = np.flatnonzero((np.diff(place) < 0) & (run[1:] == run[:-1])) + 1
        if len(back):
            raise DataError(
                f"rows must be in reading order, and char_start falls at row {back[0]}: sort the table by {which} and "
                "char_start, and where texts or observers follow each other name their columns with story= and "
                "observer="
            )


def check_stretches(word_story: np.ndarray, folds: int) -> None:
    """DataError where the words make fewer stretches than there are folds. word_story : (n_words,)."""
    n = int(blocks(word_story, SIZE).max()) + 1
    if n < folds:
        many = f"{n} stretch of {SIZE} words is" if n == 1 else f"{n} stretches of {SIZE} words are"
        raise DataError(
            f"{many} too few for {folds} folds: ask for fewer folds, or give at least {SIZE * (folds - 1) + 1} words a "
            f"story without gaps (here {len(word_story)} in all), in reading order"
        )


def check_folds(columns: dict[str, np.ndarray], fold: np.ndarray) -> None:
    """DataError for a column, of name_lag -> (n,), that does not vary outside of one fold (n,): it cannot be fitted."""
    for name, column in columns.items():
        for label in np.unique(fold):
            rest = column[fold != label]
            if rest.min() == rest.max():
                raise DataError(
                    f"{name.rsplit('_', 1)[0]} varies in one of {len(np.unique(fold))} folds only: leave it out, or "
                    "take other folds (folds=, seed=)"
                )


def apart(base: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """The controls that say something, and a note of those left out.

    A control left out is the same in all rows or wholly made of those before it, which changes no prediction.

    Parameters
    ----------
    base, own : name_lag -> (n,), controls and predictors.

    Raises DataError for a predictor that has no slope: the same in all rows, or wholly made of others.
    """
    both = [name for name in own if name in base]
    if both:
        raise DataError(f"{both[0].rsplit('_', 1)[0]} is a control and a predictor: leave it out of one of them")
    names = [*base, *own]
    scaled = [_standardised(column) for column in (base | own).values()]
    same = {name for name, column in zip(names, scaled, strict=True) if not column.any()}
    # Without pivoting, a column's place on the diagonal is what the columns before it leave of it.
    left = np.diagonal(np.linalg.qr(np.column_stack(scaled), mode="r")) ** 2 / len(scaled[0])
    made = [name for name, rest in zip(names, left, strict=True) if rest < SINGULAR]
    for name in made:
        column, lag = name.rsplit("_", 1)
        if name in own:
            before = f" (lag {lag})" if lag != "0" else ""
            raise DataError(
                f"predictor {column}{before} has no slope: it is the same in all rows, choose one that varies"
                if name in same
                else f"predictor {column}{before} has no slope: the controls and predictors before it "
                f"({', '.join(n for n in names[: names.index(name)] if n not in same)}) already hold all it says; "
                "leave it or one of them out"
            )
    gone = [name for name in made if name in base]
    told = f"; left out, the same in all rows or made of other controls: {', '.join(gone)}" if gone else ""
    return {name: column for name, column in base.items() if name not in gone}, told


def _standardised(column: np.ndarray) -> np.ndarray:
    """The column less its mean, in its standard deviations; zeros where it is the same throughout."""
    spread = column.std()
    return (column - column.mean()) / spread if spread > 1e-12 * np.abs(column).max() else np.zeros(len(column))
