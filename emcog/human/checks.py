"""Bad annotations: found, named with their row, and never mended in silence."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.excerpts import counted

KINDS = (
    "negative", "past the end", "unsorted", "duplicate", "double press", "milliseconds?", "another story?",
)  # fmt: skip
DOUBLE_PRESS_S = 0.5
_NAMED = 5  # rows that a message names
_PART = 0.5  # of a story that everybody's marks should reach at least

Problem = tuple[str, str, int, float, str]


def find_problems(marks: pd.DataFrame, duration_s: float = float("nan"), n_words: int | None = None) -> pd.DataFrame:
    """What looks wrong with people's marks.

    Parameters
    ----------
    marks : of an AnnotationSet.
    duration_s : of the stimulus; without it nothing can be past the end, and milliseconds are hard to tell.
    n_words : of the story, for marks given as words.

    Returns
    -------
    DataFrame, one row a problem, in the order of the source
        problem : str, one of `KINDS`.
        observer : str, "" where it is about all of them.
        row : int64, in the source; -1 where it is about many or the source has none.
        value : float, the time (s) or word; NaN where it is about many.
        message : str, one line: what, where and what to do. Milliseconds and another story are guesses, and say so.
    """
    timed = bool(marks["time_s"].notna().any())
    values = (marks["time_s"] if timed else marks["word"]).to_numpy(dtype=np.float64)
    end = duration_s if timed else (np.nan if n_words is None else n_words - 1)
    found = list(_of_rows(marks, values, end, timed))
    found += _guesses(marks, values, end, timed)
    table = pd.DataFrame(found, columns=["problem", "observer", "row", "value", "message"])
    return table.astype({"problem": "str", "observer": "str", "row": "int64", "value": "float64", "message": "str"})


def require_sane(marks: pd.DataFrame, duration_s: float, n_words: int | None, where: str) -> pd.DataFrame:
    """The marks that lie in the story, with a warning that names the others.

    Raises
    ------
    DataError : half of the marks or more lie outside; the message says whether it looks like milliseconds.
    """
    timed = bool(marks["time_s"].notna().any())
    values = (marks["time_s"] if timed else marks["word"]).to_numpy(dtype=np.float64)
    end = duration_s if timed else (np.nan if n_words is None else n_words - 1)
    outside = (values < 0) | (values > end)
    if not outside.any():
        return marks
    named = _named(marks[outside], values[outside], timed)
    if outside.sum() * 2 >= len(marks):
        guess = next((text for kind, *_, text in _guesses(marks, values, end, timed) if kind == "milliseconds?"), "")
        advice = guess or "another story's marks? give those of this one"
        raise DataError(f"{where}: {outside.sum()} of {len(marks)} marks lie outside the story ({named}): {advice}")
    size = f"{end:g} s" if timed else counted(int(end) + 1, "word")
    warnings.warn(
        f"{where}: {outside.sum()} of {len(marks)} marks lie outside the story of {size} and are left out: {named}",
        stacklevel=3,
    )
    return marks[~outside]


def _named(marks: pd.DataFrame, values: np.ndarray, timed: bool) -> str:
    """The first few marks, each by its row or its observer."""
    unit = " s" if timed else ""
    rows = zip(marks["observer"], marks["row"], values, strict=True)
    told = [f"{_row(row, observer)} ({value:g}{unit})" for observer, row, value in list(rows)[:_NAMED]]
    return ", ".join(told) + (f" and {len(marks) - _NAMED} more" if len(marks) > _NAMED else "")


def _row(row: int, observer: str) -> str:
    return f"row {row}" if row >= 0 else f"observer {observer}"


def _of_rows(marks: pd.DataFrame, values: np.ndarray, end: float, timed: bool) -> Iterator[Problem]:
    """Problems of single marks."""
    unit, noun = (" s", "time") if timed else ("", "word")
    last: dict[tuple[str, str], float] = {}
    seen: dict[tuple[str, str, float], int] = {}
    rows = zip(marks["observer"], marks["grade"], marks["row"].tolist(), values.tolist(), strict=True)
    for observer, grade, row, value in rows:
        head, who = f"{_row(row, observer)}: {noun} {value:g}{unit}", (observer, grade)
        if value < 0:
            yield "negative", observer, row, value, f"{head} is before the start"
        if value > end:
            in_ms = timed and value >= 1000 and value / 1000 <= end
            hint = f"; in milliseconds it would be {value / 1000:g} s" if in_ms else ""
            yield "past the end", observer, row, value, f"{head} is past the end ({end:g}{unit}){hint}"
        before = last.get(who, -np.inf)
        first = seen.setdefault((*who, value), row)
        if first != row or value == before:
            yield "duplicate", observer, row, value, f"{head} is there already ({_row(first, observer)})"
        elif value < before:
            text = f"{head} comes after {before:g}{unit} of the same observer: sort, or check whose it is"
            yield "unsorted", observer, row, value, text
        elif timed and value - before < DOUBLE_PRESS_S:
            text = f"{head} is {value - before:.3f} s after the mark before it: a double press?"
            yield "double press", observer, row, value, text
        last[who] = value


def _guesses(marks: pd.DataFrame, values: np.ndarray, end: float, timed: bool) -> list[Problem]:
    """Problems of many marks at once, which are guesses."""
    found: list[Problem] = []
    if not len(values):
        return found
    if timed:
        for observer, own in pd.Series(values).groupby(marks["observer"].to_numpy(), sort=False):
            if _looks_like_ms(own.to_numpy(), end):
                text = (
                    f"observer {observer}: times up to {own.max():g} look like milliseconds given as seconds "
                    "(a guess: nothing was changed); read them with time_unit='ms' if they are"
                )
                found.append(("milliseconds?", str(observer), -1, np.nan, text))
    unit = " s" if timed else " words"
    if np.isfinite(end) and not found:
        share = float(np.mean(values > end))
        if share > 0.2:
            text = f"{share:.0%} of the marks are past the end ({end:g}{unit}): another story's, or a longer version?"
            found.append(("another story?", "", -1, np.nan, text + " (a guess)"))
        elif len(values) >= 10 and values.max() < _PART * end:
            text = (
                f"the last of {len(values)} marks is at {values.max():g}{unit}, of {end:g}: another, shorter story's, "
                "or another unit? (a guess)"
            )
            found.append(("another story?", "", -1, np.nan, text))
    return found


def _looks_like_ms(values: np.ndarray, end: float) -> bool:
    """Most lie past the end and a thousandth of each in the story, of which they take up a tenth or more.

    Without an end: whole numbers far apart.
    """
    if np.isfinite(end):
        return bool(np.mean(values > end) > 0.5 and 0.1 * end <= values.max() / 1000 <= end)
    whole = np.all(values == np.rint(values))
    return bool(whole and len(values) > 1 and values.max() > 20_000 and np.median(np.abs(np.diff(values))) > 200)
