"""Tables of words (CSV, TSV): a column of words, and optionally of onsets, offsets or durations, and speakers."""

import csv
import io
import re
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from emcog.excerpts import quoted
from emcog.transcript.source import Source, wrong_format
from emcog.transcript.words import check_times, timed_words

DELIMITERS = (",", "\t", ";")
SLOW_S = 30.0
"""Seconds between onsets, in the median, at which they are doubted: nobody speaks so slowly."""
UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
}  # fmt: skip
ALIASES = {  # usual names of each column, the likeliest first; a time's may end in a unit (onset_ms)
    "word": ("word", "words", "token", "tokens", "text", "label", "orthography", "ort", "transcript", "utterance"),
    "onset": ("onset", "start", "onset_time", "start_time", "starttime", "word_onset", "begin", "begin_time",
              "time_start", "t_start", "tmin", "xmin", "from", "time"),
    "offset": ("offset", "end", "offset_time", "end_time", "endtime", "word_offset", "stop", "stop_time", "finish",
               "time_end", "t_end", "tmax", "xmax", "to"),
    "duration": ("duration", "dur"),
    "speaker": ("speaker", "speaker_id", "speaker_name", "talker", "spk"),
}  # fmt: skip
MISSING = {"", "n/a", "na", "nan", "none", "null", "<na>", "-", "."}
Where = Callable[[int], str]


