"""Which books a memory folder holds, and how far each was read: what going on after a break needs."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from emcog.errors import OptionError, StorageError
from emcog.excerpts import first_words
from emcog.files import write_files
from emcog.lm import load_lm
from emcog.memory import EpisodicLM, MemoryConfig, read_manifest
from emcog.memory.saving import BOOKS, LOCK
from emcog.records import parse_json
from emcog.transcript import Transcript

ENTRY = {"name": str, "sha256": str, "n_characters": int, "first_token": int, "first_character": int}
SHARE = 20
"""Saving takes at most one part in so many of the time."""
WHOLE = 2**18
"""Tokens of the largest memory that is looked through token by token when it is asked something."""

Progress = Callable[[int, int], None] | None


def open_memory(
    folder: Path, model: str | None, device: str = "auto", dtype: str | None = None, trust_remote_code: bool = False
) -> EpisodicLM:
    """A saved memory with the model that read it; `model` and `dtype` say where it is now and how it is to compute."""
    told = read_manifest(folder)["model"]
    lm = load_lm(
        model or told["name"], device=device, dtype=dtype or told["dtype"], trust_remote_code=trust_remote_code
    )
    return EpisodicLM.load(folder, lm)


def load_settings(folder: Path, given: Mapping[str, Any]) -> tuple[MemoryConfig, bool]:
    """The settings to read with, and whether the folder holds a memory already.

    Raises OptionError where the settings given are not those that the memory was begun with, or other files lie there.
    """
    new = MemoryConfig(**{"tier": "file", **given})
    if not (folder / "memory.json").exists():
        there = {part.name for part in folder.iterdir()} if folder.is_dir() else set()
        if there and not there & {BOOKS, LOCK}:  # one of which a reading that was broken off has left
            raise OptionError(f"{folder} holds other files: name a new folder for the memory")
        return new, False
    kept = MemoryConfig(**read_manifest(folder)["config"])
    for name in given:
        if getattr(new, name) != getattr(kept, name):
            raise OptionError(
                f"the memory in {folder} was begun with {name}={getattr(kept, name)!r}, not {getattr(new, name)!r}: "
                "leave the option out, or choose another folder"
            )
    return kept, True


class Shelf:
    """The books of a folder, in the order in which they were read.

    Attributes
    ----------
    books : dicts of name, sha256 (of the file), n_characters; first_token and first_character in all that was read.
    """

    def __init__(self, folder: Path, books: list[dict[str, Any]]):
        self.folder, self.books = folder, books

    @classmethod
    def open(cls, folder: Path) -> "Shelf":
        """The shelf of a folder, empty where it has none. StorageError if it is damaged."""
        path = folder / BOOKS
        try:
            found = [_entry(book) for book in parse_json(path.read_bytes())["books"]]
        except FileNotFoundError:
            return cls(folder, [])
        except NotADirectoryError:
            raise StorageError(f"{folder} is a file, and a memory is a folder: choose another name") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = first_words(str(error), 200)
            raise StorageError(
                f"{path} is damaged or cannot be read ({reason}): restore it from a copy, or choose another folder"
            ) from error
        return cls(folder, found)

    def place(self, book: Transcript, memory: EpisodicLM) -> int:
        """Tokens of a book that the memory has read already, be it before others; a new one is put on the shelf.

        Raises
        ------
        OptionError : another book was not read to its end, or something else was read in its midst.
        """
        # A book that was begun, but of which nothing was saved, is forgotten.
        self.books = [entry for entry in self.books if entry["first_token"] < memory.n_tokens]
        if self.books:
            last = self.books[-1]
            done = memory.text[last["first_character"] :]
            if last["sha256"] == book.sha256 and book.text.startswith(done):
                return memory.n_tokens - int(last["first_token"])
            for entry, following in pairwise(self.books):
                place = slice(entry["first_character"], following["first_character"])
                if entry["sha256"] == book.sha256 and memory.text[place] == book.text:  # read before others
                    return int(following["first_token"] - entry["first_token"])
            if len(done) < last["n_characters"]:
                raise OptionError(
                    f"{self.folder} is in the midst of {last['name']}, and {book.name} is another book or was changed: "
                    "finish that one first, or choose another folder"
                )
        self.books.append({
            "name": book.name, "sha256": book.sha256, "n_characters": len(book.text),
            "first_token": memory.n_tokens, "first_character": len(memory.text),
        })  # fmt: skip
        write_files(self.folder, {BOOKS: json.dumps({"books": self.books}, indent=1).encode()})
        return 0


def _entry(book: Any) -> dict[str, Any]:
    """A book's entry, checked: an error of the usual kinds if anything in it is not what it should be."""
    entry = {key: book[key] for key in ENTRY}
    for key, kind in ENTRY.items():
        if type(entry[key]) is not kind or (kind is int and entry[key] < 0):
            raise ValueError(f"{first_words(repr(entry[key]), 40)} is no {key}")
    return entry


def read_book(memory: EpisodicLM, book: Transcript, folder: Path, progress: Progress = None) -> tuple[int, int]:
    """Read a book, or the rest of it, and save the memory on the way and at the end.

    It is saved after the first chunk, then as often as costs a twentieth of the time. Ctrl-C takes effect between two
    chunks, and what was read until then is saved; a second one takes effect at once.

    Returns
    -------
    tokens read now, tokens that had been read before.
    """
    before, first = Shelf.open(folder).place(book, memory), memory.n_tokens
    due = 0.0
    with _between_chunks() as interrupted:

        def after_chunk(done: int, total: int) -> None:
            """Tell how far it is, and save where it is time to or where it ends here."""
            nonlocal due
            if progress is not None:
                progress(done, total)
            start = time.monotonic()
            if done < total and (start >= due or interrupted()):
                memory.save(folder)
                due = time.monotonic() + (SHARE - 1) * (time.monotonic() - start)
                if interrupted():
                    raise KeyboardInterrupt

        memory.read(book, start=before, progress=after_chunk)
        memory.save(folder)
    return memory.n_tokens - first, before


@contextmanager
def _between_chunks() -> Iterator[Callable[[], bool]]:
    """Within this context Ctrl-C is only noted, the first time; gives a function that says whether it was."""
    noted: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield lambda: False  # whoever has taken it over decides
        return

    def note(number: int, _: Any) -> None:
        """Take a Ctrl-C down; the next one ends the program."""
        noted.append(number)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, usual)


def search_whole(memory: EpisodicLM) -> EpisodicLM:
    """A copy of a memory to be asked: it finds events by every token's key, which finds most, where that takes little
    time."""
    if memory.config.compat is not None or memory.n_tokens > WHOLE:
        return memory.fork()
    return memory.fork(representative="all")
