"""Checksums of the data and models that analyses read: what was made of others is told from what is to be made."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from emcog.files import sha256_file
from emcog.human.datasets import find_dataset
from emcog.reproduce.listed import ANALYSES
from emcog.reproduce.stories import heldout_books

DATASETS = ("demo", "films", "kumar2023", "natural_stories", "sherlock")
"""What analyses of stories read; a book (of PG-19, or held out from training) is read by those of memory too."""

MODEL_FILES = (".safetensors", ".bin", ".json", ".model", ".txt")


def input_checksums(analysis: str, data: Sequence[str] | None = None) -> dict[str, str]:
    """SHA-256 of everything that an analysis may read and that is here, by the name of the data.

    data : what it was told to read, where it runs on stories; None for all.
    """
    about = ANALYSES[analysis]
    names = (*(DATASETS if about.stories else ()), *(("pg19",) if about.model else ()))
    if about.stories and data is not None:
        names = tuple(name for name in names if name in data or (name == "pg19" and "book" in data))
    folders = {name: folder for name in names if (folder := find_dataset(name)) is not None}
    found = {name: folder_checksum(folder) for name, folder in folders.items()}
    if about.model and "pg19" not in found and (data is None or not about.stories or "book" in data):
        found |= {path.name: file_checksum(path) for path in heldout_books()[:1]}
    return found


def model_checksum(folder: Path) -> str:
    """SHA-256 of a model's folder: weights, configuration and tokenizer, as they lie at its top."""
    return _of_files(folder, (path for path in folder.iterdir() if path.suffix in MODEL_FILES))


def file_checksum(path: Path) -> str:
    """SHA-256 of a file as it is now."""
    status = path.stat()
    return _once(path, status.st_size, status.st_mtime_ns)


def folder_checksum(folder: Path) -> str:
    """SHA-256 of the names and contents of all files in a folder."""
    return _of_files(folder, folder.rglob("*"))


def _of_files(folder: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {file_checksum(path)}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()


@cache
def _once(path: Path, size: int, changed: int) -> str:
    """The checksum of a file as it is now: a plan with many models asks for it often."""
    return sha256_file(path)