def read_csv(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of a table with a header whose columns are separated by commas, semicolons or tabs."""
    return _read_table(source, best_delimiter(header_of(source.content), source.word_column), "CSV")


def read_tsv(source: Source) -> tuple[str, pd.DataFrame]:
    """Words of a table with a header whose columns are separated by tabs."""
    return _read_table(source, "\t", "TSV")


def _read_table(source: Source, delimiter: str, kind: str) -> tuple[str, pd.DataFrame]:
    cells, first = load_cells(source, delimiter, kind)
    header = cells.iloc[0].tolist()

    def where(row: int) -> str:
        return f"row {row + first + 1}"

    roles = _chosen_columns(source, header, kind)
    body = cells.iloc[1:]
    words = body[roles["word"]].tolist()
    if delimiter != "\t":
        runaway = next((i for i, word in enumerate(words) if "\n" in word), None)
        if runaway is not None and _swallowed(words[runaway], delimiter, len(header)):
            raise source.error(f"{where(runaway)}: a quoted word runs over several rows: close or double its quotes")

    times = {}
    for role in ("onset", "offset", "duration"):
        if role in roles:
            name = header[roles[role]]
            scale = UNITS[source.time_unit] if source.time_unit else _unit_of(name)
            times[role] = parse_times(source, body[roles[role]], name, scale, where, comma=delimiter == ";")
    unknown = np.full(len(words), np.nan)
    onset = times.get("onset", unknown)
    offset = times["offset"] if "offset" in times else onset + times.get("duration", unknown)
    silent = np.fromiter((not word or word.isspace() for word in words), dtype=bool, count=len(words))
    check_times(np.where(silent, np.nan, onset), np.where(silent, np.nan, offset), where, source.error)

    _doubt_unit(source, onset[~silent], header[roles["onset"]] if "onset" in roles else "")
    speakers = None
    if "speaker" in roles:
        named = (" ".join(name.split()) for name in body[roles["speaker"]])
        speakers = [name for name, word in zip(named, words, strict=True) for _ in word.split()]
    return timed_words(words, onset, offset, speakers)


def _doubt_unit(source: Source, onset: np.ndarray, name: str) -> None:
    """Warn where seconds that nobody has named as such lie so far apart that they will be milliseconds."""
    gaps = np.diff(onset[~np.isnan(onset)])
    if source.time_unit or _has_unit(name) or len(gaps) < 5 or np.median(gaps) <= SLOW_S:
        return
    warnings.warn(
        f"{source.label}: the words' onsets lie {np.median(gaps):g} s apart: if they are milliseconds, say so with "
        "time_unit='ms' (--time-unit ms)",
        stacklevel=2,
    )


def _swallowed(word: str, delimiter: str, width: int) -> bool:
    """True if a cell with line ends seems to hold whole rows: an opening quote was never closed."""
    return any(line.count(delimiter) >= width - 1 for line in word.split("\n")[1:]) and width > 1


def header_of(content: str) -> str:
    """The first line that is not empty."""
    return content[:65_536].lstrip("\n \t").split("\n", 1)[0]


def best_delimiter(header: str, word_column: str | None = None) -> str:
    """Delimiter by which a header has a column of words; the one that makes the most columns if several do."""

    def fit(delimiter: str) -> tuple[bool, int]:
        names = _split_row(header, delimiter)
        found = word_column in names if word_column is not None else "word" in columns_by_role(names)
        return found, len(names)

    return max(DELIMITERS, key=fit)


def _split_row(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _plain_name(name: str) -> str:
    """A column's name in the form of the aliases: lower case, single underscores."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _unit_of(name: str) -> float:
    """Seconds in the unit that a column's name ends in; 1 without one."""
    return UNITS[_plain_name(name).rpartition("_")[2]] if _has_unit(name) else 1.0


def _has_unit(name: str) -> bool:
    stem, _, unit = _plain_name(name).rpartition("_")
    return bool(stem) and unit in UNITS


def columns_by_role(header: Sequence[str]) -> dict[str, int]:
    """Index of the column for each role (word, onset, offset, duration, speaker) that the header has."""
    names = [_plain_name(name) for name in header]
    found = {}
    for role, aliases in ALIASES.items():
        timed = role in ("onset", "offset", "duration")
        bare = [name.rpartition("_")[0] if timed and name.rpartition("_")[2] in UNITS else name for name in names]
        bare = [short or name for short, name in zip(bare, names, strict=True)]
        alias = next((alias for alias in aliases if alias in bare), None)
        if alias is not None:
            found[role] = bare.index(alias)
    return found


def _chosen_columns(source: Source, header: Sequence[str], kind: str) -> dict[str, int]:
    """Columns by role: those that the caller names, else those with a usual name."""
    roles = columns_by_role(header)
    listed = ", ".join(quoted(name, 30) for name in header[:20])
    for role in ("word", "onset", "offset", "speaker"):
        wanted = getattr(source, f"{role}_column")
        if wanted is None:
            continue
        names = list(header) if wanted in header else [_plain_name(name) for name in header]
        wanted_name = wanted if wanted in header else _plain_name(wanted)
        if wanted_name not in names:
            raise source.error(f"no column {quoted(wanted)}: the columns are {listed}")
        roles[role] = names.index(wanted_name)
    for index in roles.values():
        if header.count(header[index]) > 1:
            raise source.error(f"two columns are called {quoted(header[index])}: rename one, or take it out")
    if "word" not in roles:
        raise wrong_format(
            source,
            f"not a {kind} table with a column of words: the first row is {listed}; name the column with "
            "word_column (--word-column), or give the table a header",
        )
    return roles


def load_cells(source: Source, delimiter: str, kind: str) -> tuple[pd.DataFrame, int]:
    """Cells of a table as they stand, all of them str, and the number of the first row, from 1.

    Nothing is taken for missing: "null", "NA" and "nan" are words.
    """
    body = source.content.lstrip("\n")
    blank = len(source.content) - len(body)
    try:
        cells = _parse_cells(body, delimiter, csv.QUOTE_MINIMAL)
    except pd.errors.ParserError as error:
        if delimiter != "\t" or "EOF inside string" not in str(error):
            raise wrong_format(source, f"not a {kind} table: {_reason(str(error), blank)}") from None
        cells = None
    # Tab-separated words are often not quoted at all, so that a word may begin with a quote of its own: then quotes
    # join lines, and there are fewer rows than lines.
    if delimiter == "\t" and (cells is None or len(cells) < body.count("\n") + (not body.endswith("\n"))):
        try:
            cells = _parse_cells(body, delimiter, csv.QUOTE_NONE)
        except pd.errors.ParserError as error:
            raise wrong_format(source, f"not a {kind} table: {_reason(str(error), blank)}") from None
    return cells, blank + 1


def _parse_cells(content: str, delimiter: str, quoting: int) -> pd.DataFrame:
    cells = pd.read_csv(
        io.StringIO(content), sep=delimiter, header=None, dtype=str, keep_default_na=False, na_filter=False,
        quoting=quoting, skip_blank_lines=False, skipinitialspace=True, engine="c",
    )  # fmt: skip
    return cells.fillna("")


def _reason(message: str, blank: int) -> str:
    """What pandas' parser says, in our words."""
    uneven = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if uneven:
        expected, row, saw = (int(number) for number in uneven.groups())
        return (
            f"row {row + blank} has {saw} columns where the first has {expected}: quote cells that hold the delimiter"
        )
    unclosed = re.search(r"EOF inside string starting at row (\d+)", message)
    if unclosed:
        return f"row {int(unclosed.group(1)) + blank + 1}: a quoted word is never closed: close or double its quotes"
    return message.splitlines()[0] if message else "it cannot be parsed"


def parse_times(
    source: Source, cells: pd.Series, name: str, scale: float, where: Where, comma: bool = False
) -> np.ndarray:
    """Seconds in a column of str; NaN where it says that a time is missing. shape (n_rows,)"""
    given = cells.str.replace(",", ".", regex=False) if comma else cells
    values = pd.to_numeric(given.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    unread = cells[np.isnan(values)].str.strip()
    wrong = unread[~unread.str.casefold().isin(MISSING)]
    if len(wrong):
        row = int(cells.index.get_loc(wrong.index[0]))
        raise source.error(
            f"{where(row)}: {quoted(wrong.iloc[0])} in column {quoted(name)} is not a number: give seconds, or leave "
            "it empty"
        )
    return values / 1000 if scale == 1e-3 else values * scale
