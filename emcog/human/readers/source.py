"""What every reader of annotations needs: decoded text, cells of a table, times with their unit, errors with rows."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emcog.errors import DataError

ALIASES = {
    "observer": (
        "observer", "participant", "participant_id", "subject", "subject_id", "sub", "subj", "rater", "annotator",
        "coder", "worker", "worker_id", "id", "prolific_pid",
    ),
    "time": ("time", "times", "press", "press_time", "boundary_time", "boundary", "onset", "timestamp", "rt"),
    "word": ("word", "word_index", "word_idx", "word_id", "word_number", "index"),
    "grade": ("grade", "grain", "granularity", "level", "condition"),
    "value": ("value", "rating", "ratings", "score"),
    "stimulus": ("stimulus", "story", "film", "movie", "video", "item"),
}  # fmt: skip
UNITS = {"s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3}
DECIMAL_COMMA = re.compile(r"\d+,\d+")
YES, NO = ("1", "1.0", "true", "True", "TRUE"), ("0", "0.0", "false", "False", "FALSE")
Body = list[tuple[int, list[str]]]
MISSING = frozenset({"", "n/a", "na", "nan", "none", "null", "-"})


@dataclass(frozen=True)
class Options:
    """What a caller may say about a file; None leaves it to the file."""

    stimulus: str | None = None
    observer: str | None = None
    time_unit: str | None = None
    duration_s: float = math.nan
    sampling_hz: float | None = None
    observers_in: str | None = None
    tier: str | None = None
    event: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """One file: its path, its label for messages, its text (empty for binary formats)."""

    path: Path
    label: str
    content: str
    options: Options

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    def error(self, message: str) -> DataError:
        """Make the one-line error that names this file."""
        return DataError(" ".join(f"{self.label}: {message}".split()))


@dataclass(frozen=True)
class Read:
    """What a reader found: parallel lists of marks, and what else there is."""

    observer: list[str] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    word: list[int] = field(default_factory=list)
    grade: list[str] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    observers: list[str] = field(default_factory=list)
    lists: dict[str, Any] = field(default_factory=dict)
    ratings: list[tuple[str, float, float, int]] = field(default_factory=list)
    duration_s: float = math.nan
    stimulus: str = ""

    def mark(self, observer: str, row: int, *, time_s: float | None = None, word: int = -1, grade: str = "") -> None:
        """Note one mark."""
        self.observer.append(observer)
        self.time_s.append(math.nan if time_s is None else time_s)
        self.word.append(word)
        self.grade.append(grade)
        self.row.append(row)
        self.present(observer)

    def present(self, observer: str) -> None:
        """Note that somebody took part, with a mark or without."""
        if observer not in self.observers:
            self.observers.append(observer)


def open_text(path: Path, options: Options) -> Source:
    """Read a text file as UTF-8, with or without a byte order mark.

    Raises
    ------
    DataError : no such file, a folder, unreadable, empty, or not UTF-8 (with the byte's offset).
    """
    label = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{label}: no such file: check the path") from None
    except OSError as error:
        raise DataError(f"{label}: cannot be read: {error.strerror or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{label}: byte {error.start} is not UTF-8: not text, or save it as UTF-8") from None
    if not text.strip():
        raise DataError(f"{label}: the file is empty: give annotations")
    return Source(path, label, text.replace("\r\n", "\n").replace("\r", "\n"), options)


def cells_of(source: Source, delimiter: str | None = None) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and body of a table, each row with its number as a spreadsheet counts (the header is row 1).

    Raises
    ------
    DataError : a row with more cells than the header has columns; a cell without an end; two columns of one name.
    """
    first = source.content.lstrip("\n").split("\n", 1)[0]
    if delimiter is None:
        delimiter = max(",\t;", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(source.content), delimiter=delimiter))
    except csv.Error as error:  # a quote that is never closed swallows the rest of a file
        raise source.error(f"not a table ({error}): look for a quotation mark that is never closed") from None
    body = [(i + 1, [cell.strip() for cell in row]) for i, row in enumerate(rows) if any(cell.strip() for cell in row)]
    if not body:
        raise source.error("a table of empty cells alone: give annotations")
    header = body[0][1]
    twice = next((name for i, name in enumerate(header) if name and name in header[:i]), None)
    if twice is not None:
        raise source.error(f"two columns are called {twice!r}: rename one, or take it out")
    for number, row in body[1:]:
        if len(row) > len(header):
            raise source.error(f"row {number} has {len(row)} columns where the header has {len(header)}")
    return header, [(number, row + [""] * (len(header) - len(row))) for number, row in body[1:]]


def column_of(source: Source, header: Sequence[str], role: str) -> int | None:
    """Index of the column with a role: the one that the caller named, else the first with a usual name.

    Raises
    ------
    DataError : the named column does not exist.
    """
    wanted = source.options.columns.get(role)
    if wanted is not None:
        if wanted not in header:
            raise source.error(f"no column {wanted!r}: the columns are {', '.join(header)}")
        return header.index(wanted)
    plain = [plain_name(name) for name in header]
    stems = [name.rpartition("_")[0] if role == "time" and name.rpartition("_")[2] in UNITS else name for name in plain]
    return next((stems.index(alias) for alias in ALIASES[role] if alias in stems), None)


def counted(body: Body, column: int | None) -> bool:
    """Whether a column holds numbers: one called word may hold the words themselves."""
    return column is not None and all(
        re.fullmatch(r"[-+.\deE]*", row[column]) or row[column].casefold() in MISSING for _, row in body
    )


def plain_name(name: str) -> str:
    """A column's name in lower case with single underscores."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def scale_of(source: Source, column: str) -> float:
    """Seconds in the unit of a column of times: the caller's, that of its name (time_ms), or 1."""
    if source.options.time_unit is not None:
        return UNITS[source.options.time_unit]
    stem, _, unit = plain_name(column).rpartition("_")
    return UNITS.get(unit, 1.0) if stem else 1.0


def number(source: Source, cell: str, row: int, column: str) -> float | None:
    """Number in a cell; None where it says that there is none.

    Raises
    ------
    DataError : something else, with its row.
    """
    if cell.casefold() in MISSING:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.inf
    if not math.isfinite(value) and DECIMAL_COMMA.fullmatch(cell):
        raise source.error(
            f"row {row}: {cell[:40]!r} in column {column!r} has a decimal comma: write {cell.replace(',', '.')[:40]}; "
            "a spreadsheet saves points when its language is English"
        )
    if not math.isfinite(value):
        raise source.error(
            f"row {row}: {cell[:40]!r} in column {column!r} is not a number: correct it, or leave it empty"
        )
    return value


def rescaled(value: float, scale: float) -> float:
    """A time in seconds; milliseconds are divided, so that 27118 ms is 27.118 s and nothing near it."""
    return value / 1000 if scale == 1e-3 else value * scale
