"""Checksums of the data that analyses read: what was made of other data is told from what is to be made."""

import hashlib
from functools import cache
from pathlib import Path

from emcog.files import sha256_file
from emcog.human.datasets import find_dataset
from emcog.reproduce.listed import ANALYSES
from emcog.reproduce.stories import heldout_books

DATASETS = ("demo", "films", "kumar2023", "natural_stories", "sherlock")
"""What analyses of stories read; a book (of PG-19, or held out from training) is read by those of memory too."""


def input_checksums(analysis: str) -> dict[str, str]:
    """SHA-256 of everything that an analysis may read and that is here, by the name of the data."""
    about = ANALYSES[analysis]
    names = (*(DATASETS if about.stories else ()), *(("pg19",) if about.model else ()))
    folders = {name: folder for name in names if (folder := find_dataset(name)) is not None}
    found = {name: _of_folder(folder) for name, folder in folders.items()}
    if about.model and "pg19" not in found:
        found |= {path.name: _of_file(path) for path in heldout_books()[:1]}
    return found


def _of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {_of_file(path)}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    status = path.stat()
    return _once(path, status.st_size, status.st_mtime_ns)


@cache
def _once(path: Path, size: int, changed: int) -> str:
    """The checksum of a file as it is now: a plan with many models asks for it often."""
    return sha256_file(path)
