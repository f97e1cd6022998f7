"""What tells a damaged or forged memory from a whole one, before and while it is read."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from emcog.errors import EmcogError, StorageError
from emcog.excerpts import first_words

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
COLUMNS = ("ids.i8", "surprisal.f8", "text_end.i8", "text.utf8", "events.i8", "recalls.bin")
SECTIONS = {"model": dict, "config": dict, "files": dict, "plain": dict, "state": str, "state_sha256": str}
F = TypeVar("F", bound=Callable[..., Any])


def check_manifest(path: Path, manifest: dict[str, Any], segment: int) -> None:
    """Raise a StorageError unless a manifest has all its sections, and names plain files with whole sizes.

    segment : bytes under one checksum.
    """
    for name, kind in SECTIONS.items():
        if not isinstance(manifest.get(name), kind):
            raise _damaged(path, f"its section {name!r} is missing or of the wrong kind")
    files = manifest["files"]
    if missing := [name for name in COLUMNS if name not in files]:
        raise _damaged(path, f"it names no file {missing[0]!r}")
    for name in (*files, manifest["state"]):
        if not NAME.fullmatch(name):
            raise _damaged(path, f"{first_words(repr(name), 100)} is no name of a file in its folder")
    for name, entry in files.items():
        if not isinstance(entry, dict) or not _is_whole(entry, segment):
            raise _damaged(path, f"its entry of {name!r} is not whole")


def _is_whole(entry: dict[str, Any], segment: int) -> bool:
    rows, size, sums = (entry.get(key) for key in ("rows", "bytes", "crc32"))
    if type(rows) is not int or type(size) is not int or not isinstance(sums, list):
        return False
    return rows >= 0 and size >= 0 and len(sums) == -(-size // segment)


def _damaged(path: Path, reason: str) -> StorageError:
    return StorageError(f"{path} is damaged: {reason}; restore it from a copy, or read the text again")


def tells_damage(place: int) -> Callable[[F], F]:
    """A decorator: whatever goes wrong in reading a memory, whose folder is argument number `place`, is one line."""

    def decorate(function: F) -> F:
        """The function, so that it tells damage."""

        @functools.wraps(function)
        def told(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            except EmcogError:
                raise
            # A checksum that fits vouches for bytes, not for sense: what a forged file breaks has no common class.
            except Exception as error:
                what = first_words(f"{type(error).__name__}: {error}", 200)
                advice = "restore it from a copy, or read the text again"
                raise StorageError(f"the memory in {arguments[place]} is damaged ({what}): {advice}") from error

        return told  # type: ignore[return-value]

    return decorate
