"""Wide button-press matrices: a sample a row and an observer a column, or the other way round."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emcog.errors import DataError
from emcog.human.readers.source import Options, Read, Source, cells_of, column_of, number, rescaled, scale_of
from emcog.options import check_choice


def read_matrix(source: Source) -> Read:
    """A table of samples of 0 and 1, a header with the observers' names (columns) or a first column of them (rows).

    A press is the first of a run of samples that are not 0. `sampling_hz` says how many samples a second has. A first
    column of times (named as times are) gives the samples' times instead.
    """
    header, body = cells_of(source)
    time = column_of(source, header, "time")
    rows = check_choice("observers_in", source.options.observers_in or "columns", ("columns", "rows")) == "rows"
    skip = {time} if time is not None else set()
    if rows:
        skip.add(0)  # names
    kept = [i for i in range(len(header)) if i not in skip]
    values = np.array(
        [[number(source, cells[i], row, header[i]) or 0.0 for i in kept] for row, cells in body], dtype=np.float64
    )
    if values.size == 0:
        raise source.error("no samples in it: give a row a sample and a column an observer")
    if rows:
        return presses(values, [cells[0] for _, cells in body], source.options, source.label)
    if time is None:
        return presses(values.T, [header[i] for i in kept], source.options, source.label)
    scale = scale_of(source, header[time])
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or "")
    for name, column in zip([header[i] for i in kept], values.T, strict=True):
        found.present(name)
        for sample in onsets_of(column).tolist():
            row, cells = body[sample]
            at = number(source, cells[time], row, header[time])
            if at is None:
                raise source.error(f"row {row}: a press without a time in column {header[time]!r}")
            found.mark(name, row, time_s=rescaled(at, scale))
    return found


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
