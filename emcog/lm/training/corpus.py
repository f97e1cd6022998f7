"""Reading documents from plain or xz-compressed text files."""

import lzma
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from emcog.errors import DataError
from emcog.files import is_device

SEPARATOR = "\n\f\n"
"""Between two documents of one file: a line that holds only a form feed."""


def read_documents(path: Path) -> Iterator[str]:
    """Yield the documents of one UTF-8 text file (`.txt`, or `.xz` compressed), separated by form-feed lines.

    Raises
    ------
    DataError : the file is missing, is not UTF-8 or is not what its name says.
    """
    if is_device(path):
        raise DataError(f"cannot read training text {path}: a device, not a file; give UTF-8 .txt or .txt.xz files")
    try:
        content = path.read_bytes()
        text = (lzma.decompress(content) if path.suffix == ".xz" else content).decode("utf-8")
    except (OSError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise DataError(f"cannot read training text {path}: {error}; give UTF-8 .txt or .txt.xz files") from error
    for document in text.replace("\r\n", "\n").split(SEPARATOR):
        if document := document.strip("\n\f"):
            yield document


def check_words(paths: Sequence[Path]) -> None:
    """Raise a DataError if not one of the texts that are there has a word in it."""
    there = [path for path in paths if path.exists()]  # of others there may be token files
    if there and not any(document.strip() for path in there for document in read_documents(path)):
        raise DataError(f"no words in the training texts ({', '.join(map(str, there))}): give others")


def sample_text(paths: Iterable[Path], characters_per_file: int) -> Iterator[str]:
    """Yield documents from every file, up to a number of characters from each: enough to learn a vocabulary."""
    for path in paths:
        left = characters_per_file
        for document in read_documents(path):
            yield document[:left]
            left -= len(document)
            if left <= 0:
                break
