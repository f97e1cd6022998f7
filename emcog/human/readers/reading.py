"""read_annotations: one door for every format that people's boundaries come in."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emcog.errors import DataError, OptionError
from emcog.human.annotations import AnnotationSet, make_marks, make_ratings
from emcog.human.readers.kumar import find_story, read_kumar
from emcog.human.readers.logs import read_jspsych, read_psychopy
from emcog.human.readers.matrix import read_array, read_matrix
from emcog.human.readers.source import Options, Read, Source, open_text
from emcog.human.readers.tables import read_bids, read_list, read_long
from emcog.human.readers.tiers import read_elan, read_points
from emcog.options import check_choice, check_number


@dataclass(frozen=True)
class AnnotationFormat:
    """One format: how to read a text file of it (None: not text), which options it takes, what it is."""

    name: str
    read: Callable[[Source], Read] | None
    options: tuple[str, ...]
    doc: str


_ROLES = ("observer_column", "time_column", "word_column", "grade_column", "value_column", "stimulus_column")
ANNOTATION_FORMATS: dict[str, AnnotationFormat] = {
    entry.name: entry
    for entry in (
        AnnotationFormat("long", read_long, (*_ROLES, "time_unit", "observer"), "CSV or TSV, a row a mark or a rating"),
        AnnotationFormat(
            "matrix", read_matrix, ("sampling_hz", "observers_in", "time_column", "time_unit"),
            "CSV or TSV of samples of 0 and 1",
        ),
        AnnotationFormat("array", None, ("sampling_hz", "observers_in"), "NumPy .npy of samples of 0 and 1"),
        AnnotationFormat("bids", read_bids, ("event", "observer", "time_unit"), "BIDS events.tsv"),
        AnnotationFormat("elan", read_elan, ("tier",), "ELAN .eaf, a tier an observer"),
        AnnotationFormat("textgrid", read_points, ("tier",), "Praat TextGrid, a point tier an observer"),
        AnnotationFormat(
            "psychopy", read_psychopy, ("event", "observer_column", "stimulus_column", "observer", "time_unit"),
            "PsychoPy's CSV",
        ),
        AnnotationFormat(
            "jspsych", read_jspsych, ("event", "observer_column", "time_column", "observer", "time_unit"),
            "jsPsych's JSON or CSV",
        ),
        AnnotationFormat("list", read_list, ("time_unit", "observer"), "one time a line: a consensus list"),
        AnnotationFormat("kumar", None, ("event",), "<Story>/sourcedata of the Kumar/Michelmann release"),
    )
}  # fmt: skip


def read_annotations(
    path: str | Path | Sequence[str | Path],
    format: str | None = None,
    *,
    stimulus: str | None = None,
    duration_s: float = math.nan,
    observer: str | None = None,
    observer_column: str | None = None,
    time_column: str | None = None,
    word_column: str | None = None,
    grade_column: str | None = None,
    value_column: str | None = None,
    stimulus_column: str | None = None,
    time_unit: str | None = None,
    sampling_hz: float | None = None,
    observers_in: str | None = None,
    tier: str | None = None,
    event: str | None = None,
) -> AnnotationSet:
    """Read people's boundaries.

    Parameters
    ----------
    path : a file, a folder of the Kumar/Michelmann release, or several files of one stimulus (an observer each, say).
    format : one of `ANNOTATION_FORMATS`; None recognises it by name and content.
    stimulus : which one, where the file holds several.
    duration_s : of the stimulus; without it, marks past its end cannot be told.
    observer : who it is, where the file does not say; of a plain list, the list's name.
    observer_column, time_column, word_column, grade_column, value_column, stimulus_column : columns without a usual
        name. Times and words: one of the two. With a value, rows are continuous ratings.
    time_unit : "s" or "ms"; None goes by the column's name (time_ms), and is seconds (jsPsych: milliseconds) without
        one. It is never guessed: what looks like milliseconds is told by `AnnotationSet.problems`.
    sampling_hz : samples a second, of matrices.
    observers_in : "columns" or "rows", of matrices.
    tier : of ELAN files and TextGrids; None takes each as an observer.
    event : which trial_type (BIDS), component (PsychoPy), task (jsPsych) or run (Kumar release) the marks are.

    Returns
    -------
    AnnotationSet. Nothing is mended or left out in reading.

    Raises
    ------
    DataError : one line with file and row: no such file, not of the format, a time that is no number, another story's.
    OptionError : an unknown format or unit; an option that the format does not have.
    """
    if time_unit is not None:
        check_choice("time_unit", time_unit, ("s", "ms"))
    if sampling_hz is not None:
        check_number("sampling_hz", sampling_hz, above=0)
    named = {
        "observer": observer_column, "time": time_column, "word": word_column, "grade": grade_column,
        "value": value_column, "stimulus": stimulus_column,
    }  # fmt: skip
    columns = {role: name for role, name in named.items() if name is not None}
    options = Options(stimulus, observer, time_unit, duration_s, sampling_hz, observers_in, tier, event, columns)
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    if not paths:
        raise DataError("no files: give one or more")
    found = [_read_one(one, format, options) for one in paths]
    return _joined(found, ", ".join(map(str, paths[:3])) + (" ..." if len(paths) > 3 else ""))


def _read_one(path: Path, format: str | None, options: Options) -> Read:
    if format is not None:
        check_choice("annotation format", format, ANNOTATION_FORMATS)
    if path.is_dir():
        if format not in (None, "kumar") or find_story(path) is None:
            raise DataError(f"{path}: a folder, and not a story of the Kumar/Michelmann release: name a file")
        _check(path, "kumar", options)
        return read_kumar(path, options)
    if format == "array" or (format is None and path.suffix == ".npy"):
        _check(path, "array", options)
        return read_array(path, options)
    source = open_text(path, options)
    chosen = format or recognise(source)
    _check(path, chosen, options)
    read = ANNOTATION_FORMATS[chosen].read
    if read is None:
        raise DataError(f"{path}: a file, and {chosen} is not one: name the folder of a story")
    return read(source)


def recognise(source: Source) -> str:
    """Name of the format of a text file, by its suffix and its first line."""
    suffix, head = source.path.suffix.casefold(), source.content[:400]
    by_suffix = {".eaf": "elan", ".textgrid": "textgrid", ".json": "jspsych"}
    if suffix in by_suffix:
        return by_suffix[suffix]
    if source.path.name.endswith("events.tsv"):
        return "bids"
    if "ooTextFile" in head:
        return "textgrid"
    if "<ANNOTATION_DOCUMENT" in head:
        return "elan"
    first = source.content.lstrip("\n").split("\n", 1)[0]
    cells = [cell.strip().strip('"') for cell in first.replace("\t", ",").replace(";", ",").split(",")]
    if any(cell.endswith(".rt") for cell in cells):
        return "psychopy"
    if {"trial_type", "trial_index"} <= set(cells):
        return "jspsych"
    if source.options.sampling_hz is not None:
        return "matrix"
    if len(cells) == 1 and _is_number(cells[0].split("#")[0]):
        return "list"
    return "long"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip() == ""  # a comment: only a list has those
    return True


def _check(path: Path, format: str, options: Options) -> None:
    """Raise an OptionError for an option that the format does not have."""
    given = {f"{role}_column" for role in options.columns}
    for name in ("observer", "time_unit", "sampling_hz", "observers_in", "tier", "event"):
        if getattr(options, name) is not None:
            given.add(name)
    for name in sorted(given - set(ANNOTATION_FORMATS[format].options)):
        having = ", ".join(entry.name for entry in ANNOTATION_FORMATS.values() if name in entry.options)
        raise OptionError(
            f"{path}: {name} is for {having}, and this is read as {format}: leave it out, or give format="
        )


def _joined(found: Sequence[Read], where: str) -> AnnotationSet:
    """One AnnotationSet of what was read from one or more files."""
    names = {one.stimulus for one in found if one.stimulus}
    timed = any(not math.isnan(time) for one in found for time in one.time_s)
    marks = make_marks(
        [name for one in found for name in one.observer],
        time_s=[time for one in found for time in one.time_s] if timed else None,
        word=[word for one in found for word in one.word],
        grade=[grade for one in found for grade in one.grade],
        row=[row for one in found for row in one.row],
    )
    lists: dict[str, np.ndarray] = {}
    for one in found:
        for name, times in one.lists.items():
            if name in lists:
                raise DataError(f"{where}: two lists are called {name!r}: name them with observer=")
            lists[name] = np.asarray(times, dtype=np.float64)
    ratings = make_ratings(*zip(*[r for one in found for r in one.ratings], strict=True)) if any(
        one.ratings for one in found
    ) else make_ratings([], [], [])  # fmt: skip
    known = [one.duration_s for one in found if math.isfinite(one.duration_s)]
    observers = tuple(dict.fromkeys(name for one in found for name in one.observers))
    if not observers and not lists:
        raise DataError(f"{where}: no marks in it: give one observer's or more")
    return AnnotationSet(
        " + ".join(sorted(names)), marks, observers, max(known, default=math.nan), lists, ratings, source=where
    )
