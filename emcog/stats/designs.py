"""The columns of a regression: predictors, controls and the same of the words before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emcog.errors import DataError
from emcog.stats.word_tables import apart, check_columns, check_order, labels, numbers, stories_of, story_columns
from emcog.stats.words import lagged, log_frequency, sentence_end, since_boundary, word_length

CONTROLS = ("length", "log_freq", "sentence_end", "since_boundary", "position")
OWN_PAST = ("since_boundary", "position")
"""Controls that are about the past already, and are not lagged."""


@dataclass(frozen=True, eq=False)
class Design:
    """The rows of a regression that have no gap.

    y : (n,), the outcome; size : (n,), how many observers it is of. base, full : name -> (n,), without and with the
    predictors. observer : (n,) or None. story : (n,). word : (n,), number of the word that the row is of; word_story :
    (n_words,). said : where frequencies are from.
    """

    y: np.ndarray
    size: np.ndarray
    base: dict[str, np.ndarray]
    full: dict[str, np.ndarray]
    observer: np.ndarray | None
    story: np.ndarray
    word: np.ndarray
    word_story: np.ndarray
    said: str

    @property
    def story_name(self) -> str:
        """The story, or "all"."""
        names = list(dict.fromkeys(self.story.tolist()))
        return str(names[0]) if len(names) == 1 else "all"

    def matrix(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """The columns with ones in front, each in its own standard deviations, which changes no fit."""
        scaled = [column / (column.std() or 1.0) for column in columns.values()]
        return np.column_stack([np.ones(len(self.y)), *scaled])


def make_design(
    table: pd.DataFrame,
    outcome: str,
    predictors: Sequence[str],
    controls: Sequence[str],
    lags: int,
    observer: str | None,
    observers: str | None,
    story: str | None,
    word: str,
    corpus: Iterable[str] | None,
) -> Design:
    """The design of `emcog.stats.regress`; see there. DataError for columns that are missing and rows too few."""
    named = [outcome, *story_columns(table, story), *predictors, *[c for c in (observer, observers) if c]]
    check_columns(table, named)
    stories = run = stories_of(table, story)
    if observer is not None:
        run = _joined(stories, labels(table, observer, "an observer"))
    check_order(table, run, "story" if observer is None else "story and observer")
    y = numbers(table, outcome, "outcome")
    base, said = control_columns(table, word, run, controls, corpus, y > 0)
    base = with_past(base, run, lags)
    own = with_past({name: numbers(table, name, "predictor") for name in predictors}, run, lags)
    size = np.ones(len(table)) if observers is None else numbers(table, observers, "column")
    if (size <= 0).any():
        raise DataError(f"column {observers} must hold how many observers there were: got {np.nanmin(size):g}")
    keep = ~np.isnan(np.column_stack([y, size, *base.values(), *own.values()])).any(1)
    n_terms = 1 + len(base) + len(own)
    if keep.sum() < 5 * n_terms:
        raise DataError(f"only {keep.sum()} rows have the outcome and all predictors: too few for {n_terms} terms")
    own = {name: column[keep] for name, column in own.items()}
    base, gone = apart({name: column[keep] for name, column in base.items()}, own)
    number, first = _word_numbers(stories, run)
    kept, word_id = np.unique(number[keep], return_inverse=True)
    return Design(
        y[keep], size[keep], base, base | own, None if observer is None else table[observer].to_numpy()[keep],
        stories[keep], word_id, first[kept], said + gone,
    )  # fmt: skip


def control_columns(
    table: pd.DataFrame,
    word: str,
    run: np.ndarray,
    names: Sequence[str],
    corpus: Iterable[str] | None,
    boundary: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], str]:
    """The controls by name, float64 (n,) each, and where the frequencies are from.

    run : (n,), what a row's past may reach into: its story, or its story as one observer has it.
    boundary : bool (n,), for since_boundary.
    """
    words, said = [str(w) for w in table[word]] if word in table else None, ""
    out: dict[str, np.ndarray] = {}
    for name in names:
        if name in ("length", "sentence_end") or (name == "log_freq" and "log_freq" not in table):
            if words is None:
                raise DataError(f"control {name} needs the words: the table has no column {word}")
            labels(table, word, "a word")
            if name == "log_freq" and corpus is None:
                raise DataError("no word frequencies: give a column log_freq, a corpus, or controls without log_freq")
        if name == "length" and words is not None:
            out[name] = word_length(words)
        elif name == "sentence_end" and words is not None:
            out[name] = sentence_end(words).astype(float)
        elif name == "position":
            out[name] = since_boundary(np.zeros(len(table), dtype=bool), run)
        elif name == "since_boundary" and boundary is not None:
            out[name] = np.log1p(since_boundary(boundary, run))
        elif name == "log_freq" and "log_freq" in table:
            given = numbers(table, "log_freq", "control")
            empty = np.isnan(given)
            if empty.all():
                raise DataError("column log_freq is empty: fill it, rename it and give a corpus, or leave log_freq out")
            out[name] = np.where(empty, np.nanmin(given), given)
            said = "; log_freq: the table's column" + (f", {empty.sum()} empty as its lowest" if empty.any() else "")
        elif name == "log_freq" and words is not None and corpus is not None:
            out[name], said = log_frequency(words, corpus), "; log_freq: counted in the corpus given"
        elif name in table:
            out[name] = numbers(table, name, "control")
        else:
            choices = ", ".join(c for c in CONTROLS if c != "since_boundary" or boundary is not None)
            raise DataError(f"unknown control {name}: choose from {choices}, or a column of the table")
    return out, said


def with_past(columns: dict[str, np.ndarray], run: np.ndarray, lags: int) -> dict[str, np.ndarray]:
    """Each column (name_0) and the same of the words before it (name_1, ...)."""
    out = {}
    for name, values in columns.items():
        for lag in range(1 if name in OWN_PAST else lags + 1):
            out[f"{name}_{lag}"] = lagged(values, run, lag)
    return out


def _joined(stories: np.ndarray, observer: np.ndarray) -> np.ndarray:
    """A number for each pair of story and observer."""
    pair = pd.MultiIndex.from_arrays([stories, observer])
    return pair.factorize()[0]


def _word_numbers(stories: np.ndarray, run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each row's word, the same for all observers of it, and the story of each number."""
    place = since_boundary(np.zeros(len(stories), dtype=bool), run).astype(np.int64)
    code, names = pd.factorize(stories)
    width = int(place.max(initial=0)) + 1
    number, back = np.unique(code * width + place, return_inverse=True)
    return back, np.asarray(names)[number // width]
