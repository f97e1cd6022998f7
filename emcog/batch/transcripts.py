"""A plan's transcripts: the files that its names and patterns mean, found in bounded time."""

import fnmatch
import glob
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from emcog.errors import OptionError
from emcog.excerpts import first_words

MAX_FILES = 100_000
PATIENCE_S = 8.0
"""Seconds that looking for all of a plan's files may take: of the ten in which any plan is read or refused."""


def find_transcripts(base: Path, patterns: Sequence[str], out: Path) -> tuple[Path, ...]:
    """The files that names and patterns mean, each once, in the order of the patterns and then of their names.

    Parameters
    ----------
    base : folder that the patterns are relative to; ~ is the user's home.
    patterns : as `glob.glob(..., recursive=True)` takes them, but `..` stands in front of wildcards only. A folder that
        is reached in several ways (by links) is looked through once.
    out : folder of the results, whose jobs are no transcripts.

    Raises
    ------
    OptionError : a pattern that no file matches, that matches too many, or that takes too long to look up.
    """
    deadline = time.monotonic() + PATIENCE_S
    found: dict[Path, None] = {}
    results = normal(out / "jobs")
    for pattern in patterns:
        try:
            literal = normal(place(base, pattern))
            matches: Iterator[Path] = iter([literal]) if os.path.isfile(literal) else _matches(base, pattern, deadline)
            files = (match for match in matches if not match.is_relative_to(results))
            several = sorted(islice(files, MAX_FILES + 1), key=str)
        except OptionError as error:
            raise OptionError(f"transcripts: {_told(pattern)} {error}") from None
        except (OSError, ValueError, RecursionError) as error:
            reason = first_words(str(error), 200)
            raise OptionError(f"transcripts: {_told(pattern)} cannot be looked up: {reason}") from None
        if not several:
            raise OptionError(f"transcripts: no file matches {_told(pattern)}: patterns are relative to the plan")
        found |= dict.fromkeys(several)
        if len(found) > MAX_FILES:
            raise OptionError(f"transcripts: {_told(pattern)} matches too many files: name {MAX_FILES:,} at most")
    return tuple(found)


def place(base: Path, name: str) -> Path:
    """Where a plan's name lies."""
    try:
        return Path(base, Path(name).expanduser())
    except RuntimeError:  # "~someone", or ~ where nobody is at home
        return Path(base, name)


def normal(path: Path) -> Path:
    """The path without `x/..`, where that is the same place (which links may make another), so that it counts once."""
    short = Path(os.path.normpath(path))
    try:
        return short if short == path or os.path.samefile(short, path) else path
    except (OSError, ValueError):
        return path


def _matches(base: Path, pattern: str, deadline: float) -> Iterator[Path]:
    """Files that match a pattern. Each folder is looked at once with what is left of the pattern there."""
    parts = Path(pattern).parts
    first = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    if ".." in parts[first:]:
        raise OptionError("has .. behind a wildcard: write the folders that are meant")
    waiting = deque([(normal(place(base, os.path.join("", *parts[:first]))), first)] if first < len(parts) else [])
    seen: set[tuple[int, int, int]] = set()
    while waiting:
        folder, i = waiting.popleft()
        if not _is_new(folder, i, seen):
            continue
        for path, left in _steps(folder, parts, i, partial(_check_time, deadline)):
            if left < len(parts):
                waiting.append((path, left))
            elif os.path.isfile(path):
                yield path


def _steps(folder: Path, parts: tuple[str, ...], i: int, check_time: Callable[[], None]) -> Iterator[tuple[Path, int]]:
    """Where part `i` of a pattern leads from a folder, and which part comes next there."""
    part = parts[i]
    if not glob.has_magic(part):
        yield folder / part, i + 1
        return
    if part == "**":
        yield folder, i + 1
    for entry in _entries(folder, check_time):
        if entry.name.startswith(".") and not part.startswith("."):
            continue
        if part == "**" and _is_folder(entry):
            yield folder / entry.name, i
        elif fnmatch.fnmatch(entry.name, part) and (part != "**" or i == len(parts) - 1):
            yield folder / entry.name, i + 1


def _is_new(folder: Path, i: int, seen: set[tuple[int, int, int]]) -> bool:
    try:
        about = os.stat(folder)
    except OSError:  # not there, or not for us
        return False
    known = (about.st_dev, about.st_ino, i)
    new = known not in seen
    seen.add(known)
    return new


def _entries(folder: Path, check_time: Callable[[], None]) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing where it cannot be read."""
    several = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                check_time()
                several.append(entry)
    except OSError:
        return []
    return sorted(several, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise OptionError("would be looked for in too many folders: begin it with the folder that holds the files")


def _told(pattern: str) -> str:
    return first_words(repr(pattern), 200)
