"""Which format a file is in: by its name first, then by its content."""

import csv
import json
import re
from pathlib import PurePath

from emcog.transcript.formats.table import best_delimiter, columns_by_role, header_of
from emcog.transcript.registry import FORMATS

SUFFIXES = {suffix: entry.name for entry in FORMATS.values() for suffix in entry.suffixes}
SRT_START = re.compile(r"(?:\d+[^\S\n]*\n)?\d+:\d+:\d+[,.]\d+[^\S\n]*-->")
HEAD = 65_536  # characters that are looked at


def recognise(path: str, content: str) -> str:
    """Name of the format of a file with this path ("-": none) and content.

    A suffix that names one format decides, except that a .txt may hold any format with marks of its own and a .csv
    may be gentle's. What has no known suffix is told by its content, and is plain text if nothing else fits.
    """
    named = SUFFIXES.get(PurePath(path).suffix.lower())
    if named == "csv":
        return "gentle" if looks_like_gentle(content, is_table=True) else "csv"
    if named is None or named == "text":
        return sniff(content) or "text"
    return named


def sniff(content: str) -> str | None:
    """Name of the format that the content shows by its own marks; None if it may be any text."""
    head = content[:HEAD].lstrip()
    if re.match(r"WEBVTT(?:\s|$)", head):
        return "webvtt"
    if "ooTextFile" in head[:100] and "TextGrid" in head[:300]:
        return "textgrid"
    if SRT_START.match(head):
        return "srt"
    if head.startswith("{"):
        return "whisper" if looks_like_whisper(content) else None
    if looks_like_gentle(content):
        return "gentle"
    return looks_like_table(content)


def looks_like_whisper(content: str) -> bool:
    """True if the content is a JSON object with segments, words or chunks."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and any(isinstance(found.get(key), list) for key in ("segments", "words", "chunks"))


def first_rows(content: str, delimiter: str, count: int = 10) -> list[list[str]]:
    """The first rows of a table, without those that are empty."""
    lines = content[:HEAD].split("\n")
    lines = lines[:-1] if len(content) > HEAD and len(lines) > 1 else lines
    try:
        return list(csv.reader([line for line in lines if line.strip()][:count], delimiter=delimiter))
    except csv.Error:
        return []


def is_number(field: str) -> bool:
    """True if a field of a table is a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def looks_like_gentle(content: str, is_table: bool = False) -> bool:
    """True if the first rows are word, aligned word, onset, offset, with both times or neither, and no header.

    What is not known to be a table must have times in them: prose whose lines end in three commas keeps its commas.
    """
    rows = first_rows(content, ",")
    shaped = [len(row) == 4 and bool(row[0].strip()) for row in rows]
    if not rows or not all(shaped):
        return False
    timed = [is_number(row[2]) and is_number(row[3]) for row in rows]
    untimed = [not row[2].strip() and not row[3].strip() for row in rows]
    return all(a or b for a, b in zip(timed, untimed, strict=True)) and (
        any(timed) or (is_table and not any(row[1] for row in rows))
    )


def looks_like_table(content: str) -> str | None:
    """ "csv" or "tsv" if the first row names a column of words and one of onsets, and the next holds a number there."""
    delimiter = best_delimiter(header_of(content))
    rows = first_rows(content, delimiter, 2)
    if len(rows) < 2:
        return None
    roles = columns_by_role(rows[0])
    word, onset = roles.get("word"), roles.get("onset")
    if word is None or onset is None or len(rows[1]) != len(rows[0]) or not is_number(rows[1][onset]):
        return None
    return "tsv" if delimiter == "\t" else "csv"
