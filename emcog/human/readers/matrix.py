"""Wide tables of presses: a sample or a word a row and an observer a column, or (samples) the other way round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emcog.errors import DataError
from emcog.human.readers.source import (
    NO,
    YES,
    Body,
    Options,
    Read,
    Source,
    cells_of,
    column_of,
    counted,
    number,
    rescaled,
    scale_of,
)  # fmt: skip
from emcog.options import check_choice


def read_matrix(source: Source) -> Read:
    """A table of samples of 0 and 1, a header with the observers' names (columns) or a first column of them (rows).

    A press is the first of a run of samples that are not 0. `sampling_hz` says how many samples a second has. A column
    of times (named as times are), or of words or their numbers, says where each row lies instead (see `read_wide`).
    """
    header, body = cells_of(source)
    time, word = column_of(source, header, "time"), column_of(source, header, "word")
    rows = check_choice("observers_in", source.options.observers_in or "columns", ("columns", "rows")) == "rows"
    kept = [i for i in range(len(header)) if i not in (time, word) and not (rows and i == 0)]  # the first: names
    if not rows and (time is not None or (word is not None and source.options.sampling_hz is None)):
        return read_wide(source, header, body, time, word, kept)
    values = np.array(
        [[number(source, cells[i], row, header[i]) or 0.0 for i in kept] for row, cells in body], dtype=np.float64
    )
    if values.size == 0:
        raise source.error("no samples in it: give a row a sample and a column an observer")
    names = [cells[0] for _, cells in body] if rows else [header[i] for i in kept]
    return presses(values if rows else values.T, names, source.options, source.label)


def read_wide(
    source: Source, header: Sequence[str], body: Body, time: int | None, word: int | None, kept: Sequence[int]
) -> Read:
    """A column an observer, whose rows are samples at times (a held key is one press) or words (each 1 is a mark).

    Parameters
    ----------
    time, word : columns of times, and of words or of their numbers, from 0. Where both are there, marks are the words'
        times; without times and numbers the rows are all words of the story, in order.
    kept : the observers' columns.
    """
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or "")
    words = _word_numbers(source, header, body, word) if time is None else []
    scale = scale_of(source, header[time]) if time is not None else 1.0
    for i in kept:
        found.present(header[i])
        down = np.array([_pressed(source, cells[i], row, header[i]) for row, cells in body], dtype=bool)
        for place in (onsets_of(down) if word is None else np.flatnonzero(down)).tolist():
            row, cells = body[place]
            if time is None:
                found.mark(header[i], row, word=words[place])
                continue
            at = number(source, cells[time], row, header[time])
            if at is None:
                raise source.error(f"row {row}: a press without a time in column {header[time]!r}")
            found.mark(header[i], row, time_s=rescaled(at, scale))
    return found


def flag_columns(body: Body, among: Sequence[int]) -> list[int]:
    """Columns that hold 0 in some rows and 1 in the others; 0 alone where there are others (nothing was marked)."""
    cells = {i: {row[i] for _, row in body} for i in among}
    flags = [i for i, seen in cells.items() if seen & {*NO} and seen <= {*YES, *NO}]
    return flags if any(cells[i] & {*YES} for i in flags) else []


def _pressed(source: Source, cell: str, row: int, name: str) -> bool:
    return cell in YES or (cell not in NO and bool(number(source, cell, row, name)))


def _word_numbers(source: Source, header: Sequence[str], body: Body, word: int | None) -> list[int]:
    if word is None or not counted(body, word):
        return list(range(len(body)))
    numbers = [number(source, cells[word], row, header[word]) for row, cells in body]
    if any(n is None or n != int(n) or n < 0 for n in numbers) or (np.diff(np.array(numbers, dtype=float)) <= 0).any():
        raise source.error(
            f"column {header[word]!r} is to count words, from 0, a row each: name another, with word_column"
        )
    return [int(n) for n in numbers if n is not None]


def read_array(path: Path, options: Options) -> Read:
    """A NumPy .npy array of presses, two-dimensional; pickled objects are refused.

    The shorter side is the observers, unless `observers_in` says "rows" or "columns".
    """
    try:
        # Mapped, so that a header which promises more than the file holds costs nothing.
        values = np.array(np.lib.format.open_memmap(path, mode="r"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file: check the path") from None
    except Exception as error:  # numpy reads the header as Python's own tokens: what goes wrong has no common class
        raise DataError(f"{path}: not an array of numbers: {' '.join(str(error).split())[:120]}") from None
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: not an array of numbers but of {values.dtype}")
    if values.ndim != 2:
        raise DataError(f"{path}: an array of shape {values.shape} where observers x samples is needed")
    in_rows = options.observers_in or ("rows" if values.shape[0] <= values.shape[1] else "columns")
    if check_choice("observers_in", in_rows, ("columns", "rows")) == "columns":
        values = values.T
    return presses(values, list(map(str, range(len(values)))), options, str(path))


def presses(values: np.ndarray, names: Sequence[str], options: Options, label: str) -> Read:
    """Presses of a matrix (observers x samples) in seconds; its row is the sample's number, from 0."""
    if options.sampling_hz is None:
        raise DataError(f"{label}: samples without a rate: give sampling_hz (samples a second)")
    duration = options.duration_s if np.isfinite(options.duration_s) else values.shape[1] / options.sampling_hz
    found = Read(duration_s=duration, stimulus=options.stimulus or "")
    for name, samples in zip(names, values, strict=True):
        found.present(name)
        for sample in onsets_of(samples).tolist():
            found.mark(name, sample, time_s=sample / options.sampling_hz)
    return found


def onsets_of(samples: np.ndarray) -> np.ndarray:
    """First sample of each run that is not 0 (a key that is held is one press). int64 array."""
    down = np.asarray(samples) != 0
    return np.flatnonzero(down & ~np.concatenate([[False], down[:-1]]))
